"""Whether the ResourceQuotas of a namespace have room for one more object (plugin ResourceQuota decides).

What is used is read from the status of the quotas, which `controllers.quotas` keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from expander.local.admission.refused import forbidden
from expander.local.admission.scopes import concerns
from expander.local.admission.usage import usage
from expander.local.store.encoding import Object
from expander.manifests.amounts import ZERO, Amounts, listed, plus, read

ASKED_FOR: Final = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Resources that every container must name where a quota counts them."""


def check(quotas: Iterable[Object], obj: Object) -> None:
    """Raises `Refused` when a quota has no room for ``obj``, or cannot count it."""
    asked: Amounts | None = None
    for quota in quotas:
        if not concerns(quota, obj):
            continue
        name, status = quota["metadata"]["name"], quota.get("status") or {}
        hard, used = read(quota["spec"].get("hard")), read(status.get("used"))
        if obj["kind"] == "Pod" and (missing := _unnamed(obj["spec"], hard)):
            raise forbidden(obj, f"failed quota: {name}: must specify {missing}")
        asked = usage(obj) if asked is None else asked
        wanted = {each: amount for each, amount in asked.items() if each in hard and amount.value}
        over = {
            each: amount
            for each, amount in wanted.items()
            if plus(used.get(each, ZERO), amount).value > hard[each].value
        }
        if over:
            there = {each: used.get(each, ZERO) for each in over}
            limits = {each: hard[each] for each in over}
            raise forbidden(
                obj,
                f"exceeded quota: {name}, requested: {listed(over)}, used: {listed(there)}, "
                f"limited: {listed(limits)}",
            )


def _unnamed(spec: Object, hard: Amounts) -> str:
    """Which containers do not say how much of a counted resource they need; empty when all do."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    words = []
    for resource in sorted(each for each in ASKED_FOR if each in hard):
        if _names(spec, resource):
            continue
        without = sorted({each["name"] for each in containers if not _names(each, resource)})
        if without:
            words.append(f"{resource} for: {','.join(without)}")
    return "; ".join(words)


def _names(holder: dict[str, Any], resource: str) -> bool:
    """Whether the pod or container says how much of ``resource``, such as ``limits.cpu``, it needs."""
    field, _, name = resource.rpartition(".")
    return name in ((holder.get("resources") or {}).get(field or "requests") or {})
