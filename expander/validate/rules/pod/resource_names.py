"""Names of resources: which are Kubernetes' own, which a device plugin may add, how each is counted."""

from __future__ import annotations

from typing import Final

from expander.kube.quantity import Quantity
from expander.validate.rules import formats
from expander.validate.rules.amounts import amount, is_whole, whole_units
from expander.validate.rules.checks import Findings, invalid, invalid_each, not_supported

CONTAINER_RESOURCES: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGE_PAGES: Final = "hugepages-"
_COUNTED_OBJECTS: Final = frozenset(
    (
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
_STANDARD: Final = (
    CONTAINER_RESOURCES
    | _COUNTED_OBJECTS
    | {f"{part}.{name}" for part in ("requests", "limits") for name in CONTAINER_RESOURCES}
    | {"storage", "requests.storage"}
)


def is_huge_pages(name: str) -> bool:
    """``hugepages-2Mi`` and its like."""
    return name.startswith(_HUGE_PAGES)


def is_native(name: str) -> bool:
    """A resource of Kubernetes itself: no prefix, or one of ``kubernetes.io``."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of a device plugin, ``vendor.example/device``."""
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not formats.qualified_name(f"requests.{name}")
    )


def is_counted(name: str) -> bool:
    """Resources that come in whole numbers: counts of objects and extended resources."""
    return name in _COUNTED_OBJECTS or is_extended(name)


def may_overcommit(name: str) -> bool:
    """Resources of which a container may request less than its limit."""
    return is_native(name) and not is_huge_pages(name)


def fits_huge_pages(name: str, given: Quantity) -> bool:
    """The amount is a multiple of the size of page in the name."""
    page = amount(name.removeprefix(_HUGE_PAGES))
    return page.value > 0 and is_whole(page) and whole_units(given) % whole_units(page) == 0


def check_container_resource(name: str, where: str) -> Findings:
    """A resource a container may ask for."""
    wrong = formats.qualified_name(name)
    if wrong:
        yield from invalid_each(where, name, wrong)
    elif "/" not in name and not _is_standard(name):
        yield invalid(where, name, "must be a standard resource type or fully qualified")
    if "/" not in name:
        if name not in CONTAINER_RESOURCES and not is_huge_pages(name):
            yield invalid(where, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(where, name, "doesn't follow extended resource name standard")


def check_pod_resource(name: str, where: str) -> Findings:
    """A resource that may be asked for by the pod as a whole."""
    wrong = formats.qualified_name(name)
    if wrong:
        yield from invalid_each(where, name, wrong)
    elif name not in ("cpu", "memory") and not is_huge_pages(name):
        yield not_supported(where, name, ("cpu", _HUGE_PAGES, "memory"))


def _is_standard(name: str) -> bool:
    return name in _STANDARD or name.startswith((_HUGE_PAGES, f"requests.{_HUGE_PAGES}"))
