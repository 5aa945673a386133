"""Keeps what is used of each ResourceQuota in its status (the resource quota controller and plugin decide).

What comes and goes is added and taken away; everything is counted anew when a quota comes or changes. In
memory are the quotas' uids and those of the pods that count as running, in namespaces with quotas only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from expander.kube.objects import pod_has_ended
from expander.kube.quota import concerns, usage
from expander.kube.resources import ZERO, Amounts, plus, read, total, written
from expander.kube.scheme import BY_KIND, STORED
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


class ResourceQuotaController:
    """The quotas of one store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._quotas: dict[str, dict[str, None]] = {}
        self._running: set[str] = set()

    def arrived(self, obj: Object) -> None:
        """The object is in the store; it is counted once, however often this is said of a pod."""
        namespace, uid = obj["metadata"].get("namespace", ""), obj["metadata"]["uid"]
        if obj["kind"] == "ResourceQuota":
            self._quotas.setdefault(namespace, {})[uid] = None
            self.recount(namespace)
        elif namespace in self._quotas and uid not in self._running:
            self._change(obj, usage(obj), 1)
            if obj["kind"] == "Pod" and not pod_has_ended(obj):
                self._running.add(uid)

    def recount(self, namespace: str) -> None:
        """Something is not what it was counted for: count everything anew."""
        for uid in self._quotas.get(namespace, ()):
            if (quota := self._store.by_uid(uid)) is not None:
                self._count(quota)

    def _count(self, quota: Object) -> None:
        namespace = quota["metadata"]["namespace"]
        hard = read(quota["spec"].get("hard"))
        found = [dict.fromkeys(hard, ZERO)]
        for obj in self._counted(namespace, hard):
            if obj["kind"] == "Pod" and not pod_has_ended(obj):
                self._running.add(obj["metadata"]["uid"])
            if concerns(quota, obj):
                found.append({name: amount for name, amount in usage(obj).items() if name in hard})
        self._put(quota, total(found))

    def pod_ended(self, pod: Object) -> None:
        """The pod counts as an object only from now on."""
        if pod["metadata"]["uid"] in self._running:
            self._running.discard(pod["metadata"]["uid"])
            left, before = usage(_over(pod)), usage({**pod, "status": {}})
            self._change(pod, {name: each for name, each in before.items() if name not in left}, -1)

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""
        namespace, uid = obj["metadata"].get("namespace", ""), obj["metadata"]["uid"]
        if namespace not in self._quotas:
            return
        if obj["kind"] == "ResourceQuota":
            self._quotas[namespace].pop(uid, None)
            if not self._quotas[namespace]:
                del self._quotas[namespace]
        amounts = usage(obj) if obj["kind"] != "Pod" or uid in self._running else usage(_over(obj))
        self._change(obj, amounts, -1)
        self._running.discard(uid)

    def _change(self, obj: Object, amounts: Amounts, times: int) -> None:
        for uid in self._quotas.get(obj["metadata"]["namespace"], ()):
            quota = self._store.by_uid(uid)
            if quota is None or not concerns(quota, obj):
                continue
            used = read((quota.get("status") or {}).get("used"))
            own = {name: plus(used[name], each, times) for name, each in amounts.items() if name in used}
            if own:
                self._put(quota, used | own)

    def _put(self, quota: Object, used: Amounts) -> None:
        status = {"hard": quota["spec"].get("hard") or {}, "used": written(used)}
        if quota.get("status") != status:
            self._store.put({**quota, "status": status})

    def _counted(self, namespace: str, hard: Iterable[str]) -> Iterator[Object]:
        """The objects that may count for one of these resources."""
        names = set(hard)
        for kind in STORED:
            if any(_may_count(kind, name) for name in names):
                yield from self._store.of_kind(kind, namespace)
        for name in names:
            prefix, _, resource = name.partition("/")
            if prefix == "count" and "." in resource:
                yield from self._store.of_kind(resource, namespace)


def _may_count(kind: str, name: str) -> bool:
    """Whether objects of the kind can count for a resource of that name."""
    if name in BY_KIND[kind].quota_names or name == BY_KIND[kind].plural:
        return True
    match kind:
        case "Service":
            return name.startswith("services.")
        case "PersistentVolumeClaim":
            return name.endswith(("requests.storage", "persistentvolumeclaims"))
        case "Pod":
            return not any(_may_count(other, name) for other in STORED if other != "Pod")
    return False


def _over(pod: Object) -> Object:
    """The pod as one that has ended, for what it counts for."""
    return {**pod, "status": {"phase": "Failed"}}
