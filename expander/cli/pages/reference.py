"""What the help of each command says, as data: for manual pages and for the documents."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final, NamedTuple

import click

from expander.base.dataclass import dataclass
from expander.base.regex import regex
from expander.cli.pages.page import GroupPage, Page

NEW_THOUGHT: Final = regex(r"[A-Z$][\w $-]*: ")
"""A line that begins a paragraph of its own within the notes of a command: ``Exit codes: ...``."""

EXIT_CODES: Final = "Exit codes: "


class Note(NamedTuple):
    """A paragraph below the options: its heading, if it has one, and text or lines that stay as they are."""

    heading: str
    text: str
    literal: bool


@dataclass(frozen=True, slots=True)
class CommandReference:
    """One command, such as ``expander queue fill``.

    ``options`` are forms and what they do, by heading; ``commands`` are those of a group, with summaries.
    """

    name: str
    summary: str
    usage: str
    description: list[str]
    commands: list[tuple[str, str]]
    options: dict[str, list[tuple[str, str]]]
    notes: list[Note]
    environment: list[tuple[str, str]]


def references(program: click.Group, name: str) -> Iterator[CommandReference]:
    """The program, called ``name``, and all its commands in their order."""
    yield from _references(program, click.Context(program, info_name=name, **program.context_settings), "")


def _references(command: click.Command, ctx: click.Context, summary: str) -> Iterator[CommandReference]:
    yield _reference(command, ctx, summary)
    if isinstance(command, GroupPage):
        for name, line in command.summaries(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from _references(below, click.Context(below, info_name=name, parent=ctx), line)


def _reference(command: click.Command, ctx: click.Context, summary: str) -> CommandReference:
    assert isinstance(command, Page), command
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    description = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return CommandReference(
        ctx.command_path,
        summary or description[0],
        " ".join(command.collect_usage_pieces(ctx)),
        description,
        command.summaries(ctx) if isinstance(command, GroupPage) else [],
        command.option_sections(ctx),
        [*_notes(command.notes())],
        command.environment(),
    )


def _notes(text: str) -> Iterator[Note]:
    """The paragraphs of ``text``: indented lines below a heading stay as they are, others are joined."""
    for paragraph in filter(None, text.split("\n\n")):
        lines = paragraph.splitlines()
        heading = lines.pop(0).rstrip(":") if lines[0].endswith(":") else ""
        literal = [line for line in lines if line.startswith("  ")]
        if literal:
            yield Note(heading, inspect.cleandoc("\n" + "\n".join(literal)), True)
            heading = ""
        joined: list[str] = []
        for line in lines[len(literal) :]:
            if joined and not NEW_THOUGHT.match(line):
                joined[-1] += f" {line}"
            else:
                joined.append(line)
        for each in joined:
            codes = each.removeprefix(EXIT_CODES)
            yield Note(heading, each, False) if codes == each else Note("Exit codes", codes, False)
