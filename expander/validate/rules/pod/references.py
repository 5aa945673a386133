"""What the rules of one field must know of the rest of the pod.

References to fields of the pod and to resources of its containers (downward API).

Paths inside volumes and containers: relative, and never upwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube.versions import Release
from expander.validate.rules import formats
from expander.validate.rules.field import Findings, each, invalid, invalid_each, not_supported, required

if TYPE_CHECKING:
    from expander.validate.rules import core
else:  # quantities, which few references have
    core = late_module("expander.validate.rules.core")

DEFAULT_GRACE_PERIOD = 30  # seconds


class PodFacts(NamedTuple):
    """Facts gathered once per pod spec.

    ``release`` is the server's; ``volumes`` are the volumes without findings, by name; ``claims`` the names
    under ``resourceClaims``; ``grace_period`` is in seconds; ``bare`` is true for a Pod, false for the
    template of one.
    """

    release: Release
    volumes: Mapping[str, Mapping[str, Any]]
    claims: frozenset[str]
    restart_policy: str
    grace_period: int
    host_users: bool
    bare: bool


class ClaimOwner(NamedTuple):
    """The pod that claims are made for: ``name`` is empty in a template, ``bare`` is true for a Pod."""

    name: str = ""
    bare: bool = False

    def claim_of(self, volume: Mapping[str, Any]) -> str | None:
        """The name of the claim made for ``volume``; None while the pod has no name."""
        return f"{self.name}-{volume.get('name') or ''}" if self.name else None


TEMPLATE: Final = ClaimOwner()
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def every_container(spec: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, container) of all containers, those that run first in front; ``where`` is the spec's path."""
    for field in _CONTAINERS:
        yield from each(spec.get(field), f"{where}.{field}")


def has_container_with(field: str, spec: Mapping[str, Any]) -> bool:
    """Whether a container of any kind has something in this field."""
    for kind in _CONTAINERS:
        for container in spec.get(kind) or ():
            if container and container.get(field):
                return True
    return False


def gather(
    spec: Mapping[str, Any], release: Release, volumes: Mapping[str, Mapping[str, Any]], *, bare: bool
) -> PodFacts:
    """The facts of ``spec``; fields that are left out have the server's defaults."""
    grace_period = spec.get("terminationGracePeriodSeconds")
    return PodFacts(
        release=release,
        volumes=volumes,
        claims=frozenset(
            claim["name"] for claim in spec.get("resourceClaims") or () if claim and claim.get("name")
        ),
        restart_policy=spec.get("restartPolicy") or "Always",
        grace_period=DEFAULT_GRACE_PERIOD if grace_period is None else grace_period,
        host_users=spec.get("hostUsers") is not False,
        bare=bare,
    )


ENV_FIELDS: Final = frozenset(
    (
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    )
)
VOLUME_FIELDS: Final = frozenset(
    ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
)
RESOURCES: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)

_KNOWN_FIELDS: Final = (
    ENV_FIELDS | VOLUME_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
)
_RENAMED_FIELDS: Final = {"spec.host": "spec.nodeName"}
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS: Final = frozenset(("1m", "1"))
_BYTE_DIVISORS: Final = (
    *("1", "1k", "1M", "1G", "1T", "1P", "1E"),
    *("1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"),
)
_BYTE_RESOURCES: Final = {
    "memory": "memory",
    "ephemeral-storage": "local ephemeral storage",
    "hugepages": "hugepages",
}


def check_field_ref(reference: Mapping[str, Any], allowed: frozenset[str], where: str) -> Findings:
    """``fieldPath`` names a field of a pod that is ``allowed`` here, or one label or annotation."""
    version, label = reference.get("apiVersion") or "v1", reference.get("fieldPath") or ""
    at = f"{where}.fieldPath"
    if not label:
        yield required(at)
        return
    path, subscript = _split_subscript(label)
    if problem := _unconvertible(version, label, path, subscript):
        yield invalid(at, label, f"error converting fieldPath: {problem}")
    elif subscript is not None:
        name = subscript.lower() if path == "metadata.annotations" else subscript
        yield from invalid_each(where, name, formats.qualified_name(name))
    else:
        field = _RENAMED_FIELDS.get(label, label)
        if field not in allowed:
            yield not_supported(at, field, sorted(allowed))


def check_resource_field_ref(reference: Mapping[str, Any], where: str, *, in_volume: bool) -> Findings:
    """A resource of a container, and the unit to count it in; a volume must name the container."""
    resource = reference.get("resource") or ""
    if in_volume and not reference.get("containerName"):
        yield required(f"{where}.containerName")
    elif not resource:
        yield required(f"{where}.resource")
    elif resource not in RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield not_supported(f"{where}.resource", resource, RESOURCES)
    yield from _check_divisor(resource, reference.get("divisor"), f"{where}.divisor")


def _check_divisor(resource: str, divisor: Any, where: str) -> Findings:
    if divisor is None:
        return
    yield from core.check_quantity(divisor, where)
    if core.amount(divisor).value == 0:
        return
    text, kind = str(core.amount(divisor)), resource.partition(".")[2]
    if resource in ("limits.cpu", "requests.cpu"):
        if text not in _CPU_DIVISORS:
            yield invalid(
                where, resource, "only divisor's values 1m and 1 are supported with the cpu resource"
            )
        return
    kind = "hugepages" if resource.startswith(_HUGE_PAGES) else kind
    if (resource in RESOURCES or kind == "hugepages") and text not in _BYTE_DIVISORS:
        units = ", ".join(_BYTE_DIVISORS)
        named = _BYTE_RESOURCES[kind]
        yield invalid(
            where, resource, f"only divisor's values {units} are supported with the {named} resource"
        )


def _split_subscript(label: str) -> tuple[str, str | None]:
    """``metadata.labels['x']`` is (``metadata.labels``, ``x``); without a subscript the second is None."""
    path, opening, rest = label.partition("['")
    if path and opening and rest.endswith("']"):
        return path, rest[:-2]
    return label, None


def _unconvertible(version: str, label: str, path: str, subscript: str | None) -> str | None:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if subscript is not None:
        if path in ("metadata.annotations", "metadata.labels"):
            return None
        return f"field label does not support subscript: {label}"
    if label in _KNOWN_FIELDS or label in _RENAMED_FIELDS:
        return None
    return f"field label not supported: {label}"


def climbs(text: str) -> bool:
    """True when a step of the path is ``..``."""
    return ".." in text and ".." in text.split("/")


def check_no_climbing(text: str, where: str) -> Findings:
    """No step of the path is ``..``."""
    if climbs(text):
        yield invalid(where, text, "must not contain '..'")


def check_descending(text: str, where: str) -> Findings:
    """A relative path without ``..``."""
    if text.startswith("/"):
        yield invalid(where, text, "must be a relative path")
    yield from check_no_climbing(text, where)


def check_unreserved(text: str, where: str) -> Findings:
    """A relative path without ``..`` whose first name does not begin with ``..``, which kubelet keeps."""
    yield from check_descending(text, where)
    if text.startswith("..") and not text.startswith("../"):
        yield invalid(where, text, "must not start with '..'")
