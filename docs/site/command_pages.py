"""Pages about commands, from what their ``--help`` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from expander.base.regex import regex
from expander.cli.main import program
from expander.cli.pages.notes import Note
from expander.cli.pages.reference import CommandReference, references

NO_NAME: Final = regex(r"[^a-z]+")


def command_pages() -> dict[str, str]:
    """The page of each command by its name, the program's first; a group's has all its commands."""
    pages: dict[str, str] = {}
    for reference in references(program, "expander"):
        words = reference.name.split()
        name = " ".join(words[:2])
        pages[name] = pages.get(name, "") + _page(reference, level=max(len(words) - 1, 1))
    return pages


def page_name(command: str) -> str:
    """The file of a command's page: ``expander-run.md``."""
    return command.replace(" ", "-") + ".md"


def _page(reference: CommandReference, level: int) -> str:
    return "\n".join(_lines(reference, "#" * level)) + "\n"


def _lines(reference: CommandReference, marks: str) -> Iterator[str]:
    yield f"{marks} {reference.name}\n"
    yield f"```text\n{reference.name} {reference.usage}\n```\n"
    for paragraph in reference.description:
        yield _text(paragraph) + "\n"
    if reference.commands:
        yield from _table("command", [(_link(reference, name), text) for name, text in reference.commands])
    for note in reference.notes:
        yield from _note(note, _heading(reference, marks, note.heading))
    for heading, records in reference.options.items():
        yield _heading(reference, marks, heading)
        yield from _table("option", [(_code(form), text) for form, text in records])
    yield _heading(reference, marks, "Environment")
    yield from _table("variable", [(_code(name), text) for name, text in reference.environment])


def _note(note: Note, heading: str) -> Iterator[str]:
    if note.heading:
        yield heading
    if note.literal:
        yield f"```{'sh' if note.heading == 'Examples' else 'text'}\n{note.text}\n```\n"
    else:
        yield _text(note.text) + "\n"


def _heading(reference: CommandReference, marks: str, words: str) -> str:
    """A heading below that of the command, with an anchor that no other has on the page."""
    anchor = "-".join([*reference.name.split()[1:], *NO_NAME.sub(" ", words.lower()).split()])
    return f"{marks}# {words} {{ #{anchor} }}\n"


def _link(reference: CommandReference, name: str) -> str:
    if reference.name == "expander":
        return f"[{name}]({page_name(f'expander {name}')})"
    return f"[{name}](#{reference.name.replace(' ', '-')}-{name})"


def _table(head: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {head} | |\n|---|---|"
    yield from (f"| {first} | {_text(text)} |" for first, text in rows)
    yield ""


def _code(text: str) -> str:
    return f"<code>{_cell(escape(text))}</code>"


def _text(text: str) -> str:
    """Plain text as Markdown, where ``code`` in backquotes stays code."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = _cell(escape(parts[place], quote=False))
    return "`".join(parts)


def _cell(text: str) -> str:
    """``text`` without what Markdown or a table would take for marks."""
    for mark in "\\*_[]$|":
        text = text.replace(mark, f"&#{ord(mark)};")
    return text
