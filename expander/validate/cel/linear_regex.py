"""Searches that end: Python's ``re`` goes back and tries again, Go's does not.

An expression that could try too often on a text is followed character by character, in all ways at once
(Thompson's construction). The sets of places that were reached are kept, so that most steps are a look-up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Final

from expander.base.dataclass import dataclass

_ops: Final = import_module("re._constants")
_parser: Final = import_module("re._parser")
_compiler: Final = import_module("re._compiler")
_REPEATS: Final = (_ops.MAX_REPEAT, _ops.MIN_REPEAT)
_CHARACTERS: Final = (_ops.LITERAL, _ops.NOT_LITERAL, _ops.ANY, _ops.IN)

MAX_TRIES: Final = 10**7
"""So often Python may try: some tenths of a second."""

MAX_STEPS: Final = 20_000
"""The steps of the longest expression that is followed; the server refuses those that are longer, too."""

MAX_KEPT: Final = 20_000
"""Look-ups that are kept; then all are forgotten."""


class TooLargeError(ValueError):
    """An expression that cannot be followed."""


def longest_text(expression: str) -> int:
    """The length of the longest text on which Python tries at most `MAX_TRIES` times; -1 when there is none.

    Raises TooLargeError when it could not be followed on longer ones.
    """
    tree = _parser.parse(expression, re.ASCII)
    if _size(tree) > MAX_STEPS:
        raise TooLargeError(f"regular expression {expression[:80]!r}: too large")
    ways, repeats = _weight(tree)
    anchored = len(tree) and tree[0] == (_ops.AT, _ops.AT_BEGINNING) and not tree.state.flags & re.MULTILINE
    power = repeats if anchored else repeats + 1
    if ways > MAX_TRIES:
        return -1
    return int((MAX_TRIES / ways) ** (1 / power)) - 1 if power else MAX_TRIES


def _weight(tree: Iterable[Any]) -> tuple[int, int]:
    """In how many ways something may match at one place but for its repeats, and how many repeats it has."""
    ways, repeats = 1, 0
    for op, argument in tree:
        parts: Sequence[Any] = ()
        if op is _ops.BRANCH:
            parts = argument[1]
            ways *= len(parts)
        elif op is _ops.SUBPATTERN:
            parts = argument[3:]
        elif op in _REPEATS:
            least, most, part = argument
            inner = _weight(part)
            if most > 1 and inner != (1, 0):
                return MAX_TRIES + 1, 0
            parts = (part,)
            ways *= 2 if (least, most) == (0, 1) else 1
            repeats += most > 1 and least != most
        elif op not in _CHARACTERS and op is not _ops.AT:
            return MAX_TRIES + 1, 0
        for each in parts:
            more, further = _weight(each)
            ways, repeats = ways * more, repeats + further
    return ways, repeats


def _size(tree: Iterable[Any]) -> int:
    """How many steps a part of an expression has."""
    size = 0
    for op, argument in tree:
        if op is _ops.BRANCH:
            size += sum(_size(part) + 2 for part in argument[1])
        elif op is _ops.SUBPATTERN:
            size += _size(argument[3])
        elif op in _REPEATS:
            least, most, part = argument
            size += (_size(part) + 2) * (least + 1 if most is _ops.MAXREPEAT else most)
        else:
            size += 1
    return size


@dataclass(slots=True, eq=False)
class _State:
    """Places of the expression that were reached together, and the state that follows a character.

    ``following`` is by that character and the one behind it.
    """

    places: frozenset[int]
    following: dict[str, _State]


_MATCHED: Final = _State(frozenset(), {})


class Automaton:
    """An expression of Python's with the flag ASCII, without references and lookahead."""

    def __init__(self, expression: str) -> None:
        tree = _parser.parse(expression, re.ASCII)
        self._steps: list[tuple[str, Any]] = []
        self._add(tree, tree.state.flags | re.ASCII)
        self._steps.append(("match", None))
        self._states: dict[frozenset[int], _State] = {}
        self._kept = 0

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in ``text``."""
        state = self._state({0}, "", text[:1])
        for at in range(len(text)):
            if state is _MATCHED:
                return True
            pair = text[at : at + 2]
            found = state.following.get(pair)
            if found is None:
                found = self._follow(state, pair[0], pair[1:])
                state.following[pair] = found
                self._kept += 1
            state = found
        return state is _MATCHED

    def _follow(self, state: _State, character: str, after: str) -> _State:
        if self._kept > MAX_KEPT:
            self._states, self._kept = {}, 0
        reached = {place + 1 for place in state.places if self._steps[place][1](character)}
        return self._state({*reached, 0}, character, after)

    def _state(self, places: set[int], before: str, after: str) -> _State:
        """The state of all characters that can be next, between two characters; empty at the ends."""
        pending, seen, waiting = list(places), set(places), set()
        while pending:
            place = pending.pop()
            kind, argument = self._steps[place]
            if kind == "match":
                return _MATCHED
            if kind == "character":
                waiting.add(place)
                continue
            further = argument if kind == "jump" else [place + 1] if argument(before, after) else []
            pending += [each for each in further if each not in seen]
            seen.update(further)
        key = frozenset(waiting)
        return self._states.setdefault(key, _State(key, {}))

    def _add(self, tree: Iterable[Any], flags: int) -> None:
        """The steps of a part of an expression."""
        for op, argument in tree:
            if op in _CHARACTERS:
                self._steps.append(("character", _character(op, argument, flags)))
            elif op is _ops.SUBPATTERN:
                _, added, removed, part = argument
                self._add(part, (flags | added) & ~removed)
            elif op is _ops.BRANCH:
                self._branch(argument[1], flags)
            elif op in _REPEATS:
                self._repeat(argument, flags)
            else:
                self._steps.append(("look", _look(argument, flags)))

    def _branch(self, parts: Sequence[Any], flags: int) -> None:
        starts: list[int] = []
        ends: list[list[int]] = []
        self._steps.append(("jump", starts))
        for part in parts:
            starts.append(len(self._steps))
            self._add(part, flags)
            ends.append([])
            self._steps.append(("jump", ends[-1]))
        for each in ends:
            each.append(len(self._steps))

    def _repeat(self, argument: tuple[int, int, Any], flags: int) -> None:
        least, most, part = argument
        for _ in range(least):
            self._add(part, flags)
        endless = most is _ops.MAXREPEAT
        choices: list[list[int]] = []
        for _ in range(1 if endless else most - least):
            start = len(self._steps)
            choices.append([start + 1])
            self._steps.append(("jump", choices[-1]))
            self._add(part, flags)
            if endless:
                self._steps.append(("jump", [start]))
        for each in choices:
            each.append(len(self._steps))


def _character(op: Any, argument: Any, flags: int) -> Callable[[str], Any]:
    """Whether one character is what a part of an expression stands for, as ``re`` decides it."""
    state = _parser.State()
    state.flags = flags
    found: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [(op, argument)]), flags)
    return found.fullmatch


def _look(argument: Any, flags: int) -> Callable[[str, str], bool]:
    """Whether a place is a beginning, an end or a boundary of words, by the characters beside it."""
    lines = flags & re.MULTILINE
    if argument in (_ops.AT_BEGINNING, _ops.AT_BEGINNING_STRING):
        starts = ("", "\n") if lines and argument is _ops.AT_BEGINNING else ("",)
        return lambda before, after: before in starts
    if argument in (_ops.AT_END, _ops.AT_END_STRING):
        ends = ("", "\n") if lines and argument is _ops.AT_END else ("",)
        return lambda before, after: after in ends
    wanted = argument is _ops.AT_BOUNDARY
    return lambda before, after: (_is_word(before) is not _is_word(after)) is wanted


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
