"""A manifest: one Kubernetes object as a plain mapping, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from expander.base.errors import SourceLocation


class Manifest:
    """One object of a batch.

    ``tree`` is the object as plain JSON data and is not to be changed; ``where`` is the place in the
    template or file it came from; ``item`` is what it was rendered from, if anything (its ``str()``
    names it for people).
    """

    __slots__ = ("_tree", "item", "where")

    def __init__(self, tree: Mapping[str, Any], where: SourceLocation, item: object | None = None) -> None:
        self._tree: Mapping[str, Any] | None = tree
        self.where = where
        self.item = item

    def __repr__(self) -> str:
        return f"<Manifest {self.kind} {self.name}>"

    @property
    def tree(self) -> Mapping[str, Any]:
        """The object as plain JSON data."""
        assert self._tree is not None
        return self._tree

    @property
    def kind(self) -> str:
        """The object's kind, or an empty text."""
        return _text(self.tree.get("kind"))

    @property
    def api_version(self) -> str:
        """The object's apiVersion, or an empty text."""
        return _text(self.tree.get("apiVersion"))

    @property
    def name(self) -> str:
        """metadata.name, or an empty text."""
        return _text(_metadata(self.tree).get("name"))

    @property
    def namespace(self) -> str | None:
        """metadata.namespace, or None when the manifest leaves it to the client."""
        return _text(_metadata(self.tree).get("namespace")) or None

    @property
    def identity(self) -> str:
        """Kind, namespace and name in one text: equal for what would be one object of a cluster."""
        return f"{self.kind}\n{self.namespace or ''}\n{self.name}"

    @property
    def item_text(self) -> str | None:
        """A short text of the item for file names; None when the manifest has no item."""
        return None

    def json(self) -> str:
        """The object as one line of JSON, keys in the template's order."""
        return json.dumps(self.tree, ensure_ascii=False, separators=(",", ":"))

    def yaml(self) -> str:
        """The object as one YAML document, without a separator, ending in a newline."""
        from expander.base.yaml.writer import dump

        return dump(self.tree)


def path_text(path: Sequence[str | int]) -> str:
    """A path in a manifest as the API writes it: ``spec.containers[0].name``, ``metadata.labels[a.b/c]``."""
    text = ""
    for part in path:
        if isinstance(part, int) or "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _metadata(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = tree.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
