"""How a batch fits the quotas and limit ranges of a namespace, as figures and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from math import ceil
from typing import Any, Final

from expander.base.errors import AdmissionError
from expander.base.text import plural
from expander.client.quotas import NamespaceLimits
from expander.kube import limit_ranges, quota
from expander.kube.quantity import Quantity
from expander.kube.quota import concerns, usage
from expander.kube.resources import ZERO, Amounts, plus, read
from expander.plan.demand import ResourceDemand

ON_QUOTA_EFFECT: Final = {
    "wait": "the rest waits (--on-quota)",
    "fail": "the rest fails (--on-quota)",
    "skip": "the rest is skipped (--on-quota)",
}
"""What becomes of items without room, by ``--on-quota``."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """One resource of one quota: ``fits`` of ``of`` have room now.

    ``what`` is a kind, or ``Pod`` for the pods of Jobs; ``refused`` says that the server takes no more of
    them than fit, else it takes all Jobs and only their pods wait. Amounts are as the API writes them;
    ``asked`` is for all at a time.
    """

    namespace: str
    quota: str
    resource: str
    hard: str
    used: str
    asked: str
    what: str
    of: int
    fits: int
    refused: bool

    @property
    def short(self) -> bool:
        """Whether something has to wait."""
        return self.fits < self.of


@dataclass(frozen=True, slots=True)
class LimitRangeEffect:
    """What the namespace's rules make of ``count`` objects of one kind, in the server's words.

    ``refused``: they, or the pods of the Jobs, are refused however long one waits; else ``words`` tells what
    is filled in.
    """

    namespace: str
    kind: str
    words: str
    count: int
    refused: bool


@dataclass(slots=True)
class _QuotaLine:
    asked: Amounts = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Charge:
    """What one object costs a quota: itself, or its pods."""

    quota: str
    amounts: Amounts
    what: str
    refused: bool
    objects: int


class QuotaDemand:
    """What a batch asks of one namespace, held against its ``capacity``."""

    def __init__(self, capacity: NamespaceLimits) -> None:
        self.capacity = capacity
        self._lines: dict[tuple[str, str, bool], _QuotaLine] = {}
        self._rulings: dict[tuple[str, str, bool], int] = {}

    def add(self, needs: ResourceDemand, times: int) -> None:
        """``times`` objects of one class."""
        for charge in self._charges(needs, times):
            line = self._lines.setdefault((charge.quota, charge.what, charge.refused), _QuotaLine())
            for name, amount in charge.amounts.items():
                whole = line.asked.get(name, ZERO)
                line.asked[name] = plus(whole, amount, times * charge.objects)
                line.objects[name] = line.objects.get(name, 0) + times * charge.objects

    def rooms(self, share: Fraction = Fraction(1)) -> list[Headroom]:
        """The quotas that the batch counts against, resource by resource.

        ``share`` is the part of the Jobs that are there at a time: only so many have pods.
        """
        found = []
        for each in self.capacity.quotas:
            name, status = each["metadata"]["name"], each.get("status") or {}
            hard, used = read(status.get("hard") or each["spec"].get("hard")), read(status.get("used"))
            for (of_quota, what, refused), line in self._lines.items():
                if of_quota == name:
                    part = Fraction(1) if refused else share
                    for room in _headrooms(line, hard, used, part):
                        found.append(
                            Headroom(self.capacity.namespace, name, what=what, refused=refused, **room)
                        )
        return found

    def rulings(self) -> list[LimitRangeEffect]:
        """What limit ranges change and refuse, and what quotas refuse for ever."""
        return [
            LimitRangeEffect(self.capacity.namespace, kind, words, count, refused)
            for (kind, words, refused), count in self._rulings.items()
        ]

    def _charges(self, needs: ResourceDemand, times: int) -> list[_Charge]:
        found = []
        pod = self._admitted(needs, times)
        for each in self.capacity.quotas:
            name = each["metadata"]["name"]
            own = (
                {"apiVersion": needs.api_version, "kind": needs.kind, "spec": {}}
                if needs.kind != "Pod"
                else pod
            )
            if own is not None and concerns(_as_dict(each), own):
                counted = needs.counted if needs.kind != "Pod" else usage(own)
                found.append(_Charge(name, counted, needs.kind, True, 1))
            if pod is not None and needs.kind == "Job" and concerns(_as_dict(each), pod):
                found.append(_Charge(name, usage(pod), "Pod", False, needs.pods))
        return found

    def _admitted(self, needs: ResourceDemand, times: int) -> dict[str, Any] | None:
        """The pod as the limit ranges make it; None when there is none, or it is refused for ever."""
        if needs.pod is None:
            return None
        ranges = [_as_dict(each) for each in self.capacity.ranges]
        empty = [{**each, "status": {}} for each in self.capacity.quotas]
        pod = limit_ranges.applied(ranges, needs.pod)
        filled = (pod["metadata"].get("annotations") or {}).get(limit_ranges.NOTE)
        if filled and limit_ranges.NOTE not in (needs.pod["metadata"].get("annotations") or {}):
            self._rule(needs.kind, filled.removeprefix("LimitRanger plugin set: "), times, refused=False)
        try:
            limit_ranges.check(ranges, pod)
            quota.check(empty, pod)
        except AdmissionError as refused:
            self._rule(needs.kind, refused.message.partition(" is forbidden: ")[2], times, refused=True)
            return None
        return pod

    def _rule(self, kind: str, words: str, times: int, refused: bool) -> None:
        key = kind, words, refused
        self._rulings[key] = self._rulings.get(key, 0) + times


def _headrooms(line: _QuotaLine, hard: Amounts, used: Amounts, share: Fraction) -> Iterator[dict[str, Any]]:
    """What is to say of each resource of a quota; only ``share`` of the objects are there at a time."""
    for resource, whole in line.asked.items():
        asked = Quantity(whole.value * share, whole.form)
        if resource not in hard or not asked.value:
            continue
        taken, of = used.get(resource, ZERO), ceil(line.objects[resource] * share)
        free = max(Fraction(0), hard[resource].value - taken.value)
        yield {
            "resource": resource,
            "hard": str(hard[resource]),
            "used": str(taken),
            "asked": str(asked),
            "of": of,
            "fits": min(of, int(of * free / asked.value)),
        }


def _as_dict(obj: Mapping[str, Any]) -> dict[str, Any]:
    return dict(obj)


def quota_lines(
    rooms: Sequence[Headroom], on_quota: str = "wait", *, open_ended: bool = False
) -> Iterator[str]:
    """For each quota what fits, and by which resource what does not.

    ``open_ended`` says that there is more of the batch than was counted.
    """
    for (namespace, quota_name), found in groupby(rooms, lambda room: (room.namespace, room.quota)):
        lines = list(found)
        start = f"quota {quota_name} in {namespace}: "
        tight = [room for room in _tightest(lines) if room.short]
        for room in tight:
            yield start + _shortage(room, on_quota, open_ended)
        if not tight:
            parts = [f"{room.of:,} {_object_noun(room)}" for room in _tightest(lines)]
            yield f"{start}room for {'the first' if open_ended else 'all:'} {' and '.join(parts)}"


def limit_range_lines(rulings: Iterable[LimitRangeEffect], *, open_ended: bool = False) -> Iterator[str]:
    """What is filled in, and what is refused for ever."""
    for ruling in rulings:
        many = f"{ruling.count:,}{' or more' if open_ended else ''}"
        of, way = f"{many} {plural(ruling.kind, ruling.count)}", ""
        if ruling.kind != "Pod":
            of, way = f"pods of {of}", " (FailedCreate)"
        if ruling.refused:
            yield f"{of} will be refused in {ruling.namespace}{way}: {ruling.words}"
        else:
            yield f"limit range in {ruling.namespace}: {of} get by default: {ruling.words}"


def _tightest(rooms: Sequence[Headroom]) -> list[Headroom]:
    """Of each kind of object the resource with the least room."""
    best: dict[tuple[str, bool], Headroom] = {}
    for room in rooms:
        key = room.what, room.refused
        if key not in best or room.fits < best[key].fits:
            best[key] = room
    return list(best.values())


def _shortage(room: Headroom, on_quota: str, open_ended: bool) -> str:
    of = f"{room.of:,}{' or more' if open_ended else ''} {_object_noun(room)}"
    why = f"({room.resource}: {room.used} of {room.hard} used)"
    rest = (
        ON_QUOTA_EFFECT[on_quota]
        if room.refused
        else "the Jobs are taken, and their other pods wait (--max-active)"
    )
    return f"room for {room.fits:,} of {of} now {why}; {rest}"


def _object_noun(room: Headroom) -> str:
    return plural(room.what if room.refused else "pod", room.of)
