"""What ``plan`` prints: a report, JSON, or names. Several plans, one for each shape, are compared.

A plan as lines of text.

Plans of several shapes as a table with a line for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Protocol

from expander.cli.output import Output, printable
from expander.kube.resources import Amounts
from expander.plan.limits import minutes
from expander.plan.plan import Plan
from expander.plan.quota_fit import limit_range_lines, plural, quota_lines

Row = tuple[str, str]

NAMESPACES = 3
"""So many namespaces are named."""


def rows_of(plan: Plan) -> list[Row]:
    """The figures of a plan; every plan has the same labels in the same order."""
    size = f"{in_bytes(plan.etcd_bytes)} as JSON"
    if plan.total > 1:
        size += f", the largest {in_bytes(plan.largest[1])} ({plan.largest[0]})"
    return [
        ("objects", objects(plan)),
        ("where", _where(plan)),
        ("pods", _pods(plan)),
        ("requests", _amounts(plan, "requests.")),
        ("limits", _amounts(plan, "limits.")),
        ("in etcd", size),
        ("sending", _sending(plan)),
    ]


def notes_of(plan: Plan, on_quota: str) -> Iterator[str]:
    """What fits, and what to look out for, a line each."""
    if plan.asked != "nothing" and not plan.rooms and not plan.unknown:
        yield "quota: nothing limits the batch"
    yield from quota_lines(plan.rooms, on_quota)
    yield from limit_range_lines(plan.rulings)
    for words in plan.unknown:
        yield f"not known: quotas and limit ranges; {words}"
    for words in plan.warnings:
        yield f"warning: {words}"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each row that is not empty."""
    kept = [row for row in rows if row[1]]
    width = max((len(label) for label, _ in kept), default=0)
    for label, text in kept:
        yield f"{label.ljust(width)}  {text}"


def objects(plan: Plan) -> str:
    """How many of what."""
    parts = [f"{count:,} {plural(kind, count)}" for kind, count in sorted(plan.objects.items())]
    failed = f"; {plan.failed:,} items cannot be sent" if plan.failed else ""
    return (", ".join(parts) or "none") + failed


def _where(plan: Plan) -> str:
    names = sorted(name for name in plan.namespaces if name)
    if not names:
        return ""
    shown = ", ".join(names[:NAMESPACES])
    more = f" and {len(names) - NAMESPACES:,} more" if len(names) > NAMESPACES else ""
    group = f", group {plan.group}" if plan.group else ""
    return f"namespace{'s' if len(names) > 1 else ''} {shown}{more}{group}"


def _pods(plan: Plan) -> str:
    if not plan.pods_in_all:
        return ""
    text = f"{plan.pods_at_once:,} at a time, {plan.pods_in_all:,} in all"
    if plan.rate.max_active is not None:
        text += f"; {plan.rate.max_active:,} unfinished Jobs at most (--max-active)"
    if plan.suspended:
        text += f"; {plan.suspended:,} {plural('Job', plan.suspended)} wait until resumed"
    return text


def _amounts(plan: Plan, prefix: str) -> str:
    at_once, in_all = (_listed(amounts, prefix) for amounts in (plan.at_once, plan.in_all))
    if not in_all:
        return ""
    return f"{at_once} at a time" + (f", {in_all} in all" if in_all != at_once else "")


def _listed(amounts: Amounts, prefix: str) -> str:
    found = {name.removeprefix(prefix): amount for name, amount in amounts.items() if name.startswith(prefix)}
    return ", ".join(f"{name} {amount}" for name, amount in sorted(found.items()) if amount.value)


def _sending(plan: Plan) -> str:
    rate = plan.rate
    why = "--qps" if rate.qps is not None else "assumed; the server decides"
    text = f"{plan.requests:,} requests, {minutes(plan.seconds)} at {rate.per_second:,g} a second ({why})"
    waits = rate.max_active is not None and plan.objects.get("Job", 0) > rate.max_active
    if waits or any(room.short and room.refused for room in plan.rooms):
        text += ", beside waiting for Jobs to finish"
    return text


def in_bytes(count: int) -> str:
    """``812 B``, ``1.6 KiB``, ``152.3 MiB``."""
    amount, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{count:,} B" if units[0] == "B" else f"{amount:,.1f} {units[0]}"


HEAD = ("shape", "objects", "pods at a time", "in all", "in etcd", "largest", "sending", "limits")


def comparison(plans: Sequence[Plan]) -> Iterator[str]:
    """The table, then what the shapes beside the first come near to; its own warnings are said elsewhere."""
    lines = [HEAD, *[_line(plan) for plan in plans]]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    said = set(plans[0].warnings)
    for plan in plans[1:]:
        for words in plan.warnings:
            if words not in said:
                yield f"warning: --as {plan.shape}: {words}"


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
        yield f"{count} warning{'s' if count > 1 else ''}"


SHOWN = 10
"""So many names are shown in a report."""


class Report(Protocol):
    """What every format offers."""

    def add(self, name: str) -> None:
        """One more object that would be sent."""

    def finish(self, plans: Sequence[Plan]) -> None:
        """There are no more: the plan, or one for each shape with the asked one first."""


def report_of(output: str, out: Output, on_quota: str = "wait") -> Report:
    """The report of a format; ``on_quota`` is the option of that name."""
    if output == "json":
        return JsonReport(out)
    return NameReport(out) if output == "name" else TextReport(out, on_quota)


class NameReport:
    """Names as ``kubectl -o name`` prints them, nothing else."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def add(self, name: str) -> None:
        """Print it."""
        self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """All names are printed."""
        self._out.finish()


class JsonReport:
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


class TextReport:
    """For people: the first names, the figures, what to look out for, then a line for each shape."""

    def __init__(self, out: Output, on_quota: str) -> None:
        self._out = out
        self._on_quota = on_quota
        self._count = 0

    def add(self, name: str) -> None:
        """Print it if it is among the first."""
        self._count += 1
        if self._count <= SHOWN:
            self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """Print the plans."""

        if self._count > SHOWN:
            self._out.put(f"... and {self._count - SHOWN:,} more\n")
        self._out.put("\n" if self._count else "")
        self._out.put("".join(f"{line}\n" for line in table(rows_of(plans[0]))))
        for line in notes_of(plans[0], self._on_quota):
            self._out.put(printable(line) + "\n")
        if len(plans) > 1:
            self._out.put("\n")
            for line in comparison(plans):
                self._out.put(printable(line) + "\n")
        self._out.finish()
