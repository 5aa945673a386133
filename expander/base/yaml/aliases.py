"""Anchors and aliases of one document, and the limit on what aliases may repeat."""

from __future__ import annotations

from expander.base.errors import YamlError
from expander.base.positions import Position
from expander.base.yaml.nodes import Node

_FEW, _MANY = 400_000, 4_000_000


class Aliases:
    """Nodes by anchor, and how many nodes the document has when every alias is written out.

    ``count`` are all nodes so far, repeated ones included.
    """

    def __init__(self) -> None:
        self.count = 0
        self.repeated = 0
        self._nodes: dict[str, tuple[Node, int | None]] = {}
        self._open: list[tuple[str | None, int]] = []

    def define(self, anchor: str, node: Node, size: int) -> None:
        """Name a complete node of ``size`` nodes; a name may be given again."""
        self._nodes[anchor] = (node, size)

    def open(self, anchor: str | None, node: Node) -> None:
        """A list or mapping begins."""
        self._open.append((anchor, self.count))
        self.count += 1
        if anchor is not None:
            self._nodes[anchor] = (node, None)

    def close(self, node: Node) -> None:
        """The list or mapping opened last ends."""
        anchor, before = self._open.pop()
        if anchor is not None and self._nodes[anchor][0] is node:
            self._nodes[anchor] = (node, self.count - before)

    def use(self, anchor: str, where: Position) -> Node:
        """The node that ``*anchor`` stands for.

        Raises YamlError for an unknown anchor, an anchor inside its own value, and a document that
        aliases blow up (the limits are those of kubectl's reader).
        """
        if anchor not in self._nodes:
            raise YamlError(f"there is no anchor &{anchor} before this alias", where=where)
        node, size = self._nodes[anchor]
        if size is None:
            raise YamlError(f"the value of the anchor &{anchor} contains itself", where=where)
        self.count += 1 + size
        self.repeated += size
        if self.repeated > 100 and self.count > 1000 and self.repeated > self._allowed() * self.count:
            raise YamlError("aliases repeat too much of the document", where=where)
        return node

    def _allowed(self) -> float:
        if self.count <= _FEW:
            return 0.99
        return max(0.10, 0.99 - 0.89 * (self.count - _FEW) / (_MANY - _FEW))
