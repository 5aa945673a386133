"""Accepts CustomResourceDefinitions, and removes them with all of their resources.

The naming, establishing and finalizing controllers of apiextensions-apiserver decide: names that another
definition of the group has are not accepted, and a definition that is deleted stays until the last of its
resources is gone. A definition is accepted as it comes in, so that its resources can follow at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from expander.kube.served_kinds import ServedKinds
from expander.kube.time import api_time
from expander.local.controllers.job.conditions import find
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

DEFINITION: Final = "CustomResourceDefinition"
CLEANUP_FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
"""Holds a definition until its resources are gone."""


class DefinitionControlPlane(Protocol):
    """The control plane that the definitions belong to."""

    store: ObjectStore

    def delete(self, obj: Object, now: float) -> None:
        """Delete an object of any kind."""

    def replaced(self, new: Object, now: float) -> Object:
        """Keep another version of an object, whole."""


class DefinitionController:
    """The definitions of one cluster; ``kinds`` learns what they define."""

    def __init__(self, cluster: DefinitionControlPlane, kinds: ServedKinds) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._kinds = kinds
        self._served: dict[str, tuple[object, ...]] = {}
        """What each definition said when it was last made into rows."""
        self._ending: dict[str, bool] = {}
        """The definitions that are being deleted by uid, and whether their resources have been."""

    @property
    def pending(self) -> bool:
        """Whether resources are to be deleted at once."""
        return not all(self._ending.values())

    def restore(self, now: float) -> None:
        """Take up the definitions that are there."""
        for definition in list(self._store.of_kind(DEFINITION)):
            self.changed(definition, now)

    def changed(self, obj: Object, now: float) -> None:
        """The object is new, or another."""
        if obj["kind"] != DEFINITION:
            return
        metadata = obj["metadata"]
        ending = bool(metadata.get("deletionTimestamp"))
        if ending and metadata["uid"] not in self._ending:
            self._ending[metadata["uid"]] = False
        others = [each for each in self._store.of_kind(DEFINITION) if each is not obj]
        status = accepted(obj, others, max(api_time(now), metadata["creationTimestamp"]))
        if status != obj.get("status"):
            obj = self._store.put({**obj, "status": status})
        says = metadata["uid"], metadata.get("generation"), ending, status["conditions"]
        if self._served.get(metadata["name"]) != says:
            from expander.local.apiextensions.kinds import rows_of

            self._served[metadata["name"]] = says
            self._kinds.define(metadata["name"], rows_of(obj))

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""
        if obj["kind"] == DEFINITION:
            name = obj["metadata"]["name"]
            self._ending.pop(obj["metadata"]["uid"], None)
            self._served.pop(name, None)
            self._kinds.forget(name)

    def sync(self, now: float) -> None:
        """Delete the resources of definitions that end, and let go those that have none."""
        for uid, emptied in list(self._ending.items()):
            definition = self._store.by_uid(uid)
            if definition is None:
                self._ending.pop(uid)
                continue
            metadata = definition["metadata"]
            if not emptied:
                self._ending[uid] = True
                for obj in list(self._store.of_kind(metadata["name"])):
                    if self._store.by_uid(obj["metadata"]["uid"]) is not None:
                        self._cluster.delete(obj, now)
            finalizers = metadata.get("finalizers") or []
            if CLEANUP_FINALIZER in finalizers and not self._store.count(metadata["name"], None, ("", "")):
                left = [each for each in finalizers if each != CLEANUP_FINALIZER]
                self._cluster.replaced({**definition, "metadata": {**metadata, "finalizers": left}}, now)


def accepted(definition: Object, others: Iterable[Object], now: str) -> dict[str, Any]:
    """The status of a definition beside ``others``, at ``now`` in API form."""
    before: Mapping[str, Any] = definition.get("status") or {}
    spec = definition["spec"]
    names = {key: value for key, value in spec["names"].items() if value not in ("", [], None)}
    conflicts = [*_conflicts(names, _taken(spec["group"], others))]
    known = before.get("acceptedNames") or {}
    taken = {field for field, _, _ in conflicts}
    own = {key: value for key, value in names.items() if key not in taken}
    status: dict[str, Any] = {"acceptedNames": own | {key: known[key] for key in taken if key in known}}
    if conflicts:
        _, reason, word = conflicts[-1]
        named = _condition("NamesAccepted", "False", reason, f'"{word}" is already in use')
    else:
        named = _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found")
    conditions = before.get("conditions") or ()
    established = find(conditions, "Established")
    if established is None or established["status"] != "True":
        established = _condition(
            "Established", "True", "InitialNamesAccepted", "the initial names have been accepted"
        )
        if conflicts:
            established = _condition("Established", "False", "NotAccepted", "not all names are accepted")
    made = [named, established]
    if definition["metadata"].get("deletionTimestamp"):
        words = "CustomResource deletion is in progress"
        made.append(_condition("Terminating", "True", "InstanceDeletionInProgress", words))
    status["conditions"] = [_since(each, find(conditions, each["type"]), now) for each in made]
    storage = [each["name"] for each in spec["versions"] if each.get("storage")]
    status["storedVersions"] = [*dict.fromkeys([*(before.get("storedVersions") or ()), *storage])]
    return status


def _taken(group: str, others: Iterable[Object]) -> dict[str, set[str]]:
    """The names that other definitions of the group have: of resources, and of kinds."""
    found: dict[str, set[str]] = {"resource": set(), "kind": set()}
    for each in others:
        if each["spec"]["group"] != group:
            continue
        names = (each.get("status") or {}).get("acceptedNames") or {}
        resources = (names.get("plural"), names.get("singular"), *(names.get("shortNames") or ()))
        found["resource"].update(filter(None, resources))
        found["kind"].update(filter(None, (names.get("kind"), names.get("listKind"))))
    return found


def _conflicts(names: Mapping[str, Any], taken: Mapping[str, set[str]]) -> Iterator[tuple[str, str, str]]:
    """The fields whose names are taken, with the reason in the words of the API and the name."""
    for field in ("plural", "singular", "shortNames", "kind", "listKind"):
        sort = "kind" if field in ("kind", "listKind") else "resource"
        given = names.get(field) or ()
        for name in [given] if isinstance(given, str) else given:
            if name in taken[sort]:
                yield field, f"{field[0].upper()}{field[1:]}Conflict", name
                break


def _condition(type: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": type, "status": status, "reason": reason, "message": message}


def _since(condition: Mapping[str, Any], before: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    """A condition with the time since when it has its status."""
    same = before is not None and before.get("status") == condition["status"]
    since = before.get("lastTransitionTime") if before is not None and same else now
    head = {"type": condition["type"], "status": condition["status"], "lastTransitionTime": since}
    return head | {"reason": condition["reason"], "message": condition["message"]}
