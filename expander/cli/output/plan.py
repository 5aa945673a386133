"""What ``plan`` prints: a report, JSON, or names. Several plans, one for each shape, are compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from expander.base.text import counted, plural
from expander.cli.output.streams import Output, printable
from expander.cli.output.table import table
from expander.kube.resources import Amounts
from expander.plan.limits import minutes
from expander.plan.plan import Plan
from expander.plan.quota_fit import limit_range_lines, quota_lines

Row = tuple[str, str]

MAX_NAMESPACES = 3
"""Namespaces named in a report."""


def rows_of(plan: Plan) -> list[Row]:
    """The figures of a plan; every plan has the same labels in the same order."""
    size = f"{in_bytes(plan.etcd_bytes)} as JSON"
    if plan.total > 1:
        size += f", the largest {in_bytes(plan.largest[1])} ({plan.largest[0]})"
    return [
        ("objects", objects(plan)),
        ("for the Jobs", _counts(plan.grouping)),
        ("where", _where(plan)),
        ("pods", _pods(plan)),
        ("requests", _amounts(plan, "requests.")),
        ("limits", _amounts(plan, "limits.")),
        ("in etcd", size),
        ("sending", _sending(plan)),
    ]


def notes_of(plan: Plan, on_quota: str) -> Iterator[str]:
    """What fits, and warnings, a line each."""
    if plan.asked != "nothing" and not plan.rooms and not plan.unknown:
        yield "quota: none applies"
    yield from quota_lines(plan.rooms, on_quota)
    yield from limit_range_lines(plan.rulings)
    for words in plan.unknown:
        yield f"unknown quotas and limit ranges: {words}"
    for words in plan.warnings:
        yield f"warning: {words}"


def objects(plan: Plan) -> str:
    """How many of what."""
    failed = f"; {counted(plan.failed, 'item')} cannot be sent" if plan.failed else ""
    return (_counts(plan.objects) or "none") + failed


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {plural(kind, count)}" for kind, count in sorted(kinds.items()))


def _where(plan: Plan) -> str:
    names = sorted(name for name in plan.namespaces if name)
    if not names:
        return ""
    shown = ", ".join(names[:MAX_NAMESPACES])
    more = f" and {len(names) - MAX_NAMESPACES:,} more" if len(names) > MAX_NAMESPACES else ""
    group = f", group {plan.group}" if plan.group else ""
    return f"{plural('namespace', len(names))} {shown}{more}{group}"


def _pods(plan: Plan) -> str:
    if not plan.pods_in_all:
        return ""
    text = f"{plan.pods_at_once:,} at a time, {plan.pods_in_all:,} in total"
    if plan.rate.max_active is not None:
        text += f"; at most {counted(plan.rate.max_active, 'unfinished Job')} (--max-active)"
    if plan.suspended:
        text += f"; {counted(plan.suspended, 'Job')} suspended until Kueue admits them"
    return text


def _amounts(plan: Plan, prefix: str) -> str:
    at_once, in_all = (_listed(amounts, prefix) for amounts in (plan.at_once, plan.in_all))
    if not in_all:
        return ""
    return f"{at_once} at a time" + (f", {in_all} in total" if in_all != at_once else "")


def _listed(amounts: Amounts, prefix: str) -> str:
    found = {name.removeprefix(prefix): amount for name, amount in amounts.items() if name.startswith(prefix)}
    return ", ".join(f"{name} {amount}" for name, amount in sorted(found.items()) if amount.value)


def _sending(plan: Plan) -> str:
    rate = plan.rate
    why = "--qps" if rate.qps is not None else "estimate"
    text = f"{counted(plan.requests, 'request')}, {minutes(plan.seconds)} at {rate.per_second:,g}/s ({why})"
    waits = rate.max_active is not None and plan.objects.get("Job", 0) > rate.max_active
    full = [room.resource for room in plan.rooms if room.short and room.refused]
    if "count/jobs.batch" in full:
        text += ", plus waiting for finished Jobs to be deleted (--delete-finished, --ttl)"
    elif waits or full:
        text += ", plus waiting for Jobs to finish"
    return text


def in_bytes(count: int) -> str:
    """``812 B``, ``1.6 KiB``, ``152.3 MiB``."""
    amount, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{count:,} B" if units[0] == "B" else f"{amount:,.1f} {units[0]}"


HEAD = ("SHAPE", "OBJECTS", "CONCURRENT PODS", "TOTAL PODS", "IN ETCD", "LARGEST", "TIME TO SEND", "LIMITS")


def comparison(plans: Sequence[Plan]) -> Iterator[str]:
    """The table, then warnings of the shapes beside the first."""
    yield from table([HEAD, *map(_line, plans)])
    said = set(plans[0].warnings)
    for plan in plans[1:]:
        for words in plan.warnings:
            if words not in said:
                yield printable(f"warning: --as {plan.shape}: {words}") + "\n"


def _line(plan: Plan) -> tuple[str, ...]:
    return (
        plan.shape,
        objects(plan),
        f"{plan.pods_at_once:,}",
        f"{plan.pods_in_all:,}",
        in_bytes(plan.etcd_bytes),
        in_bytes(plan.largest[1]),
        minutes(plan.seconds),
        ", ".join(_troubles(plan)) or "ok",
    )


def _troubles(plan: Plan) -> Iterator[str]:
    if any(ruling.refused for ruling in plan.rulings):
        yield "pods refused"
    if any(room.short for room in plan.rooms):
        yield "waits for quota"
    count = len(plan.warnings)
    if count:
        yield counted(count, "warning")


MAX_NAMES = 10
"""Names shown in a report."""


class PlanReport(Protocol):
    """What every format offers."""

    def add(self, name: str) -> None:
        """One more object that would be sent."""

    def finish(self, plans: Sequence[Plan]) -> None:
        """There are no more: the plan, or one for each shape with the asked one first."""


def report_of(output: str, out: Output, on_quota: str = "wait") -> PlanReport:
    """The report of a format; ``on_quota`` is the option of that name."""
    if output == "json":
        return JsonPlan(out)
    return PlanNames(out) if output == "name" else TextPlan(out, on_quota)


class PlanNames:
    """Names as ``kubectl -o name`` prints them, nothing else."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def add(self, name: str) -> None:
        """Print it."""
        self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """All names are printed."""
        self._out.finish()


