"""Documents of what a Jinja2 template writes: constant texts, and the values between them.

A template prints the same texts again and again. What they do to the document that is open (they continue it,
or end it and begin others) is found out once and remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.render.jinja.env import Environment, Native, written
from expander.render.jinja.generator import Columns
from expander.render.placeholder import Row

Key: TypeAlias = tuple[str, ...]
"""The constant texts of a document, one more than the values between them."""

_SEPARATOR = regex(r"(?:\A|(?<=\n))---[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_MAX_STATES = 2000


class _Step(NamedTuple):
    """What some texts do: the documents that they end, each with how many of the values are its, and then."""

    ended: list[tuple[Key, int]]
    after: _State


class _State:
    """An open document: the texts that continued ``before``, and whether a line begins now."""

    def __init__(self, before: _State | None, texts: Key) -> None:
        self.before = before
        self.texts = texts
        self.steps: dict[Key, _Step] = {}
        last = texts[-1]
        if last or before is None or len(texts) > 1:
            self.at_line_start = last.endswith("\n") if last else before is None and len(texts) == 1
        else:
            self.at_line_start = before.at_line_start

    @cached_property
    def key(self) -> Key:
        """The constant texts of the whole document."""
        chain = [self]
        while (before := chain[-1].before) is not None:
            chain.append(before)
        key: list[str] = []
        open_text = ""
        for state in reversed(chain):
            first, *others = state.texts
            open_text += first
            for text in others:
                key.append(open_text)
                open_text = text
        return (*key, open_text)


class Documents:
    """Cuts what a template of ``environment`` writes into documents."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._begin: dict[Key, _State] = {}
        self._states = 0

    def split(self, stream: Iterable[Any]) -> Iterator[tuple[Key, Row]]:
        """The documents: constant texts, and the values between them."""
        for documents in self.blocks(stream):
            if type(documents) is Columns:
                yield from documents.pairs()
            else:
                yield documents

    def blocks(self, stream: Iterable[Any]) -> Iterator[tuple[Key, Row] | Columns]:
        """The same; documents that a loop prints, and that differ in their values only, together."""
        environment = self._environment
        fragments = environment.fragments
        state = self._beginning(("",))
        row: Row = ()
        for output in stream:
            is_loop = type(output) is Columns
            for turn, pair in enumerate(output.pairs()) if is_loop else ((0, output),):
                if type(pair) is not tuple or environment.fragments != fragments:
                    pair = _pair(pair)
                    fragments = environment.fragments
                texts, values = pair
                step = state.steps.get(texts) or self._step(state, texts)
                start = 0
                for key, end in step.ended:
                    yield key, row + values[start:end]
                    row, start = (), end
                row += values[start:] if start else values
                if is_loop and step.after is state and len(step.ended) == 1:
                    yield from _repeated(key, end, output.values, turn)
                    row = tuple([column[-1] for column in output.values[end:]])
                    break
                state = step.after
        yield state.key, row

    def _step(self, state: _State, texts: Key) -> _Step:
        """What ``texts`` do to the open document."""
        self._states += 1
        if self._states > _MAX_STATES:  # the states of long lists have no use again
            self._begin.clear()
            self._states = 0
        ended: list[tuple[Key, int]] = []
        here, begun = state, list[str]()
        at_line_start = state.at_line_start
        for number, text in enumerate(texts):
            if number:
                at_line_start = False
            first, *others = _parts(text, at_line_start)
            begun.append(first)
            for other in others:
                ended.append((_State(here, tuple(begun)).key, number))
                here, begun = self._beginning(("",)), [other]
        after = self._beginning(tuple(begun)) if ended else _State(state, tuple(begun))
        state.steps[texts] = step = _Step(ended, after)
        return step

    def _beginning(self, texts: Key) -> _State:
        """The state of a document that begins with ``texts``."""
        if texts not in self._begin:
            self._begin[texts] = _State(None, texts)
        return self._begin[texts]


def _repeated(key: Key, end: int, values: Sequence[Sequence[Any]], turn: int) -> Iterator[Columns]:
    """The documents that the turns after ``turn`` end, by the first ``end`` of the values of each."""
    if turn + 1 < len(values[0]):
        begun = {id(column): column[turn:-1] for column in values[end:]}  # what is one column stays one
        ended = {id(column): column[turn + 1 :] for column in values[:end]}
        row = [begun[id(each)] for each in values[end:]] + [ended[id(each)] for each in values[:end]]
        yield Columns(key, tuple(row))


def _pair(output: Any) -> tuple[Key, Row]:
    """Constant texts and the values between them of anything that a template writes."""
    texts, values = [""], list[Any]()
    for piece in written((output,)):
        if type(piece) is str:
            texts[-1] += piece
        else:
            values.append(piece.native if type(piece) is Native else piece)
            texts.append("")
    return tuple(texts), tuple(values)


def _parts(text: str, at_line_start: bool) -> list[str]:
    """``text`` cut at the lines that separate documents."""
    if "---" not in text:
        return [text]
    if at_line_start:
        return _SEPARATOR.split(text)
    first, *others = _SEPARATOR.split(f"\0{text}")
    return [first.removeprefix("\0"), *others]
