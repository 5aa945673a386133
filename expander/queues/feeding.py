"""How a program that knows nothing of queues gets its item: on standard input, as a word, as variables."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from expander.base.errors import UsageError
from expander.queues.message import text_of
from expander.queues.queue import Lease

LONGEST = 64 << 10
"""Bytes of an item that is also put into a variable; a system takes some 128 KiB for one."""

_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)?\}")
_OTHER = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Call:
    """A command ready to run: its words, its whole environment, and what it reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdin: bytes


@dataclass(frozen=True, slots=True)
class Feeding:
    """What to run for each item.

    In the words of ``command``, ``{}`` is the item and ``{column}`` a column the item has; ``as_argument``
    adds the item as the last word. Without either the item is on standard input. Words and variables that the
    message brings are added; without a ``command`` the message's words are the command.
    """

    command: tuple[str, ...]
    as_argument: bool
    queue: str

    def check(self) -> None:
        """Raise UsageError for a command that is not there: no item should be taken for nothing."""
        if self.command and "{" not in self.command[0] and shutil.which(self.command[0]) is None:
            raise UsageError(
                f"there is no program {self.command[0]!r} to run",
                hint="the command comes behind --, its first word is a program on PATH or a path",
            )

    def call(self, lease: Lease, environment: Mapping[str, str]) -> Call:
        """The call for an item. Raises ValueError when the item cannot be given to a program so."""
        message = lease.message
        text, columns = message.text, {name: text_of(value) for name, value in message.columns.items()}
        words = [_HOLE.sub(lambda hole: _filled(hole, text, columns), word) for word in self.command]
        given = self.as_argument or words != list(self.command) or message.argv is not None
        if self.as_argument:
            words.append(text)
        words += message.argv or ()
        if not words:
            raise ValueError("the message brings no command, and none was given behind --")
        env = {
            **environment,
            "EXPANDER_QUEUE": self.queue,
            "EXPANDER_ITEM_ID": message.id,
            "EXPANDER_ATTEMPT": str(lease.attempt),
            **_variables(text, columns),
            **message.env,
        }
        if any("\0" in part for part in (*words, *message.env.values())):
            raise ValueError("the item has a NUL character, which no argument or variable can hold")
        return Call(tuple(words), env, b"" if given else text.encode("utf-8", "surrogateescape"))


def _filled(hole: re.Match[str], text: str, columns: Mapping[str, str]) -> str:
    return text if hole[1] is None else columns.get(hole[1], hole[0])


def _variables(text: str, columns: Mapping[str, str]) -> dict[str, str]:
    """``EXPANDER_ITEM``, and ``EXPANDER_ITEM_NAME`` for each column; not what no variable can hold."""
    found = {"EXPANDER_ITEM": text}
    found |= {"EXPANDER_ITEM_" + _OTHER.sub("_", name.upper()): value for name, value in columns.items()}
    return {name: value for name, value in found.items() if "\0" not in value and len(value) <= LONGEST}
