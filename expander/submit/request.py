"""Objects as encode JSON, and digests of them that are the same in every installation.

orjson does it where it is installed. It writes some numbers in another way than Python does, or not at all:
what has fractions or integers of more than 64 bits is written by Python everywhere.

A manifest as a prepared request: the path, the bytes, and a digest that tells it from others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from expander.base.errors import ItemError, Problem
from expander.client.client import Resource
from expander.manifests.edits import DIGEST_ANNOTATION, GROUP_LABEL, ITEM_ANNOTATION
from expander.manifests.kueue import assign_queue
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import Successor

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


class _Float(float):
    """A fraction; orjson refuses it, since it is none of the classes it knows."""


_read: Final = json.JSONDecoder(parse_float=_Float).decode


def decode(text: str) -> Any:
    """The data in a JSON text."""
    return _read(text)


def encode(tree: Mapping[str, Any]) -> bytes:
    """JSON without blanks. Raises ValueError for text that is not Unicode."""
    return _written(tree, ordered=False)


def object_digest(tree: Mapping[str, Any]) -> str:
    """32 hexadecimal digits that are equal for equal objects, whatever the order of their keys.

    ``tree`` is what `decode` gives, or has no fractions.
    """
    return hashlib.sha256(_written(tree, ordered=True)).hexdigest()[:32]


def _written(tree: Mapping[str, Any], ordered: bool) -> bytes:
    if orjson is not None:
        options = orjson.OPT_SORT_KEYS if ordered else None
        try:
            return orjson.dumps(tree, option=options)
        except TypeError:
            pass
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered)
    return text.encode()


MAX_GENERATE_NAME: Final = 52
"""Characters kept of a generateName in front of the ten of the digest: no more than 63 in all."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One object, ready to be sent.

    ``collection`` and ``path`` are URL paths without a query; ``body`` is JSON; ``digest`` covers everything
    but itself; ``item`` is the raw value the object was made for, None when there is none. ``replaces`` is
    the uid of the object of that name which has to go before, with all that belongs to it;
    ``group`` is the value of the label ``group_label``, empty without.
    """

    kind: str
    title: str
    name: str
    namespace: str
    group: str
    item: Any
    collection: str
    path: str
    body: bytes
    digest: str
    replaces: str = ""
    group_label: str = GROUP_LABEL

    @property
    def is_job(self) -> bool:
        """Whether it is a Job of Kubernetes: those of Volcano are not followed."""
        return self.title == "job.batch"

    @property
    def key(self) -> str:
        """Equal for what would be one object of a cluster with the same content."""
        return f"{self.collection}/{self.name} {self.digest}"


@dataclass(slots=True)
class RequestBuilder:
    """Makes requests of manifests.

    ``namespace`` is for objects that name none; ``queue`` hands what Kueue manages to that queue, suspended.
    A generateName becomes a name from the digest, since a name the server makes up cannot be looked for
    after a lost answer; equal manifests are told apart by their order.
    """

    namespace: str
    group_label: str = GROUP_LABEL
    queue: str | None = None
    _generated: dict[str, int] = field(default_factory=dict)

    def of(self, manifest: Manifest, resource: Resource) -> PreparedRequest:
        """The request for ``manifest``. Raises ItemError when it has neither a name nor a generateName."""
        tree: dict[str, Any] = decode(manifest.json())
        metadata: dict[str, Any] = tree.setdefault("metadata", {})
        namespace = ""
        if resource.namespaced:
            namespace = metadata.setdefault("namespace", self.namespace)
        if self.queue is not None:
            assign_queue(tree, self.queue)
        labels = metadata.get("labels") or {}
        annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != DIGEST_ANNOTATION}
        digest = object_digest(tree)
        name = metadata.get("name") or self._name(metadata.get("generateName"), digest, manifest)
        metadata["name"] = name
        metadata["annotations"] = {**annotations, DIGEST_ANNOTATION: digest}
        value = getattr(manifest.item, "value", None)
        collection = f"{resource.prefix}/{resource.plural}"
        if resource.namespaced:
            collection = f"{resource.prefix}/namespaces/{quote(namespace, safe='')}/{resource.plural}"
        return PreparedRequest(
            manifest.kind,
            f"{manifest.kind.lower()}.{resource.group}" if resource.group else manifest.kind.lower(),
            name,
            namespace,
            str(labels.get(self.group_label, "")),
            annotations.get(ITEM_ANNOTATION) if value is None else value,
            collection,
            f"{collection}/{quote(name, safe='')}",
            encode(tree),
            digest,
            replaces=manifest.replaces if isinstance(manifest, Successor) else "",
            group_label=self.group_label,
        )

    def _name(self, prefix: str | None, digest: str, manifest: Manifest) -> str:
        if not prefix:
            raise ItemError(Problem("the object has no name", manifest.where, field="metadata.name"))
        number = self._generated[digest] = self._generated.get(digest, -1) + 1
        mark = hashlib.sha256(f"{digest} {number}".encode()).hexdigest()[:10]
        return prefix[:MAX_GENERATE_NAME] + mark
