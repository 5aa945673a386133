"""Namespaces as they begin and end.

The namespace, service account and root CA publisher controllers decide. A new one gets its service account
and the certificate of the API server's authority. A deleted one stays, terminating, until everything in it
is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final

from expander.kube.generated_names import new_uid
from expander.kube.scheme import STORED, of_object
from expander.kube.served_kinds import ServedKinds
from expander.kube.time import api_time
from expander.kube.wellknown import AUTHORITY_KEY, AUTHORITY_MAP
from expander.local.store.database import Object
from expander.local.store.events import EventStore
from expander.local.store.objects import ObjectStore

EVERY_NAMESPACE: Final = (("ServiceAccount", "default"), ("ConfigMap", AUTHORITY_MAP))
"""Kind and name of what every namespace has."""

DELETED_AT_A_TIME: Final = 50
"""Objects of a namespace that are deleted between two requests."""

DONE: Final = (
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)
"""Type, reason and message of the conditions of an ending namespace that nothing has gone wrong with."""

DESCRIPTION: Final = "kubernetes.io/description"
AUTHORITY_WORDS: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such "
    "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions "
    "of Kubernetes clusters."
)


def left_conditions(left: list[Object]) -> list[Object]:
    """The conditions of an ending namespace with these objects in it (namespaced_resources_deleter.go)."""
    kinds = Counter(_resource_name(obj) for obj in left)
    finalizers = Counter(each for obj in left for each in obj["metadata"].get("finalizers") or ())
    remaining = ", ".join(f"{name} has {number} resource instances" for name, number in sorted(kinds.items()))
    held = ", ".join(f"{name} in {number} resource instances" for name, number in sorted(finalizers.items()))
    ended = {"status": "False", "reason": "ContentHasNoFinalizers"}
    ended["message"] = "All content-preserving finalizers finished"
    if finalizers:
        words = f"Some content in the namespace has finalizers remaining: {held}"
        ended = {"status": "True", "reason": "SomeFinalizersRemain", "message": words}
    found = {"reason": "SomeResourcesRemain", "message": f"Some resources are remaining: {remaining}"}
    return [
        *({"type": type_, "status": "False", "reason": why, "message": words} for type_, why, words in DONE),
        {"type": "NamespaceContentRemaining", "status": "True", **found},
        {"type": "NamespaceFinalizersRemaining", **ended},
    ]


def _resource_name(obj: Object) -> str:
    """``configmaps.``, ``jobs.batch``: a resource as the deleter names it."""
    row = of_object(obj)
    return obj["kind"] if row is None else f"{row.plural}.{row.group}"


class NamespaceController:
    """The namespaces of one store, with objects of ``kinds`` in them.

    ``delete`` deletes any object, ``create`` is told of one that is new.
    """

    def __init__(
        self,
        store: ObjectStore,
        events: EventStore,
        create: Callable[[Object], None],
        delete: Callable[[Object, float], None],
        kinds: ServedKinds,
    ) -> None:
        self._store = store
        self._events = events
        self._create = create
        self._delete = delete
        self._kinds = kinds
        self._ending: dict[str, bool] = {}
        """The namespaces that are being deleted, and whether their contents have been."""
        self._bare: list[Object] = []
        """Those that lack something which every one has."""
        self._authority: str | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._bare) or not all(self._ending.values())

    def arrived(self, namespace: Object, now: float) -> None:
        """The namespace is new, or was there when the program started.

        It stays in memory, as its service account does: whatever is created in it asks for them.
        """
        metadata = namespace["metadata"]
        self._store.hold(metadata["uid"])
        if metadata.get("deletionTimestamp"):
            self._ending[metadata["uid"]] = False
        else:
            self._furnish(metadata["name"], now)

    def publish_authority(self, certificate: str, now: float) -> None:
        """The certificate (PEM) of the authority behind the API server, for every namespace."""
        self._authority = certificate
        for namespace in list(self._store.of_kind("Namespace")):
            self.arrived(namespace, now)

    def gone(self, obj: Object) -> None:
        """The object is gone; what every namespace has comes back."""
        metadata = obj["metadata"]
        if (obj["kind"], metadata["name"]) in EVERY_NAMESPACE:
            namespace = self._store.get("Namespace", "", metadata["namespace"])
            if namespace is not None and not namespace["metadata"].get("deletionTimestamp"):
                self._bare.append(namespace)

    def _furnish(self, name: str, now: float) -> None:
        """Make what every namespace has and this one has not: a service account, the authority to trust."""
        if (account := self._store.get("ServiceAccount", name, "default")) is None:
            account = self._make({"apiVersion": "v1", "kind": "ServiceAccount"}, "default", name, now)
        self._store.hold(account["metadata"]["uid"])
        if self._authority is None:
            return
        found, data = self._store.get("ConfigMap", name, AUTHORITY_MAP), {AUTHORITY_KEY: self._authority}
        if found is None:
            made = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
            self._make(made, AUTHORITY_MAP, name, now, annotations={DESCRIPTION: AUTHORITY_WORDS})
        elif found.get("data") != data:
            self._store.put({**found, "data": data})

    def _make(self, obj: Object, name: str, namespace: str, now: float, **others: Object) -> Object:
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": new_uid(),
            "creationTimestamp": api_time(now),
        }
        made = self._store.put({**obj, "metadata": metadata | others}, new=True)
        self._create(made)
        return made

    def delete(self, namespace: Object, now: float) -> None:
        """Begin to delete a namespace."""
        metadata = namespace["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        metadata = {**metadata, "deletionTimestamp": api_time(now)}
        status = {**(namespace.get("status") or {}), "phase": "Terminating"}
        self._store.put({**namespace, "metadata": metadata, "status": status})
        self._ending[metadata["uid"]] = False

    def sync(self, now: float) -> None:
        """Furnish namespaces that lack something; empty those that end, and remove the empty ones."""
        while self._bare:
            self._furnish(self._bare.pop()["metadata"]["name"], now)
        for uid, emptied in list(self._ending.items()):
            namespace = self._store.by_uid(uid)
            if namespace is None:
                del self._ending[uid]
                continue
            name = namespace["metadata"]["name"]
            if not emptied:
                staying = (
                    each for each in self._inside(name) if not each["metadata"].get("deletionTimestamp")
                )
                part = list(islice(staying, DELETED_AT_A_TIME))
                self._ending[uid] = len(part) < DELETED_AT_A_TIME
                for obj in part:
                    if self._store.by_uid(obj["metadata"]["uid"]) is not None:
                        self._delete(obj, now)
            left = list(islice(self._inside(name), DELETED_AT_A_TIME))
            if not left:
                del self._ending[uid]
                self._events.forget(name)
                self._store.remove(namespace)
            elif self._ending[uid] and len(left) < DELETED_AT_A_TIME:
                self._tell_left(namespace, left, now)

    def _tell_left(self, namespace: Object, left: list[Object], now: float) -> None:
        """Have the status of an ending namespace say what is left in it."""
        before = namespace["status"].get("conditions") or ()
        known = {each["type"]: each for each in before}
        at = {"lastTransitionTime": api_time(now)}
        made = []
        for condition in left_conditions(left):
            old = known.get(condition["type"], {})
            made.append((old if old.get("status") == condition["status"] else at) | condition)
        if made != before:
            self._store.put({**namespace, "status": {**namespace["status"], "conditions": made}})

    def _inside(self, name: str) -> Iterator[Object]:
        kinds = (*STORED, *self._kinds.custom_kinds)
        return chain.from_iterable(self._store.of_kind(kind, name) for kind in kinds)
