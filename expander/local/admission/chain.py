"""The order in which a new object is completed and checked."""

from __future__ import annotations

from expander.kube import limit_ranges, quota
from expander.local.admission import namespaces, pods
from expander.local.store.encoding import Object
from expander.local.store.objects import Store


def admit(store: Store, obj: Object) -> Object:
    """``obj``, a new object with its name, namespace and defaults, as it is to be stored.

    Nothing is changed and nothing counted: that it is in the store is told to `controllers.quotas`. Raises
    `Refused` with code 403 or 404.
    """
    namespaces.check_creation(store, obj)
    namespace = obj["metadata"].get("namespace")
    if not namespace:
        return obj
    if obj["kind"] == "Pod":
        ranges = list(store.of_kind("LimitRange", namespace))
        obj = limit_ranges.applied(ranges, pods.completed(store, obj))
        limit_ranges.check(ranges, obj)
    elif obj["kind"] == "PersistentVolumeClaim":
        limit_ranges.check(store.of_kind("LimitRange", namespace), obj)
    quota.check(store.of_kind("ResourceQuota", namespace), obj)
    return obj
