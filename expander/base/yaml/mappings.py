"""The pairs of a mapping: merge keys resolved, equal keys found."""

from __future__ import annotations

from expander.base.errors import YamlError
from expander.base.yaml.construct import key_text
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from expander.base.yaml.resolve import PREFIX


def pairs_of(children: list[Node], duplicates: str) -> list[tuple[ScalarNode, Node]]:
    """The pairs of a mapping from its keys and values in turn.

    Raises YamlError for a key that cannot be one, ``<<`` with something that is no mapping, and, when
    ``duplicates`` is ``error``, for two equal keys (it names both places). A field may replace what a
    merge before it brought.
    """
    pairs: dict[str, tuple[ScalarNode, Node]] = {}
    merged: set[str] = set()
    for key, value in zip(children[::2], children[1::2], strict=True):
        if type(key) is ScalarNode and key.style != "plain" and key.tag is None:
            text = key.text
        elif _merges(key):
            for name, pair in _merge(value).items():
                if name in pairs and name not in merged and duplicates == "error":
                    raise _twice(
                        name, pairs[name][0], key, "a merge after a field replaces it; write << first"
                    )
                merged.add(name)
                pairs[name] = pair
            continue
        else:
            text = key_text(key)
        assert isinstance(key, ScalarNode)
        if text in pairs and text not in merged and duplicates == "error":
            hint = "kubectl would take the last of the two without a word"
            raise _twice(text, pairs[text][0], key, hint)
        merged.discard(text)
        pairs[text] = (key, value)
    return list(pairs.values())


def _twice(name: str, first: Node, second: Node, hint: str) -> YamlError:
    line = first.position.line
    return YamlError(f"the field {name!r} is already set in line {line}", where=second.position, hint=hint)


def _merges(key: Node) -> bool:
    if type(key) is not ScalarNode or key.text != "<<":
        return False
    return key.tag == f"{PREFIX}merge" or (key.tag is None and key.style == "plain")


def _merge(value: Node) -> dict[str, tuple[ScalarNode, Node]]:
    sources = reversed(value.items) if isinstance(value, SequenceNode) else [value]
    pairs: dict[str, tuple[ScalarNode, Node]] = {}
    for source in sources:
        if not isinstance(source, MappingNode):
            raise YamlError("<< takes a mapping or a list of mappings", where=source.position)
        pairs.update((key_text(key), (key, value)) for key, value in source.pairs)
    return pairs
