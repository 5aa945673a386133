"""Wrong command lines, found by click and worded as the program's other errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from expander.base.errors import Problem, UsageError, suggest
from expander.base.regex import regex
from expander.base.urls import without_credentials

MAX_NAMED: Final = 2
"""Long options that are named for a letter that is none, at most."""

WHOLE_GROUP: Final = ("status", "wait")
"""Commands that take no items as arguments, where others that follow a group do."""

_CHOICES = regex(r"\.?\s*Choose from:\s*")
_URL = regex(r"[A-Za-z][A-Za-z0-9+.-]*://\S*[^\s'\")]")
_BETWEEN = regex(r"(-?[0-9.]+)<=x<=(-?[0-9.]+)")
_NUMBERS = {" integer range": " integer", " float range": " number", " float": " number"}


def usage_error(error: click.ClickException) -> UsageError:
    """What ``error`` says, with the help page to look at as its hint."""
    context = getattr(error, "ctx", None)
    page = f"see '{context.command_path} --help'" if context else None
    if isinstance(error, click.NoSuchOption):
        given = error.option_name.strip("-")  # click counts the dashes as alike
        close = ", ".join(name for name in error.possibilities or () if suggest(given, [name.strip("-")]))
        if not close and len(given) == 1 and context is not None:
            names = (name for each in context.command.params for name in each.opts)
            long = [name for name in names if name.startswith(f"--{given}")]
            close = " or ".join(long) if len(long) <= MAX_NAMED else ""
        return UsageError(
            Problem(f"unknown option {error.option_name!r}", hint=f"did you mean {close}?" if close else page)
        )
    if isinstance(error, click.MissingParameter) and error.param is not None and error.param.envvar:
        page = f"give it, or set {_variables(error.param.envvar)}; {page}"
    if context is not None and context.info_name in WHOLE_GROUP and " extra argument" in error.message:
        page = "--group names a group, -l selects Jobs, and 'expander results ITEM' shows an item"
    words = _URL.sub(lambda url: without_credentials(url[0]), _message(error))
    return UsageError(Problem(words, hint=page))


def _variables(names: str | Sequence[str]) -> str:
    return " or ".join(f"${name}" for name in ([names] if isinstance(names, str) else names))


def _message(error: click.ClickException) -> str:
    if isinstance(error, click.MissingParameter):
        text = _CHOICES.sub("; expected one of ", error.format_message())
        return _lowered(" ".join(text.split()))
    if isinstance(error, click.BadParameter) and error.param is not None:
        options = [name for name in error.param.opts if name.startswith("-")]
        name = max(options, key=len) if options else error.param.human_readable_name
        return f"invalid value for {name}: {plain(error.message.removesuffix('.'))}"
    return _lowered(error.format_message())


def plain(text: str) -> str:
    """Numbers in plain words: ``0 is not in the range 1<=x<=9`` is ``0 (must be 1 to 9)``."""
    for word, usual in _NUMBERS.items():
        text = text.replace(f"not a valid{word}", f"not a valid{usual}")
    value, outside, limits = text.partition(" is not in the range ")
    if not outside:
        return text
    return f"{value} (must be {bounds(limits)})"


def bounds(text: str) -> str:
    """``text`` with click's bounds of numbers in plain words: ``1<=x<=9`` is ``1 to 9``."""
    text = _BETWEEN.sub(r"\1 to \2", text)
    return text.replace("x>=", "at least ").replace("x>", "greater than ")


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:].removesuffix(".")
