"""Manifests as prepared requests: the path, the body, and a digest that tells content apart.

Digests are the same in every installation. orjson writes JSON where it is installed; numbers that it writes
in another way than Python's json (fractions, integers of more than 64 bits) are always written by Python.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import quote

from expander.base.dataclass import dataclass
from expander.base.errors import ItemError, Problem
from expander.base.regex import regex
from expander.client.client import Resource
from expander.kube.time import micro_time_of
from expander.kube.workloads import BY_TITLE, JOB, is_workload
from expander.manifests.edits import DIGEST_ANNOTATION, GROUP_LABEL, ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.kueue import assign_queue
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import SUBMITTED_ANNOTATION, Successor

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

_PLAIN_NAME: Final = regex(r"[a-z0-9.-]+")
"""A name that a URL path has as it is."""

MAX_GENERATE_NAME: Final = 52
"""Characters kept of a generateName: with the ten of the digest a name has no more than 63."""


class _Float(float):
    """A fraction; orjson refuses it, since it is none of the classes it knows."""


_decode: Final = json.JSONDecoder(parse_float=_Float, parse_constant=_Float).decode

_PYTHON_ONLY: Final = regex(r"[:,\[]\s*-?\d(?:\d{18}|\d*[.eE])")
"""A number that orjson reads in another way, or text that looks like one."""


def decode(text: str) -> Any:
    """The data in a JSON text, for `encode` and `object_digest`."""
    if orjson is not None and _PYTHON_ONLY.search(text) is None:
        try:
            return orjson.loads(text)
        except ValueError:  # constants, lone surrogates and deep nesting, which Python knows
            pass
    return _decode(text)


def encode(tree: Mapping[str, Any]) -> bytes:
    """Compact JSON. Raises ValueError for text that is not Unicode."""
    return _encode(tree, ordered=False)


def object_digest(tree: Mapping[str, Any]) -> str:
    """32 hexadecimal digits, equal for equal objects whatever the order of their keys.

    ``tree`` comes from `decode`, or has no fractions.
    """
    return hashlib.sha256(_encode(tree, ordered=True)).hexdigest()[:32]


def _without_key(tree: dict[str, Any], annotations: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` without the columns of the item's key, which other items of the batch may change."""
    if KEY_ANNOTATION not in annotations:
        return tree
    left = {name: value for name, value in annotations.items() if name != KEY_ANNOTATION}
    metadata = {**tree["metadata"], "annotations": left}
    return {**tree, "metadata": metadata}


def _encode(tree: Mapping[str, Any], ordered: bool) -> bytes:
    if orjson is not None:
        options = orjson.OPT_SORT_KEYS if ordered else None
        try:
            return orjson.dumps(tree, option=options)
        except TypeError:
            pass
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered)
    return text.encode()


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """The request that creates one object.

    ``collection`` and ``path`` are URL paths without a query; ``body`` is JSON; ``digest`` covers everything
    but itself; ``title`` is ``job.batch``, as kubectl writes it; ``item`` is the raw value the object was
    made for, None without. ``replaces`` is the uid of the object of that name that is deleted first, with its
    dependents; ``group`` is the value of the label ``group_label``, empty without.
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
        """Whether it is a batch/v1 Job; a Job of Volcano is not."""
        return self.title == JOB.title

    @property
    def is_workload(self) -> bool:
        """Whether it is a Job, a Volcano Job or a JobSet, which ends."""
        return self.title in BY_TITLE

    @property
    def key(self) -> str:
        """Equal for the same object of a cluster with the same content."""
        return f"{self.collection}/{self.name} {self.digest}"


@dataclass(slots=True)
class RequestBuilder:
    """Makes requests of manifests.

    ``namespace`` is for objects that name none; ``queue`` hands what Kueue manages to that LocalQueue,
    suspended. A generateName becomes a name from the digest, since a name that the server generates cannot be
    looked for after a lost response; equal manifests are told apart by their order. A later attempt keeps the
    digest of the manifest that its Job was first created from: it stands for the same item. ``stamps`` notes
    in each Job when it was prepared: that is the order of items, whichever request arrives first.
    """

    namespace: str
    group_label: str = GROUP_LABEL
    queue: str | None = None
    stamps: bool = False
    _last_stamp: int = 0
    _generated: dict[str, int] = field(default_factory=dict)
    _collections: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def prepare(self, manifest: Manifest, resource: Resource) -> PreparedRequest:
        """The request for ``manifest``. Raises ItemError when it has neither a name nor a generateName."""
        tree: dict[str, Any] = decode(manifest.json())
        metadata: dict[str, Any] = tree.setdefault("metadata", {})
        kind, namespace = manifest.kind, ""
        if resource.namespaced:
            namespace = metadata.setdefault("namespace", self.namespace)
        if self.queue is not None:
            assign_queue(tree, self.queue)
        labels = metadata.get("labels") or {}
        annotations = dict(metadata.get("annotations") or {})
        digest = annotations.pop(DIGEST_ANNOTATION, None)
        if digest is None or not isinstance(manifest, Successor):
            digest = object_digest(_without_key(tree, annotations))
        name = metadata.get("name") or self._name(metadata.get("generateName"), digest, manifest)
        metadata["name"] = name
        item = annotations.get(ITEM_ANNOTATION)
        annotations[DIGEST_ANNOTATION] = digest
        metadata["annotations"] = annotations
        if self.stamps and is_workload(manifest.api_version, kind):
            annotations.setdefault(SUBMITTED_ANNOTATION, self._stamp())
        value = getattr(manifest.item, "value", None)
        collection, group = self._collection(resource, namespace), resource.group
        return PreparedRequest(
            kind=kind,
            title=f"{kind.lower()}.{group}" if group else kind.lower(),
            name=name,
            namespace=namespace,
            group=str(labels.get(self.group_label, "")),
            item=item if value is None else value,
            collection=collection,
            path=f"{collection}/{name if _PLAIN_NAME.fullmatch(name) else quote(name, safe='')}",
            body=encode(tree),
            digest=digest,
            replaces=manifest.replaces if isinstance(manifest, Successor) else "",
            group_label=self.group_label,
        )

    def _collection(self, resource: Resource, namespace: str) -> str:
        """The URL path of a collection."""
        key = (resource.prefix, resource.plural, namespace)
        found = self._collections.get(key)
        if found is None:
            scope = f"namespaces/{quote(namespace, safe='')}/" if resource.namespaced else ""
            found = self._collections[key] = f"{resource.prefix}/{scope}{resource.plural}"
        return found

    def _stamp(self) -> str:
        """The time, later than that of any earlier call."""
        self._last_stamp = max(time.time_ns() // 1000, self._last_stamp + 1)
        return micro_time_of(self._last_stamp)

    def _name(self, prefix: str | None, digest: str, manifest: Manifest) -> str:
        if not prefix:
            raise ItemError(Problem("the object has no name", manifest.where, field="metadata.name"))
        number = self._generated[digest] = self._generated.get(digest, -1) + 1
        suffix = hashlib.sha256(f"{digest} {number}".encode()).hexdigest()[:10]
        return prefix[:MAX_GENERATE_NAME] + suffix
