"""What the objects of a batch count for in the ResourceQuotas of their namespaces, one after another.

An object for which a quota has no room is refused; the pods of a workload that do not fit wait until others
have ended. Counted is what the batch itself asks for: what is there already is not known offline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from expander.base.dataclass import dataclass
from expander.base.errors import AdmissionError
from expander.base.text import counted
from expander.kube import quota
from expander.kube.resources import ZERO, Amounts, listed, plus, read

Object = dict[str, Any]

FORBIDDEN: Final = " is forbidden: "


class Charge(NamedTuple):
    """What an object, or all its pods that run at a time, count for in one quota."""

    namespace: str
    quota: str
    amounts: Amounts
    kind: str
    waits: bool
    """Whether what does not fit waits, as pods do, instead of being refused."""


def charge(quotas: Iterable[Object], obj: Object, kind: str, times: int, waits: bool) -> Iterator[Charge]:
    """What ``obj`` counts for, ``times`` over."""
    for each in quotas:
        hard = read(each["spec"].get("hard"))
        if quota.concerns(each, obj):
            amounts = {
                name: plus(ZERO, amount, times)
                for name, amount in quota.usage(obj).items()
                if name in hard and amount.value
            }
            if amounts and times:
                name, namespace = each["metadata"]["name"], obj["metadata"].get("namespace") or ""
                yield Charge(namespace, name, amounts, kind, waits)


def refusal(quotas: Iterable[Object], obj: Object) -> str:
    """Why the quotas have no room for ``obj`` even when nothing else is there; empty when they have."""
    try:
        quota.check([{**each, "status": {}} for each in quotas], obj)
    except AdmissionError as refused:
        return refused.message.partition(FORBIDDEN)[2]
    return ""


@dataclass(slots=True)
class _Line:
    """The count of one kind of object in one quota."""

    fit: int = 0
    beyond: int = 0
    first: str = ""
    why: str = ""


class QuotaCount:
    """The ResourceQuotas of the files, counted up by a batch."""

    def __init__(self, quotas: Iterable[Object]) -> None:
        self._hard: Mapping[str, Amounts] = {
            each["metadata"]["name"]: read(each["spec"].get("hard")) for each in quotas
        }
        self._used: dict[tuple[str, str], Amounts] = {}
        self._lines: dict[tuple[str, str, str, bool], _Line] = {}

    def add(self, charges: Iterable[Charge], where: str) -> None:
        """Count an object, and its pods unless it is refused itself; ``where`` names it."""
        for each in sorted(charges, key=lambda charge: charge.waits):
            key = each.namespace, each.quota
            used, hard = self._used.setdefault(key, {}), self._hard[each.quota]
            line = self._lines.setdefault((*key, each.kind, each.waits), _Line())
            after = {name: plus(used.get(name, ZERO), amount) for name, amount in each.amounts.items()}
            over = [name for name, amount in after.items() if amount.value > hard[name].value]
            if not over:
                used.update(after)
                line.fit += 1
                continue
            line.beyond += 1
            if line.beyond == 1:
                asked = {name: each.amounts[name] for name in over}
                there = {name: used.get(name, ZERO) for name in over}
                limits = {name: hard[name] for name in over}
                line.first = where
                line.why = f"requested: {listed(asked)}, used: {listed(there)}, limited: {listed(limits)}"
            if not each.waits:
                return

    def words(self) -> Iterator[str]:
        """One line for each quota that the batch goes beyond."""
        for (namespace, name, kind, waits), line in self._lines.items():
            if not line.beyond:
                continue
            why = f"exceeded quota: {name}, {line.why}"
            from_on = f"from {line.first} on" if line.beyond > 1 else line.first
            what = f"{line.fit:,} of {counted(line.fit + line.beyond, kind)}"
            if waits:
                what, from_on = f"the pods of {what} at a time", f"{from_on}, pods wait"
            yield f"quota {name} in {namespace}: room for {what}; {from_on}: {why}"
