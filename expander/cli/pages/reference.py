"""What the help of each command says, as data: for manual pages and for the documents."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from expander.base.dataclass import dataclass
from expander.cli.pages.notes import Note, notes
from expander.cli.pages.page import GroupPage, Page


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
        [note for block in notes(command.notes()) for note in block],
        command.environment(),
    )
