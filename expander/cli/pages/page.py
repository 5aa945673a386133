"""Help pages: options under headings, examples, the environment."""

from __future__ import annotations

from typing import Any, Final

import click

from expander.base.errors import UsageError, suggest
from expander.base.regex import regex
from expander.base.urls import without_credentials
from expander.cli.options.log import log_options, start_log

COMMAND: Final = "Command (-- CMD)"

SECTIONS: Final = {
    "Items": (
        "sources",
        "delimiter",
        "no_header",
        "columns",
        "items_schema",
        "unique",
        "combine",
        "include",
        "exclude",
        "slice",
        "limit",
        "key",
    ),
    COMMAND: (
        "image",
        "images",
        "image_commands",
        "env",
        "requests",
        "limits",
        "restart",
        "name",
        "backoff_limit",
        "print_template",
    ),
    "Template": (
        "engine",
        "text",
        "overrides",
        "value_files",
        "envsubst",
        "shell",
        "allow_shell",
        "no_validate",
        "kubernetes_version",
        "crds",
        "policies",
    ),
    "Shape": ("shape", "parallelism", "queue_url", "queue_secret", "queue_name"),
    "Selection": ("group", "selector", "namespace", "everywhere", "group_label"),
    "Labels": ("labels", "annotations", "overwrite", "ttl"),
    "Location": ("local", "state", "kubeconfig", "context"),
    "Execution": (
        "jobs",
        "runtime",
        "claims",
        "variables",
        "cpus",
        "memory",
        "backoff_base",
    ),
    "Submission": (
        "qps",
        "burst",
        "max_in_flight",
        "max_active",
        "retry_budget",
        "on_exists",
        "on_quota",
        "quota_timeout",
        "queue",
        "server_side",
        "force_conflicts",
    ),
    "Log": ("verbosity", "log_file"),
}
"""Headings and the parameters below them; all others come first."""

NUMBER_METAVAR: Final = regex("(?:INTEGER|FLOAT)(?: RANGE)?")
"""click's words for a number."""

EXAMPLE_COMMAND: Final = regex(r"(?:(?<=\n  )|(?<=\| )|(?<=& )|(?<=<\())expander ")
"""The program's name in an example, also in a pipeline."""

LABELLING: Final = frozenset(("group", "namespace", "group_label"))
"""Options that label in commands which create Jobs, and select in others."""

ENVIRONMENT: Final = {
    "state": ("EXPANDER_STATE", "Default of --state."),
    "kubeconfig": ("KUBECONFIG", "Default of --kubeconfig."),
    "images": ("EXPANDER_IMAGES", "Folder of unpacked images.  [default: ~/.cache/expander/images]"),
    "queue_url": ("EXPANDER_QUEUE_URL", "Default of --queue-url."),
    "verbosity": ("EXPANDER_LOG", "What to log: info (as -v) or debug (-vv); with ',json' as JSON Lines."),
}
"""Environment variables of the commands that have a parameter."""


ARGUMENTS: Final = "expander.arguments"
"""The key of the command line in the context of a `Page`."""


def _show_help(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


HELP: Final = click.Option(
    ["-h", "--help", "wants_help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this message and exit.",
)
"""Every command's; click's own would look for translations of its text at each start."""


class Page(click.Command):
    """A command whose help lists its own options first, then those it shares with others.

    Every page has the options of the log. ``reads`` are keys of `ENVIRONMENT` that no parameter says.
    """

    def __init__(self, *args: Any, reads: tuple[str, ...] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._reads = reads
        self.params = [*self.params, *log_options()]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return HELP if self.add_help_option else None

    def make_parser(self, ctx: click.Context) -> Any:
        """A parser that finds ``-q`` at once: click's first compares it with each long option, for a hint."""
        parser: Any = super().make_parser(ctx)
        parser._long_opt.update(parser._short_opt)
        return parser

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = [*args]
        if ctx.resilient_parsing and args[-1:] and self._wants_value(args[-1]):
            args = args[:-1]  # its value is being completed, which may depend on all other words
        return super().parse_args(ctx, args)

    def _wants_value(self, word: str) -> bool:
        options = (each for each in self.params if isinstance(each, click.Option))
        return any(word in each.opts and not each.is_flag for each in options)

    def invoke(self, ctx: click.Context) -> Any:
        start_log(ctx)
        return super().invoke(ctx)

    def option_sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """The options as their forms and what they do, by heading."""
        from expander.cli.output.usage_errors import bounds

        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for heading in SECTIONS:
            sections[heading] = []
        names = {parameter.name for parameter in self.params}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                heading = next((each for each in SECTIONS if parameter.name in SECTIONS[each]), "Options")
                if "labels" in names and parameter.name in LABELLING:
                    heading = "Labels"
                if heading == COMMAND and "print_template" not in names:  # it takes no command
                    heading = "Execution"
                form, words = record
                sections[heading].append((NUMBER_METAVAR.sub("N", form), bounds(words)))
        for heading, records in sections.items():
            if heading != "Options" and len(records) == 1:
                sections["Options"][-1:-1] = records  # before --help
        return {
            heading: records for heading, records in sections.items() if len(records) > (heading != "Options")
        }

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, records in self.option_sections(ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        called = ctx.find_root().info_name or "expander"
        if text := self.notes():
            from expander.cli.pages.notes import notes

            for block in notes(EXAMPLE_COMMAND.sub(f"{called} ", text)):
                formatter.write_paragraph()
                for line in (line for note in block for line in note.lines(formatter.width)):
                    formatter.write(f"{line}\n")
        with formatter.section("Environment"):
            formatter.write_dl(self.environment())

    def notes(self) -> str:
        """What stands below the options: examples, facts and exit codes, in paragraphs of lines."""
        return (self.epilog or "").strip("\n").replace("\b\n", "")

    def environment(self) -> list[tuple[str, str]]:
        """The environment variables that the command reads, and what they are for."""
        names = {*self._reads, *(parameter.name for parameter in self.params)}
        return sorted(ENVIRONMENT[name] for name in names if name in ENVIRONMENT)


class GroupPage(Page, click.Group):
    """The page of a command that has commands of its own, listed in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """The commands and what each does, in a line."""
        return [(name, command.get_short_help_str(200)) for name, command in self.commands.items()]

    def invoke(self, ctx: click.Context) -> Any:
        return click.Group.invoke(self, ctx)  # the log starts with the command, which may have options too

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        commands = self.list_commands(ctx)
        if args and not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in commands:
            close = suggest(args[0], commands)
            hint = f"did you mean {close!r}?" if close else f"see '{ctx.command_path} --help'"
            raise UsageError(f"unknown command {without_credentials(args[0])!r}", hint=hint)
        return super().resolve_command(ctx, args)
