"""Quotas and limit ranges in words, for a plan and before a submission."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from expander.pipeline.plan.fit import Room, Ruling

REST: Final = {
    "wait": "the rest waits (--on-quota)",
    "fail": "the rest fails (--on-quota)",
    "skip": "the rest is skipped (--on-quota)",
}
"""What becomes of items without room, by ``--on-quota``."""


def quota_lines(rooms: Sequence[Room], on_quota: str = "wait", *, open_ended: bool = False) -> Iterator[str]:
    """For each quota what fits, and by which resource what does not.

    ``open_ended`` says that there is more of the batch than was counted.
    """
    for (namespace, quota), found in groupby(rooms, lambda room: (room.namespace, room.quota)):
        lines = list(found)
        start = f"quota {quota} in {namespace}: "
        tight = [room for room in _tightest(lines) if room.short]
        for room in tight:
            yield start + _short(room, on_quota, open_ended)
        if not tight:
            parts = [f"{room.of:,} {_called(room)}" for room in _tightest(lines)]
            yield f"{start}room for {'the first' if open_ended else 'all:'} {' and '.join(parts)}"


def ruling_lines(rulings: Iterable[Ruling], *, open_ended: bool = False) -> Iterator[str]:
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


def _tightest(rooms: Sequence[Room]) -> list[Room]:
    """Of each kind of object the resource with the least room."""
    best: dict[tuple[str, bool], Room] = {}
    for room in rooms:
        key = room.what, room.refused
        if key not in best or room.fits < best[key].fits:
            best[key] = room
    return list(best.values())


def _short(room: Room, on_quota: str, open_ended: bool) -> str:
    of = f"{room.of:,}{' or more' if open_ended else ''} {_called(room)}"
    why = f"({room.resource}: {room.used} of {room.hard} used)"
    rest = REST[on_quota] if room.refused else "the Jobs are taken, and their other pods wait (--max-active)"
    return f"room for {room.fits:,} of {of} now {why}; {rest}"


def _called(room: Room) -> str:
    return plural(room.what if room.refused else "pod", room.of)


def plural(kind: str, count: int) -> str:
    """``Job`` or ``Jobs``."""
    return kind if count == 1 else f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
