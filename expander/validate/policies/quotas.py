"""What the objects of a batch count for in the ResourceQuotas of their namespaces, one after another.

An object for which a quota has no room is refused; the pods of a workload that do not fit wait until others
have ended. Counted is what the batch itself asks for: what is there already is not known offline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import AdmissionError
from expander.base.named_tuple import NamedTuple
from expander.base.text import counted
from expander.kube import quota
from expander.kube.resources import ZERO, Amounts, listed, plus, read

Object = dict[str, Any]

FORBIDDEN: Final = " is forbidden: "


class Charge(NamedTuple):
    """What an object, or all its pods that run at a time, count for in one quota."""

    namespace: str
    quota: str
    hard: Amounts
    amounts: Amounts
    kind: str
    waits: str
    """What waits instead of being refused, ``pods`` or ``Jobs``; empty for the object itself."""


def charge(quotas: Iterable[Object], obj: Object, kind: str, times: int, waits: str = "") -> Iterator[Charge]:
    """What ``obj`` counts for, ``times`` over; ``waits`` names the objects that controllers make."""
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
                yield Charge(namespace, name, hard, amounts, kind, waits)


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

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], Amounts] = {}
        self._lines: dict[tuple[str, str, str, str], _Line] = {}

    def add(self, charges: Sequence[Charge], times: int, where: Callable[[int], str]) -> None:
        """Count ``times`` objects alike, each with its pods unless it is refused; ``where`` names one."""
        if self._fit(charges, times):
            return
        for number in range(times):
            for each in charges:
                if not self._fit((each,), 1):
                    self._exceed(each, number, where)
                    if not each.waits:
                        break

    def _fit(self, charges: Sequence[Charge], times: int) -> bool:
        """Count all of them if there is room."""
        after = [
            (each, {name: plus(self._of(each).get(name, ZERO), a, times) for name, a in each.amounts.items()})
            for each in charges
        ]
        if any(
            amount.value > each.hard[name].value
            for each, amounts in after
            for name, amount in amounts.items()
        ):
            return False
        for each, amounts in after:
            self._of(each).update(amounts)
            self._line(each).fit += times
        return True

    def _exceed(self, charge: Charge, number: int, where: Callable[[int], str]) -> None:
        used, hard, line = self._of(charge), charge.hard, self._line(charge)
        line.beyond += 1
        if line.beyond > 1:
            return
        asked = {
            name: amount
            for name, amount in charge.amounts.items()
            if plus(used.get(name, ZERO), amount).value > hard[name].value
        }
        there = {name: used.get(name, ZERO) for name in asked}
        limits = {name: hard[name] for name in asked}
        line.first = where(number)
        line.why = f"requested: {listed(asked)}, used: {listed(there)}, limited: {listed(limits)}"

    def _of(self, charge: Charge) -> Amounts:
        return self._used.setdefault((charge.namespace, charge.quota), {})

    def _line(self, charge: Charge) -> _Line:
        return self._lines.setdefault((charge.namespace, charge.quota, charge.kind, charge.waits), _Line())

    def words(self) -> Iterator[str]:
        """One line for each quota that the batch goes beyond."""
        for (namespace, name, kind, waits), line in self._lines.items():
            if not line.beyond:
                continue
            why = f"exceeded quota: {name}, {line.why}"
            from_on = f"from {line.first} on" if line.beyond > 1 else line.first
            what = f"{line.fit:,} of {counted(line.fit + line.beyond, kind)}"
            if waits:
                what, from_on = f"the {waits} of {what} at a time", f"{from_on}, {waits} wait"
            yield f"quota {name} in {namespace}: room for {what}; {from_on}: {why}"
