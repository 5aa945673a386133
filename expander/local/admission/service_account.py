"""The volume with the token of a pod's service account (plugin ServiceAccount decides).

Where the API cannot be reached from a pod, containers run without it: `without_token` gives the pod as the
kubelet is to see it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.generated_names import token
from expander.kube.wellknown import AUTHORITY_KEY, AUTHORITY_MAP, TOKEN_MOUNT_PATH, TOKEN_SECONDS
from expander.local.store.database import Object

TOKEN_VOLUME_PREFIX: Final = "kube-api-access-"

_CONTAINERS: Final = ("initContainers", "containers")
_NAMESPACE: Final = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
_SOURCES: Final = (
    {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
    {"configMap": {"name": AUTHORITY_MAP, "items": [{"key": AUTHORITY_KEY, "path": AUTHORITY_KEY}]}},
    {"downwardAPI": {"items": [_NAMESPACE]}},
)


def with_token(spec: dict[str, Any], account: Object) -> dict[str, Any]:
    """The spec of a pod with the volume, mounted where its containers have nothing at that place."""
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken", True)
    containers = [each for kind in _CONTAINERS for each in spec.get(kind) or ()]
    if not wanted or all(_mounted(each) for each in containers):
        return spec
    name = TOKEN_VOLUME_PREFIX + token()
    mount = {"name": name, "readOnly": True, "mountPath": TOKEN_MOUNT_PATH}
    volume = {"name": name, "projected": {"sources": [*_SOURCES], "defaultMode": 0o644}}
    made = {**spec, "volumes": [*(spec.get("volumes") or ()), volume]}
    for kind in _CONTAINERS:
        if spec.get(kind):
            made[kind] = [each if _mounted(each) else _with_mount(each, mount) for each in spec[kind]]
    return made


def without_token(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod without the volume that `with_token` gave it."""
    spec = pod["spec"]
    volumes = spec.get("volumes") or ()
    names = {
        each["name"]
        for each in volumes
        if each["name"].startswith(TOKEN_VOLUME_PREFIX) and "projected" in each
    }
    if not names:
        return pod
    made = {**spec, "volumes": [each for each in volumes if each["name"] not in names]}
    for kind in _CONTAINERS:
        if spec.get(kind):
            made[kind] = [_without_mounts(each, names) for each in spec[kind]]
    return {**pod, "spec": made}


def _mounted(container: Object) -> bool:
    return any(each["mountPath"] == TOKEN_MOUNT_PATH for each in container.get("volumeMounts") or ())


def _with_mount(container: Object, mount: Object) -> Object:
    return {**container, "volumeMounts": [*(container.get("volumeMounts") or ()), mount]}


def _without_mounts(container: Object, names: set[str]) -> Object:
    mounts = [each for each in container.get("volumeMounts") or () if each["name"] not in names]
    return {**container, "volumeMounts": mounts}
