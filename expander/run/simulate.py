"""Simulate a CronJob on a virtual clock: which Jobs its controller would start, and when."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, UsageError
from expander.base.regex import regex
from expander.kube.cron import named_zone
from expander.kube.time import api_time
from expander.local.controllers.cronjob.sync import (
    CronDecision,
    job_name,
    local_time,
    status_after_start,
    sync_cron_job,
)
from expander.validate.defaults.defaults import defaults

FATAL_REASONS: Final = frozenset(("UnknownTimeZone", "UnparseableSchedule", "InvalidSchedule"))
"""Event reasons after which a CronJob never starts anything."""

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_span = regex(r"\+?(?:\d+[wdhms])+").fullmatch


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What happens at ``at`` (Unix seconds) for the scheduled time ``scheduled``; ``local`` is that time in
    the CronJob's zone (RFC 3339).

    ``starts``: the Job ``name`` is created, in place of those it ``replaces``. ``held``: it is not, because
    one still runs and the concurrency policy is Forbid; it may start late.
    """

    at: float
    scheduled: int
    local: str
    name: str
    outcome: Literal["starts", "held"]
    replaces: tuple[str, ...] = ()


def simulate(
    cron_job: Mapping[str, Any], *, since: float, until: float, takes: float = 0.0, zone: str = ""
) -> Iterator[Occurrence]:
    """What would happen up to ``until`` if ``cron_job``, a valid manifest, were created at ``since``.

    Times are Unix seconds. Every Job succeeds after ``takes`` seconds. ``zone`` is that of a CronJob that
    names none, by default UTC. A suspended CronJob starts nothing. Raises InputError with the
    controller's message for a schedule that never comes due.
    """
    simulation = _Simulation(cron_job, since, takes, zone)
    now: float | None = since
    while now is not None and now <= until:
        yield from simulation.sync(now)
        now = simulation.next(now)


def parse_until(text: str, since: float, zone: str = "") -> float:
    """The moment ``text`` means, Unix seconds: a time span after ``since`` (``36h``, ``2w3d``), or a date or
    time in ISO form, in ``zone`` unless it says otherwise. Raises UsageError."""
    try:
        if _span(text):
            spans = re.findall(r"(\d+)([wdhms])", text)
            total = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in spans), timedelta())
            return since + total.total_seconds()
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=named_zone(zone))).timestamp()
    except (ValueError, OverflowError) as error:
        hint = "expected a duration such as 36h or 2w, or a time such as 2027-01-31T12:00"
        raise UsageError(f"invalid time {text!r}: {error}", hint=hint) from error


class _Simulation:
    """One CronJob, its Jobs, and when the running ones will end."""

    def __init__(self, cron_job: Mapping[str, Any], since: float, takes: float, zone: str) -> None:
        self._cron_job = defaults(cron_job, "CronJob")
        metadata = {**self._cron_job["metadata"], "uid": "", "creationTimestamp": api_time(since)}
        metadata["name"] = metadata.get("name") or metadata.get("generateName", "")
        self._cron_job |= {"metadata": metadata, "status": {}}
        self._takes = takes
        self._zone = zone
        self._jobs: dict[str, dict[str, Any]] = {}
        self._ends: list[tuple[float, str]] = []
        self._again_at: float | None = None
        self._held: set[int] = set()

    def next(self, now: float) -> float | None:
        """When something happens next; None for never."""
        times = [self._again_at] if self._again_at is not None else []
        times += [at for at, _ in self._ends[:1]]
        return max(now, min(times)) if times else None

    def sync(self, now: float) -> Iterator[Occurrence]:
        """End Jobs that are due, then sync until the controller has nothing more to do at that moment."""
        while self._ends and self._ends[0][0] <= now:
            self._end(*heapq.heappop(self._ends))
        changed = True
        while changed:
            decision = sync_cron_job(self._cron_job, list(self._jobs.values()), now, zone=self._zone)
            self._again_at = decision.again_at
            self._cron_job["status"] = decision.status
            yield from self._not_started(decision, now)
            replaced = self._remove(decision)
            if decision.create is not None:
                name = decision.create["metadata"]["name"]
                self._start(decision, now)
                yield self._occurrence(decision, now, name, "starts", replaced)
            changed = decision.changed or decision.create is not None

    def _not_started(self, decision: CronDecision, now: float) -> Iterator[Occurrence]:
        for event in decision.events:
            if event.reason in FATAL_REASONS:
                raise InputError(f"CronJob {self._cron_job['metadata']['name']!r}: {event.message}")
            if event.reason == "JobAlreadyActive" and decision.scheduled not in self._held:
                self._held.add(decision.scheduled)
                name = job_name(self._cron_job, decision.scheduled)
                yield self._occurrence(decision, now, name, "held")

    def _occurrence(
        self,
        decision: CronDecision,
        now: float,
        name: str,
        outcome: Literal["starts", "held"],
        replaces: tuple[str, ...] = (),
    ) -> Occurrence:
        zone = self._cron_job["spec"].get("timeZone") or self._zone
        local = local_time(decision.scheduled, zone)
        return Occurrence(now, decision.scheduled, local, name, outcome, replaces)

    def _start(self, decision: CronDecision, now: float) -> None:
        assert decision.create is not None
        metadata = {**decision.create["metadata"], "resourceVersion": "0"}
        metadata["uid"] = name = metadata["name"]
        job = {"kind": "Job", "metadata": metadata, "status": {"startTime": api_time(now)}}
        self._jobs[name] = job
        self._cron_job["status"] = status_after_start(decision.status, job, decision.scheduled)
        heapq.heappush(self._ends, (now + self._takes, name))

    def _remove(self, decision: CronDecision) -> tuple[str, ...]:
        """Drop the Jobs that the controller deletes; returns the names of those that still ran."""
        gone = [self._jobs.pop(uid) for uid in decision.delete]
        running = {name for _, name in self._ends}
        names = tuple(job["metadata"]["name"] for job in gone if job["metadata"]["name"] in running)
        self._ends = sorted(end for end in self._ends if end[1] not in names)
        return names

    def _end(self, at: float, name: str) -> None:
        status = self._jobs[name]["status"]
        condition = {"type": "Complete", "status": "True"}
        self._jobs[name]["status"] = {**status, "completionTime": api_time(at), "conditions": [condition]}