class JsonPlan:
    """One JSON object: all names, written as they come, then the plan; with several all in ``plans``."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._begun = False

    def add(self, name: str) -> None:
        """Write it into the list."""
        self._out.put(("," if self._begun else '{"names":[') + json.dumps(name, ensure_ascii=False))
        self._begun = True

    def finish(self, plans: Sequence[Plan]) -> None:
        """Write the rest."""
        rest = plans[0].as_json()
        if len(plans) > 1:
            rest["plans"] = [plan.as_json() for plan in plans]
        text = json.dumps(rest, ensure_ascii=False)
        self._out.put(("" if self._begun else '{"names":[') + "]," + text[1:] + "\n")
        self._out.finish()


class TextPlan:
    """For people: the first names, the figures, notes, then a line for each shape."""

    def __init__(self, out: Output, on_quota: str) -> None:
        self._out = out
        self._on_quota = on_quota
        self._count = 0

    def add(self, name: str) -> None:
        """Print it if it is among the first."""
        self._count += 1
        if self._count <= MAX_NAMES:
            self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """Print the plans."""
        if self._count > MAX_NAMES:
            self._out.put(f"... and {self._count - MAX_NAMES:,} more\n")
        self._out.put("\n" if self._count else "")
        self._out.put("".join(table([row for row in rows_of(plans[0]) if row[1]])))
        for line in notes_of(plans[0], self._on_quota):
            self._out.put(printable(line) + "\n")
        if len(plans) > 1:
            self._out.put("\n")
            self._out.put("".join(comparison(plans)))
        self._out.finish()
