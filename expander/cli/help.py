"""``expander help``: a command's help, a topic, or the manual pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from expander.base.errors import UsageError, suggest
from expander.base.text import counted
from expander.base.urls import without_credentials
from expander.cli.output.streams import Output, say
from expander.cli.output.table import table
from expander.cli.pages.page import GroupPage, Page

EXAMPLES = """
\b
Examples:
  expander help                             list the topics
  expander help items
  expander help queue fill                  as expander queue fill --help
  expander help --man ~/.local/share/man/man1

\b
Exit codes: 0, or 2 for an unknown topic and a folder that cannot be written.
"""

MAX_NEAR: Final = 4
"""Names that a hint proposes."""

MIN_WORD_CHARS: Final = 3
"""Characters of a word that is looked for."""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[TOPIC | COMMAND...]", nargs=-1)
@click.option(
    "--man", "manual", metavar="DIR", help="Write a manual page for every command into the folder DIR."
)
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], manual: str | None) -> int:
    """Show the help of a command or a topic, or list the topics."""
    if manual is not None:
        if names:
            raise UsageError("--man writes all pages; it takes no TOPIC")
        if not manual:
            raise UsageError("--man: found '', expected a folder", hint="the current folder is .")
        _refuse_command(ctx, manual)
        say(f"wrote {counted(_write_manual(ctx, Path(manual)), 'manual page')} to {manual}")
        return 0
    out = Output()
    out.put(_help(ctx, names) if names else _topics())
    out.finish()
    return 0


def _refuse_command(ctx: click.Context, manual: str) -> None:
    """Raise UsageError for a command in place of the folder, as ``man`` takes one."""
    program = ctx.find_root().command
    assert isinstance(program, click.Group)
    if manual in program.list_commands(ctx) and not Path(manual).exists():
        raise UsageError(
            f"--man: found the command {manual!r}, expected a folder",
            hint=f"expander help {manual} shows its help; for a folder of that name: --man ./{manual}",
        )


def _topics() -> str:
    from expander.cli.pages.topic import title_of, topics

    lines = table([(f"  {name}", title_of(path)) for name, path in topics().items()])
    return f"Topics:\n{''.join(lines)}\nexpander help TOPIC shows one; expander --help lists the commands.\n"


def _help(ctx: click.Context, names: tuple[str, ...]) -> str:
    """The help that is meant by ``names``: of a command, or a topic."""
    from expander.cli.pages.topic import plain_text, topics

    found = topics()
    if len(names) == 1 and names[0] in found:
        width = ctx.make_formatter().width
        return plain_text(found[names[0]].read_text(encoding="utf-8"), width)
    context = ctx.find_root()
    for name in names:
        group = context.command
        known = group.list_commands(context) if isinstance(group, click.Group) else []
        if name not in known:
            if context.parent is not None and not known:
                raise UsageError(f"{context.command_path} has no commands; found {name!r}")
            raise _unknown(name, [*known, *(found if context.parent is None else ())], context)
        assert isinstance(group, click.Group)
        below = group.get_command(context, name)
        assert below is not None
        context = click.Context(below, info_name=name, parent=context, **below.context_settings)
    return context.get_help() + "\n"


def _unknown(name: str, known: list[str], context: click.Context) -> UsageError:
    """The error for a name that is no command or topic, with those that may be meant."""
    word = name.lower()
    hint = "expander help lists the topics, expander --help the commands"
    if len(word) >= MIN_WORD_CHARS:
        close = suggest(word, known)
        near = [each for each in known if word in each] or ([close] if close else [])
        if near:
            hint = f"did you mean {' or '.join(near[:MAX_NEAR])}?"
        elif context.parent is None and (found := _about(word, context)):
            hint = f"about {without_credentials(name)}: expander help {' or '.join(found[:MAX_NEAR])}"
    return UsageError(f"unknown command or topic {without_credentials(name)!r}", hint=hint)


def _about(word: str, context: click.Context) -> list[str]:
    """The commands whose summary has the word, and the topics whose page has it."""
    from expander.cli.pages.topic import topics

    program = context.command
    assert isinstance(program, GroupPage)
    found = [name for name, summary in program.summaries(context) if word in summary.lower()]
    return found + [name for name, path in topics().items() if word in path.read_text("utf-8").lower()]


def _write_manual(ctx: click.Context, target: Path) -> int:
    """Write all manual pages below ``target``, which is made if need be; how many there are."""
    from expander.cli.pages.manual import manual_name, manual_page
    from expander.cli.pages.reference import references
    from expander.group.results import write_atomically
    from expander.sinks.stream import output_error
    from expander.version import __version__

    program = ctx.find_root().command
    assert isinstance(program, click.Group)
    pages = [*references(program, "expander")]
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("make", f"the folder {target}", error) from error
    for page in pages:
        above = page.name.rpartition(" ")[0]
        related = [above] * bool(above) + [f"{page.name} {name}" for name, _ in page.commands]
        text = manual_page(page, __version__, related)
        write_atomically(target / manual_name(page), [text.encode()])
    return len(pages)
