"""Manual pages (man 7 groff_man): one for the program, and one for each of its commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from expander.cli.pages.reference import CommandReference


def manual_name(reference: CommandReference) -> str:
    """The name of the page's file: ``expander-queue-fill.1``."""
    return reference.name.replace(" ", "-") + ".1"


def manual_page(reference: CommandReference, version: str, others: Iterable[str]) -> str:
    """The source of the page; ``others`` are the names of commands that it refers to."""
    return "\n".join(_lines(reference, version, [*others])) + "\n"


def _lines(reference: CommandReference, version: str, others: list[str]) -> Iterator[str]:
    title = reference.name.replace(" ", "-")
    yield f'.TH "{title.upper()}" "1" "" "expander {version}" "expander"'
    yield ".SH NAME"
    yield f"{_text(title)} \\- {_text(reference.summary.rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_text(reference.name)}\\fR {_text(reference.usage)}"
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(reference.description):
        yield from [".PP"] * bool(number)
        yield _text(paragraph)
    if reference.commands:
        yield ".SH COMMANDS"
        yield from _definitions(reference.commands)
    for number, (heading, records) in enumerate(reference.options.items()):
        yield ".SH OPTIONS" if not number else f".SS {_text(heading)}"
        yield from _definitions(records)
    yield from _notes(reference)
    yield ".SH ENVIRONMENT"
    yield from _definitions(reference.environment)
    if others:
        yield ".SH SEE ALSO"
        yield ",\n".join(f"\\fB{_text(name.replace(' ', '-'))}\\fR(1)" for name in others)


def _notes(reference: CommandReference) -> Iterator[str]:
    begun = False
    for note in reference.notes:
        if note.heading:
            yield f".SH {_text(note.heading.upper())}"
        elif not begun:
            yield ".SH NOTES"
        else:
            yield ".PP"
        begun = True
        if note.literal:
            yield f".nf\n{_literal(note.text)}\n.fi"
        else:
            yield _text(note.text)


def _definitions(records: Iterable[tuple[str, str]]) -> Iterator[str]:
    for form, words in records:
        yield f".TP\n\\fB{_text(form)}\\fR\n{_text(words)}"


def _literal(text: str) -> str:
    return "\n".join(map(_text, text.splitlines()))


def _text(text: str) -> str:
    """``text`` as it stands: nothing of it is a request or an escape of roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("^", "\\(ha")
    escaped = escaped.replace("~", "\\(ti").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
