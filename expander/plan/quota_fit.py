"""How a batch fits the quotas and limit ranges of a namespace, as figures and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import groupby
from math import ceil
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import AdmissionError
from expander.base.option_names import option
from expander.base.text import plural
from expander.client.quotas import NamespaceLimits
from expander.kube import limit_ranges, quota
from expander.kube.objects import MutableObject
from expander.kube.quantity import Quantity
from expander.kube.quota import concerns, usage
from expander.kube.resources import ZERO, Amounts, plus, read
from expander.plan.demand import ResourceDemand

ON_QUOTA_EFFECT: Final = {
    "wait": "the rest waits",
    "fail": "the rest fails",
    "skip": "the rest is skipped",
}
"""What happens to items that do not fit, by ``--on-quota``."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """One resource of one quota: ``fits`` of ``of`` fit now.

    ``what`` is a kind, or ``Pod`` for the pods of Jobs; ``refused`` says that the server rejects what does
    not fit; otherwise it accepts all Jobs and only their pods wait. Amounts have the API's form; ``asked`` is
    for all at once.
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
        """Whether not everything fits."""
        return self.fits < self.of


@dataclass(frozen=True, slots=True)
class LimitRangeEffect:
    """What a namespace's limit ranges and quotas do to ``count`` objects of one kind, in the server's words.

    ``refused``: they, or their pods, are rejected however long one waits; otherwise ``words`` says which
    defaults are set.
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
    """What one object, or its pods, counts against a quota."""

    quota: str
    amounts: Amounts
    what: str
    refused: bool
    objects: int


class QuotaDemand:
    """What a batch asks of one namespace, compared with its ``capacity``."""

    def __init__(self, capacity: NamespaceLimits) -> None:
        self.capacity = capacity
        self._lines: dict[tuple[str, str, bool], _QuotaLine] = {}
        self._rulings: dict[tuple[str, str, bool], int] = {}

    def add(self, needs: ResourceDemand, times: int) -> None:
        """Add ``times`` objects of one class."""
        for charge in self._charges(needs, times):
            line = self._lines.setdefault((charge.quota, charge.what, charge.refused), _QuotaLine())
            for name, amount in charge.amounts.items():
                whole = line.asked.get(name, ZERO)
                line.asked[name] = plus(whole, amount, times * charge.objects)
                line.objects[name] = line.objects.get(name, 0) + times * charge.objects

    def rooms(self, share: Fraction = Fraction(1)) -> list[Headroom]:
        """The quotas that the batch counts against, resource by resource.

        ``share`` is the share of Jobs that exist at once: only those have pods.
        """
        found = []
        for each in self.capacity.quotas:
            name, status = each["metadata"]["name"], each.get("status") or {}
            hard, used = read(status.get("hard") or each["spec"].get("hard")), read(status.get("used"))
            for (of_quota, what, refused), line in self._lines.items():
                if of_quota == name:
                    part = Fraction(1) if refused else share
                    for headroom in _headrooms(line, hard, used, part):
                        found.append(
                            Headroom(self.capacity.namespace, name, what=what, refused=refused, **headroom)
                        )
        return found

    def rulings(self) -> list[LimitRangeEffect]:
        """What limit ranges set and reject, and what quotas reject for good."""
        return [
            LimitRangeEffect(self.capacity.namespace, kind, words, count, refused)
            for (kind, words, refused), count in self._rulings.items()
        ]

    def _charges(self, needs: ResourceDemand, times: int) -> list[_Charge]:
        found: list[_Charge] = []
        said: set[tuple[str, bool]] = set()
        admitted = ((self._admitted(each.pod, said), each.at_once) for each in needs.pods)
        pods = [(pod, count) for pod, count in admitted if pod is not None]
        for words, refused in sorted(said):
            self._rule(needs.kind, words, times, refused)
        own = {"apiVersion": needs.api_version, "kind": needs.kind, "spec": {}}
        is_pod = needs.kind == "Pod"
        for each in self.capacity.quotas:
            name, data = each["metadata"]["name"], _as_dict(each)
            if not is_pod and concerns(data, own):
                found.append(_Charge(name, needs.counted, needs.kind, True, 1))
            if needs.kind != "CronJob":
                mine = ((pod, count) for pod, count in pods if concerns(data, pod))
                found += [_Charge(name, usage(pod), "Pod", is_pod, count) for pod, count in mine]
        return found

    def _admitted(self, pod: MutableObject, said: set[tuple[str, bool]]) -> MutableObject | None:
        """The pod after the limit ranges' defaults; None if it is rejected for good. ``said`` gets what is to
        say of it, and whether that rejects it."""
        ranges = [_as_dict(each) for each in self.capacity.ranges]
        empty = [{**each, "status": {}} for each in self.capacity.quotas]
        made = limit_ranges.applied(ranges, pod)
        filled = (made["metadata"].get("annotations") or {}).get(limit_ranges.NOTE)
        if filled and limit_ranges.NOTE not in (pod["metadata"].get("annotations") or {}):
            said.add((filled.removeprefix("LimitRanger plugin set: "), False))
        try:
            limit_ranges.check(ranges, made)
            quota.check(empty, made)
        except AdmissionError as refused:
            said.add((refused.message.partition(" is forbidden: ")[2], True))
            return None
        return made

    def _rule(self, kind: str, words: str, times: int, refused: bool) -> None:
        key = kind, words, refused
        self._rulings[key] = self._rulings.get(key, 0) + times


def _headrooms(line: _QuotaLine, hard: Amounts, used: Amounts, share: Fraction) -> Iterator[dict[str, Any]]:
    """The headroom of each resource of a quota; only ``share`` of the objects exist at once."""
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
    """One line per quota: what fits, or which resource is short.

    ``open_ended``: the batch has more items than were counted.
    """
    for (namespace, quota_name), found in groupby(
        rooms, lambda headroom: (headroom.namespace, headroom.quota)
    ):
        lines = list(found)
        start = f"quota {quota_name} in {namespace}: "
        tight = [headroom for headroom in _tightest(lines) if headroom.short]
        for headroom in tight:
            yield start + _shortage(headroom, on_quota, open_ended)
        if not tight:
            parts = [f"{headroom.of:,} {_object_noun(headroom)}" for headroom in _tightest(lines)]
            yield f"{start}room for {'the first' if open_ended else 'all:'} {' and '.join(parts)}"


def limit_range_lines(rulings: Iterable[LimitRangeEffect], *, open_ended: bool = False) -> Iterator[str]:
    """One line per effect: which defaults are set, and what is rejected for good."""
    for effect in rulings:
        many = f"{effect.count:,}{' or more' if open_ended else ''}"
        of, way = f"{many} {plural(effect.kind, effect.count)}", ""
        if effect.kind != "Pod":
            of, way = f"pods of {of}", " (FailedCreate)"
        if effect.refused:
            yield f"{of} will be rejected in {effect.namespace}{way}: {effect.words}"
        else:
            yield f"limit range in {effect.namespace}: {of} get defaults: {effect.words}"


def _tightest(rooms: Sequence[Headroom]) -> list[Headroom]:
    """For each kind of object the resource with the least headroom."""
    best: dict[tuple[str, bool], Headroom] = {}
    for headroom in rooms:
        key = headroom.what, headroom.refused
        if key not in best or headroom.fits < best[key].fits:
            best[key] = headroom
    return list(best.values())


def _shortage(headroom: Headroom, on_quota: str, open_ended: bool) -> str:
    of = f"{headroom.of:,}{' or more' if open_ended else ''} {_object_noun(headroom)}"
    why = f"({headroom.resource}: {headroom.used} of {headroom.hard} used)"
    rest = (
        f"{ON_QUOTA_EFFECT[on_quota]} ({option('--on-quota')})"
        if headroom.refused
        else f"the Jobs are accepted and the other pods wait ({option('--max-active')})"
    )
    return f"room for {headroom.fits:,} of {of} now {why}; {rest}"


def _object_noun(headroom: Headroom) -> str:
    return plural(headroom.what if headroom.refused else "pod", headroom.of)
