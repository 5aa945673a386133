"""Plans of several shapes as a table with a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expander.cli.plan_table import in_bytes, objects
from expander.plan.limits import minutes
from expander.plan.plan import Plan

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
