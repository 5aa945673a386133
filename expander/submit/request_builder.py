"""Manifests as prepared requests: the path, the body, and a digest that tells content apart."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from expander.base.dataclass import dataclass
from expander.base.errors import ItemError, Problem
from expander.base.late_module import late_module
from expander.client.client import Resource
from expander.kube.time import micro_time_of
from expander.kube.workloads import is_workload
from expander.manifests.edits import DIGEST_ANNOTATION, GROUP_LABEL, ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import SUBMITTED_ANNOTATION, Successor
from expander.render.compiled import CompiledTemplate, RenderedManifest
from expander.run.item_counts import may_be_several
from expander.submit.canonical import canonical, decode, digest_of, encode
from expander.submit.request import PreparedRequest
from expander.submit.request_form import DIGEST_TOKEN, PLAIN_NAME, STAMP_TOKEN, RequestForm, with_tokens

if TYPE_CHECKING:
    from expander.manifests import kueue
else:  # with --kueue
    kueue = late_module("expander.manifests.kueue")

MAX_GENERATE_NAME: Final = 52
"""Characters kept of a generateName: with the ten of the digest a name has no more than 63."""

MAX_TEMPLATES: Final = 500
"""So many templates are remembered; a Jinja2 template can have any number."""


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
    _forms: dict[CompiledTemplate, RequestForm | None] = field(default_factory=dict)
    _met: set[CompiledTemplate] = field(default_factory=set)
    """Templates of which there was a manifest."""

    def prepare(self, manifest: Manifest, resource: Resource) -> PreparedRequest:
        """The request for ``manifest``. Raises ItemError when it has neither a name nor a generateName."""
        if not isinstance(manifest, RenderedManifest):
            return self._exact(manifest, resource, self._stamp_of(manifest))
        compiled, form = manifest.compiled, self._forms.get(manifest.compiled)
        if form is not None:
            stamp = self._stamp() if form.is_stamped else 0
            return form.request(manifest, stamp) or self._exact(manifest, resource, stamp)
        stamp = self._stamp_of(manifest)
        exact = self._exact(manifest, resource, stamp)
        if compiled in self._met and compiled not in self._forms:
            self._forms[compiled] = self._form(manifest, resource, stamp, exact)
        if len(self._met) >= MAX_TEMPLATES:
            self._met.clear()
            self._forms.clear()
        self._met.add(compiled)
        return exact

    def _exact(self, manifest: Manifest, resource: Resource, stamp: int) -> PreparedRequest:
        """The request for any manifest."""
        text = manifest.json()
        tree: dict[str, Any] = decode(text)
        content, annotations = self._completed(tree, resource)
        digest = annotations.pop(DIGEST_ANNOTATION, None)
        if digest is None or not isinstance(manifest, Successor):
            digest = digest_of(content)
        metadata, kind = tree["metadata"], manifest.kind
        name = metadata.get("name") or self._name(metadata.get("generateName"), digest, manifest)
        metadata["name"] = name
        item, value = annotations.get(ITEM_ANNOTATION), getattr(manifest.item, "value", None)
        namespace = metadata["namespace"] if resource.namespaced else ""
        collection, group = self._collection(resource, namespace), resource.group
        body = _marked(tree, annotations, digest, micro_time_of(stamp) if stamp else "")
        return PreparedRequest(
            kind=kind,
            title=f"{kind.lower()}.{group}" if group else kind.lower(),
            name=name,
            namespace=namespace,
            group=str((metadata.get("labels") or {}).get(self.group_label, "")),
            item=item if value is None else value,
            collection=collection,
            path=f"{collection}/{name if PLAIN_NAME.fullmatch(name) else quote(name, safe='')}",
            source=body,
            size=len(text),
            digest=digest,
            replaces=manifest.replaces if isinstance(manifest, Successor) else "",
            group_label=self.group_label,
            may_be_several=may_be_several(body),
        )

    def _form(
        self, manifest: RenderedManifest, resource: Resource, stamp: int, exact: PreparedRequest
    ) -> RequestForm | None:
        """How to make the requests of a template, by a manifest and its request; None when it has no form."""
        tree = with_tokens(manifest.compiled, self.group_label)
        if tree is None:
            return None
        content, annotations = self._completed(tree, resource)
        annotations.pop(DIGEST_ANNOTATION, None)
        body = _marked(tree, annotations, DIGEST_TOKEN, STAMP_TOKEN if stamp else "")
        form = RequestForm(manifest.compiled, content.decode(), body.decode(), exact)
        made = form.request(manifest, stamp)
        return form if made is not None and made.body == exact.body and made == exact else None

    def _completed(self, tree: dict[str, Any], resource: Resource) -> tuple[bytes, dict[str, Any]]:
        """Complete an object by the options; what its digest covers, and its annotations."""
        metadata: dict[str, Any] = tree.setdefault("metadata", {})
        if resource.namespaced:
            metadata.setdefault("namespace", self.namespace)
        if self.queue is not None:
            kueue.assign_queue(tree, self.queue)
        annotations = dict(metadata.get("annotations") or {})
        return canonical(_without_key(tree, annotations)), annotations

    def _collection(self, resource: Resource, namespace: str) -> str:
        """The URL path of a collection."""
        key = (resource.prefix, resource.plural, namespace)
        found = self._collections.get(key)
        if found is None:
            scope = f"namespaces/{quote(namespace, safe='')}/" if resource.namespaced else ""
            found = self._collections[key] = f"{resource.prefix}/{scope}{resource.plural}"
        return found

    def _stamp_of(self, manifest: Manifest) -> int:
        """When a Job was prepared; 0 for what is noted in no object."""
        return self._stamp() if self.stamps and is_workload(manifest.api_version, manifest.kind) else 0

    def _stamp(self) -> int:
        """The time (Unix microseconds), later than that of any earlier call."""
        self._last_stamp = max(time.time_ns() // 1000, self._last_stamp + 1)
        return self._last_stamp

    def _name(self, prefix: str | None, digest: str, manifest: Manifest) -> str:
        if not prefix:
            raise ItemError(Problem("the object has no name", manifest.where, field="metadata.name"))
        number = self._generated[digest] = self._generated.get(digest, -1) + 1
        suffix = hashlib.sha256(f"{digest} {number}".encode()).hexdigest()[:10]
        return prefix[:MAX_GENERATE_NAME] + suffix


def _without_key(tree: dict[str, Any], annotations: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` without the columns of the item's key, which other items of the batch may change."""
    if KEY_ANNOTATION not in annotations:
        return tree
    left = {
        name: value for name, value in annotations.items() if name not in (KEY_ANNOTATION, DIGEST_ANNOTATION)
    }
    metadata = {**tree["metadata"], "annotations": left}
    return {**tree, "metadata": metadata}


def _marked(tree: dict[str, Any], annotations: dict[str, Any], digest: str, stamp: str) -> bytes:
    """An object as it is sent: with its digest and, if there is one, the stamp."""
    annotations[DIGEST_ANNOTATION] = digest
    if stamp:
        annotations.setdefault(SUBMITTED_ANNOTATION, stamp)
    tree["metadata"]["annotations"] = annotations
    return encode(tree)
