"""The shapes the documents of a Jinja2 template take, each compiled once.

A shape is a document's constant text. A value in a place that decides the structure (a kind, a
field's name, an anchor) is part of the shape; a value in a comment is no part of the manifest.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from expander.base.errors import InputError, ItemError, Position, Problem
from expander.base.yaml import reader, scalars, split_documents
from expander.render.compile import Rules, compile_document
from expander.render.documents import objects_of, unused_prefix
from expander.render.hole import Row, text_of
from expander.render.skeleton import Skeleton

Key: TypeAlias = tuple[str, ...]

_LIMIT = 2000
_JUNK = "# {\"x': ["  # changes any YAML but a comment


class ShapesSeen:
    """Skeletons by shape; at most some thousands are kept."""

    def __init__(self, source: str, rules: Rules) -> None:
        self.source = f"{source} (rendered)"
        self.rules = rules
        self.warnings: list[str] = []
        self._found: dict[tuple[Key, tuple[str, ...]], tuple[list[Skeleton], list[int]]] = {}
        self._pinned: dict[Key, set[int]] = {}
        self._plain: dict[Key, list[Skeleton]] = {}
        """Shapes without a pinned slot or one in a comment: most, and found at once."""
        self._good = False

    def find(self, key: Key, row: Row, has_item: bool) -> tuple[list[Skeleton], Row]:
        """The skeletons of a document and the row for them; raises ItemError or InputError."""
        plain = self._plain.get(key)
        if plain is not None:
            return plain, row
        while True:
            pinned = sorted(self._pinned.get(key, ()))
            shape = (key, tuple(text_of(row[slot]) for slot in pinned))
            found = self._found.get(shape)
            if found is None:
                found = self._compile(key, row, set(pinned), has_item)
            if found is not None:
                break
        skeletons, comments = found
        self._found[shape] = found
        if not pinned and not comments:
            self._plain[key] = skeletons
        for slot in comments:
            if len(text_of(row[slot]).splitlines()) > 1:
                raise ItemError(
                    Problem(f"{text_of(row[slot])!r} in a comment has a line break", Position(self.source))
                )
        return skeletons, row

    def _compile(
        self, key: Key, row: Row, pinned: set[int], has_item: bool
    ) -> tuple[list[Skeleton], list[int]] | None:
        """Skeletons and slots in comments, or None when more slots had to be pinned."""
        if len(self._found) > _LIMIT:
            self._found.clear()
            self._plain.clear()
        prefix = unused_prefix("".join([*key, *(text_of(row[slot]) for slot in pinned)]))
        tokens = [text_of(row[n]) if n in pinned else f"{prefix}v{n}z" for n in range(len(key) - 1)]
        token = re.compile(f"{prefix}v([0-9]+)z")

        def split(text: str, _: Position) -> tuple[str | int, ...]:
            pieces = token.split(text)
            mixed = [int(piece) if number % 2 else piece for number, piece in enumerate(pieces)]
            return tuple(piece for piece in mixed if piece != "")

        item_slot = len(row) - 1 if has_item else None
        problems: list[Problem] = []
        skeletons: list[Skeleton] = []
        missing = set(range(len(key) - 1)) - pinned
        structural: set[int] = set()
        try:
            for chunk in split_documents(_text(key, tokens), self.source):
                root = reader(chunk.text, self.source, chunk.line)
                for node, _ in objects_of(root) if root is not None else ():
                    compiled = compile_document(
                        node,
                        split,
                        self.rules,
                        slots=len(row),
                        item_slots=(),
                        item_slot=item_slot,
                        source_text=None,
                        prefix=prefix,
                    )
                    problems += compiled.problems
                    missing -= compiled.found
                    structural |= compiled.structural
                    if compiled.skeleton is not None:
                        skeletons.append(compiled.skeleton)
                    self.warnings += [text for text in compiled.kept if text not in self.warnings]
        except InputError as error:
            problems += error.problems
        if problems:
            raise self._error(problems)
        if missing and not self._are_comments(key, tokens, missing):
            structural |= missing
        if structural:
            self._pinned.setdefault(key, set()).update(structural)
            return None
        self._good = True
        return skeletons, sorted(missing)

    def _are_comments(self, key: Key, tokens: list[str], slots: set[int]) -> bool:
        """Whether nothing put into ``slots`` shows in the data."""
        junk = [_JUNK if number in slots else token for number, token in enumerate(tokens)]
        try:
            return self._data(_text(key, junk)) == self._data(_text(key, tokens))
        except InputError:
            return False

    def _data(self, text: str) -> list[Any]:
        roots = [reader(chunk.text, self.source, chunk.line) for chunk in split_documents(text, self.source)]
        return [scalars(root) for root in roots if root is not None]

    def _error(self, problems: list[Problem]) -> InputError | ItemError:
        return ItemError(problems) if self._good else InputError(problems)


def _text(key: Key, tokens: list[str]) -> str:
    pieces = [key[0]]
    for token, constant in zip(tokens, key[1:], strict=True):
        pieces += [token, constant]
    return "".join(pieces)
