"""Items from file names: shell patterns, walked folder by folder in a fixed order.

A folder's names are held while it is walked, never those of the whole tree, so the order is by folder:
``a/z`` comes before ``b``. As in a shell, ``*`` does not match a leading dot, ``**`` does not enter hidden
folders or follow symbolic links, and matches may be files or folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from fnmatch import translate

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, SourceLocation
from expander.base.regex import regex
from expander.items.formats.text import reason
from expander.items.item import Item, Value
from expander.items.source import PLAIN_COLUMN, Source, checked_text

_MAGIC = regex(r"[*?[]")


def is_pattern(text: str) -> bool:
    """True if ``text`` has a character that is special in a shell pattern."""
    return _MAGIC.search(text) is not None


def glob_source(pattern: str, find: Callable[[], Iterable[str]] | None = None) -> Source:
    """One item per path that matches ``pattern`` (``*``, ``?``, ``[...]``, ``**`` for any depth).

    Columns: ``path`` as a shell would give it, ``dir`` (``.`` for the current folder), ``name``,
    ``stem`` and ``ext`` with its dot (``stem`` + ``ext`` is ``name``), and ``item``, the path again.
    A pattern that ends in ``/`` matches folders only. ``find`` gives the paths where they are not those of
    this machine. Reading raises InputError when nothing matches or a folder cannot be listed.
    """

    def read() -> Generator[Item, None, None]:
        number = 0
        for number, path in enumerate(matches(pattern) if find is None else find(), 1):
            folder, name = os.path.split(path)
            stem, extension = os.path.splitext(name)
            columns: dict[str, Value] = {
                "path": path,
                "dir": folder or ".",
                "name": name,
                "stem": stem,
                "ext": extension,
                PLAIN_COLUMN: path,
            }
            yield checked_text(Item(columns, number, pattern), path)
        if not number:
            raise InputError("no files match this pattern", where=SourceLocation(pattern))

    return Source(pattern, read, uniform=True)


def matches(pattern: str) -> Iterator[str]:
    """The paths that match ``pattern``, each once, ordered by the names on the way to them."""
    only_folders = pattern.endswith("/")
    names = [part for part in pattern.split("/") if part]
    fixed = next((at for at, name in enumerate(names) if is_pattern(name)), len(names) - 1)
    start = ("/" if pattern.startswith("/") else "") + "".join(name + "/" for name in names[:fixed])
    if names[-1:] == ["**"]:
        names.append("*")
    steps = [_Step.of(name) for name in names[fixed:]]
    if not steps or (start and not os.path.isdir(start)):
        return
    for path in _walk(start, steps, _closure({0}, steps)):
        if not only_folders or os.path.isdir(path):
            yield path


@dataclass(frozen=True, slots=True)
class _Step:
    """One part of a pattern between slashes; ``regex`` is None for ``**``."""

    regex: re.Pattern[str] | None
    hidden: bool

    @classmethod
    def of(cls, name: str) -> _Step:
        return cls(None if name == "**" else re.compile(translate(name)), name.startswith("."))

    def takes(self, name: str) -> bool:
        if name.startswith(".") and not self.hidden:
            return False
        return self.regex is None or self.regex.match(name) is not None


def _closure(states: set[int], steps: list[_Step]) -> frozenset[int]:
    """``states`` and those reached from them by letting ``**`` stand for no folder at all."""
    reached = set(states)
    for at, step in enumerate(steps):
        if at in reached and step.regex is None:
            reached.add(at + 1)
    return frozenset(reached)


def _walk(folder: str, steps: list[_Step], states: frozenset[int]) -> Iterator[str]:
    """Matches below ``folder`` ('' or ending in a slash); a state is how many steps are done."""
    end = len(steps)
    open_steps = [(at, steps[at]) for at in states if at < end]
    for name in sorted(name for name in _listed(folder) if any(step.takes(name) for _, step in open_steps)):
        path = folder + name
        taken = [(at, step) for at, step in open_steps if step.takes(name)]
        onward = {at + 1 for at, step in taken if step.regex}
        deeper = {at for at, step in taken if not step.regex}
        if end in onward:
            yield path
        if (deeper or onward - {end}) and os.path.isdir(path):
            after = onward if os.path.islink(path) else onward | deeper
            yield from _walk(path + "/", steps, _closure(after, steps))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError as error:
        raise InputError(
            f"cannot list the folder: {reason(error)}", where=SourceLocation(folder or ".")
        ) from error
