"""The rules and defaults of PriorityClasses (pkg/apis/scheduling/validation of the API server decides).

Names that begin with ``system-`` and values above `MAX_USER_PRIORITY` belong to the two classes that every
cluster has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.kube.wellknown import PREEMPTION_POLICIES, SYSTEM_CLASSES
from expander.validate.finding import Finding
from expander.validate.rules.field import EMPTY, forbidden, immutable, not_supported, required
from expander.validate.rules.metadata import check_metadata

Object = Mapping[str, Any]

MAX_USER_PRIORITY: Final = 1_000_000_000
SYSTEM_PREFIX: Final = "system-"


def fill(priority_class: dict[str, Any]) -> None:
    """Fill in the defaults."""
    priority_class.setdefault("value", 0)
    priority_class.setdefault("preemptionPolicy", PREEMPTION_POLICIES[0])


def check_priority_class(priority_class: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new PriorityClass."""
    metadata = priority_class.get("metadata") or EMPTY
    return [
        *check_metadata(metadata, namespaced=False),
        *_check_value(metadata.get("name") or "", priority_class),
        *_check_policy(priority_class.get("preemptionPolicy")),
    ]


def _check_value(name: str, priority_class: Object) -> Iterator[Finding]:
    value = priority_class.get("value") or 0
    if not name.startswith(SYSTEM_PREFIX):
        if value > MAX_USER_PRIORITY:
            detail = f"maximum allowed value of a user defined priority is {MAX_USER_PRIORITY}"
            yield forbidden("value", detail)
        return
    wrong = ""
    if name not in SYSTEM_CLASSES:
        wrong = f"{name} is not a known system priority class"
    elif value != SYSTEM_CLASSES[name]:
        wrong = f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    elif priority_class.get("globalDefault"):
        wrong = f"globalDefault of {name} PriorityClass must be false"
    if wrong:
        detail = (
            f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: "
        )
        yield forbidden("metadata.name", detail + wrong)


def _check_policy(policy: str | None) -> Iterator[Finding]:
    if policy == "":
        yield required("preemptionPolicy")
    elif policy is not None and policy not in PREEMPTION_POLICIES:
        yield not_supported("preemptionPolicy", policy, PREEMPTION_POLICIES)


def check_priority_class_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """What may not change: the value and the policy."""
    if (new.get("value") or 0) != (old.get("value") or 0):
        yield forbidden("value", "may not be changed in an update.")
    if new.get("preemptionPolicy") != old.get("preemptionPolicy"):
        yield immutable("preemptionPolicy", new.get("preemptionPolicy"))
