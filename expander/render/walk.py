"""Plain data from a node tree, with a token in place of each scalar that depends on the item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from expander.base.errors import Position
from expander.base.yaml import Node, ScalarNode, SequenceNode, scalars
from expander.kube.schemas import FieldType
from expander.render.hole import Hole, Style

_TAGS = {
    "tag:yaml.org,2002:int": FieldType.INT64,
    "tag:yaml.org,2002:float": FieldType.NUMBER,
    "tag:yaml.org,2002:bool": FieldType.BOOLEAN,
    "tag:yaml.org,2002:str": FieldType.STRING,
}
_STYLES = {"plain": Style.PLAIN, "literal": Style.LITERAL, "folded": Style.LITERAL}

Split: TypeAlias = Callable[[str, Position], tuple["str | int", ...]]


class Walk:
    """Plain data of a node tree with a token in place of each scalar that has slots."""

    def __init__(self, split: Split, prefix: str) -> None:
        self.split = split
        self.prefix = prefix
        self.holes: dict[str, Hole] = {}

    def data(self, node: Node, flow: bool = False) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node, flow, key=False)
        if isinstance(node, SequenceNode):
            return [self.data(item, flow or node.flow) for item in node.items]
        inside = flow or node.flow
        pairs = [(self._scalar(key, inside, key=True), self.data(value, inside)) for key, value in node.pairs]
        return {_key_text(key): value for key, value in pairs}

    def shown(self, part: str | int) -> str | int:
        """A part of a path for people: a key that depends on the item is shown as ``*``."""
        return "*" if part in self.holes else part

    def _scalar(self, node: ScalarNode, flow: bool, *, key: bool) -> Any:
        segments = self.split(node.text, node.position)
        if all(isinstance(segment, str) for segment in segments):
            constant = "".join(segment for segment in segments if isinstance(segment, str))
            return scalars(node) if constant == node.text else constant
        style = _STYLES.get(node.style, Style.QUOTED)
        lines = any("\n" in segment for segment in segments if isinstance(segment, str))
        if style is Style.LITERAL and not lines:
            style = Style.QUOTED  # one line is written as one line
        return self.add(segments, style, node.position, flow, key, _TAGS.get(node.tag or "", FieldType.ANY))

    def add(
        self,
        segments: tuple[str | int, ...],
        style: Style,
        where: Position,
        flow: bool = False,
        key: bool = False,
        type: FieldType = FieldType.ANY,
    ) -> str:
        token = f"{self.prefix}h{len(self.holes)}z"
        self.holes[token] = Hole(token, (), segments, style, where, type, flow=flow, is_key=key)
        return token


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)
