"""A manifest that is still a row and a skeleton; its text and tree are made when asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.manifests.manifest import Manifest
from expander.render.hole import text_of

if TYPE_CHECKING:
    from expander.render.skeleton import Skeleton


class Rendered(Manifest):
    """One row put into a skeleton.

    ``output`` says what ``text`` already is, ``json`` or ``yaml``; the other form is made when asked for.
    """

    __slots__ = ("_output", "_text", "identity", "row", "skeleton")
    identity: str

    def __init__(
        self,
        skeleton: Skeleton,
        row: tuple[Any, ...],
        identity: str,
        output: str,
        text: str,
        item: object | None,
    ) -> None:
        self.skeleton = skeleton
        self.row = row
        self.identity = identity
        self.item = item
        self._output = output
        self._text = text
        self._tree = None
        self.where = skeleton.where

    @property
    def tree(self) -> Mapping[str, Any]:
        """The object as plain JSON data."""
        if self._tree is None:
            self._tree = json.loads(self.json())
        assert self._tree is not None
        return self._tree

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.identity.split("\n", 1)[0]

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.identity.rsplit("\n", 1)[1]

    @property
    def item_text(self) -> str | None:
        """A short text of the item for file names; None when nothing of the item is known."""
        slots = self.skeleton.item_slots
        return None if not slots else "-".join(text_of(self.row[slot]) for slot in slots)

    @property
    def size(self) -> int:
        """Characters of the text that is made already."""
        return len(self._text)

    def json(self) -> str:
        """The object as one line of JSON, keys in the template's order."""
        return self._text if self._output == "json" else self.skeleton.text(self.row, "json")

    def yaml(self) -> str:
        """The object as one YAML document; a YAML template's comments and key order are kept."""
        return self._text if self._output == "yaml" else self.skeleton.text(self.row, "yaml")
