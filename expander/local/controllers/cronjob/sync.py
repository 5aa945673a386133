"""One sync of a CronJob, as pure functions (syncCronJob and utils.go in pkg/controller/cronjob decide).

In this order: delete finished Jobs beyond the history limits; remove finished and missing Jobs from the
active ones; start the last scheduled time that has come, if its deadline and the other Jobs allow it. Only
the last of several missed times counts; how many were missed is estimated from the schedule's first two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube import cron
from expander.kube.cron import named_zone
from expander.kube.time import api_time, unix
from expander.kube.wellknown import Object
from expander.local.controllers.job.conditions import finished
from expander.local.controllers.job.context import Event

NEXT_SCHEDULE_DELTA_SECONDS: Final = 0.1
"""Seconds after a scheduled time at which the CronJob is synced, against small steps of the clock."""

MANY_MISSED_TIMES: Final = 100
"""More missed times than so many are worth a warning."""

NextTime = Callable[[float], "int | None"]
"""From a time to the schedule's first one after it, Unix seconds; None when there is none."""


class RecentSchedule(NamedTuple):
    """``latest`` is the last time of the schedule that has come; None when none has since ``earliest``.

    ``missed`` is about how many came before it; 0 when it is at most the first.
    """

    earliest: float
    latest: int | None
    missed: int


def most_recent_schedule(following: NextTime, earliest: float, now: float) -> RecentSchedule:
    """The times after ``earliest`` up to ``now``. Raises ValueError, in the controller's words, for a
    schedule that has no times."""
    first = following(earliest)
    if first is not None and now < first:
        return RecentSchedule(earliest, None, 0)
    second = None if first is None else following(first)
    if first is None or second is None:
        raise ValueError("time difference between two schedules is less than 1 second")
    if now < second:
        return RecentSchedule(earliest, first, 0)
    gap = second - first
    missed = int(now - first) // gap + 1
    latest = None
    time = following(first + (missed - 2) * gap)
    while time is not None and time <= now:
        latest, time = time, following(time)
    return RecentSchedule(earliest, latest, missed)


def next_schedule_check(following: NextTime, earliest: float, now: float) -> float | None:
    """When to look next at a CronJob that was last seen to at ``earliest``; None for never."""
    try:
        found = most_recent_schedule(following, earliest, now)
    except ValueError:
        start = now
    else:
        start = now if found.missed else found.earliest
        start = start if found.latest is None else found.latest
    time = following(start)
    return None if time is None else time + NEXT_SCHEDULE_DELTA_SECONDS


_LIMITS: Final = (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit"))


def finished_jobs_to_delete(spec: Object, jobs: Iterable[Object]) -> list[Object]:
    """The Jobs to delete, in order; those on their way out are counted, but not deleted again."""
    ended = [(end["type"], job) for job in jobs if (end := finished(job)) is not None]
    found: list[Object] = []
    for kind, limit_field in _LIMITS:
        limit = spec.get(limit_field)
        if limit is not None:
            of_kind = sorted((job for type, job in ended if type == kind), key=_age)
            found += of_kind[: max(0, len(of_kind) - limit)]
    return [job for job in found if not job["metadata"].get("deletionTimestamp")]


def _age(job: Object) -> tuple[bool, str, str]:
    """What finished Jobs are sorted by: the start (whole seconds, as text sorts like time), then the name."""
    start = (job.get("status") or {}).get("startTime")
    return start is None, start or "", job["metadata"]["name"]


SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def job_name(cron_job: Mapping[str, Any], scheduled: int) -> str:
    """The name of the Job for the time ``scheduled`` (Unix seconds): it counts minutes."""
    return f"{cron_job['metadata']['name']}-{scheduled // 60}"


def make_job(cron_job: Mapping[str, Any], scheduled: int) -> dict[str, Any]:
    """The Job for the time ``scheduled`` (Unix seconds), as the controller sends it to the API.

    Raises ValueError when the CronJob's time zone does not exist.
    """
    spec, metadata = cron_job["spec"], cron_job["metadata"]
    template = spec["jobTemplate"]
    own = template.get("metadata") or {}
    made = {
        "name": job_name(cron_job, scheduled),
        "namespace": metadata.get("namespace", "default"),
        "annotations": {
            **(own.get("annotations") or {}),
            SCHEDULED: local_time(scheduled, spec.get("timeZone")),
        },
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if own.get("labels"):
        made["labels"] = dict(own["labels"])
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]}


def local_time(seconds: int, zone: str | None) -> str:
    """A Unix time in RFC 3339 with the offset of ``zone`` (UTC when None), ``Z`` for none."""
    text = datetime.fromtimestamp(seconds, UTC).astimezone(named_zone(zone or "")).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


_UNSUPPORTED: Final = (
    'CRON_TZ or TZ used in schedule "{}" is not officially supported, see '
    "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
)
_TOO_MANY_MISSED: Final = (
    "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
)


def active_jobs(status: Object) -> list[Object]:
    """The references to the Jobs that are active; a client may have written some without uid or name."""
    return [{"uid": "", "name": "", **each} for each in status.get("active") or ()]


@dataclass(slots=True)
class CronDecision:
    """What to do for a CronJob: record ``events``, delete the Jobs ``delete`` (uids), put ``status`` if it
    ``changed``, then create ``create``. `started` gives the status once it is created, `created_job` the
    event. ``scheduled``: the last scheduled time that has come and is not seen to (Unix seconds), 0 for none.
    ``again_at``: when to look again, None for not before something changes.
    """

    status: dict[str, Any]
    changed: bool = False
    events: list[Event] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    create: dict[str, Any] | None = None
    scheduled: int = 0
    again_at: float | None = None

    def tell(self, type: str, reason: str, message: str) -> None:
        """Record one event."""
        self.events.append(Event(type, reason, message))

    def strike(self, uid: str) -> None:
        """The Job is active no more."""
        active = [each for each in active_jobs(self.status) if each["uid"] != uid]
        self.status = {key: value for key, value in self.status.items() if key != "active"}
        if active:
            self.status["active"] = active
        self.changed = True

    def remove(self, job: Object) -> None:
        """Delete a Job."""
        metadata = job["metadata"]
        self.delete.append(metadata["uid"])
        if any(each["uid"] == metadata["uid"] for each in active_jobs(self.status)):
            self.strike(metadata["uid"])
        self.changed = True
        self.tell("Normal", "SuccessfulDelete", f"Deleted job {metadata['name']}")


def sync_cron_job(cron_job: Object, jobs: Sequence[Object], now: float, *, zone: str = "") -> CronDecision:
    """What the controller does at ``now`` (Unix seconds). ``jobs`` are all that have the CronJob as their
    controller; ``zone`` is the controller's own, for CronJobs that name none."""
    decision = CronDecision(dict(cron_job.get("status") or {}))
    for job in finished_jobs_to_delete(cron_job["spec"], jobs):
        decision.remove(job)
    _follow(decision, jobs)
    spec = cron_job["spec"]
    if cron_job["metadata"].get("deletionTimestamp"):
        return decision
    try:
        cron.named_zone(spec.get("timeZone") or "")
    except ValueError:
        name = spec["timeZone"]
        decision.tell("Warning", "UnknownTimeZone", f'invalid timeZone: "{name}": unknown time zone {name}')
        return decision
    if not spec.get("suspend"):
        _schedule(decision, cron_job, {job["metadata"]["uid"]: job for job in jobs}, now, zone)
    return decision


def status_after_start(status: Object, job: Object, scheduled: int) -> dict[str, Any]:
    """The CronJob's status when ``job``, as it is in the store, was started for the time ``scheduled``."""
    metadata = job["metadata"]
    reference = {
        "kind": "Job",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": "batch/v1",
        "resourceVersion": metadata["resourceVersion"],
    }
    active = [*active_jobs(status), reference]
    return {**status, "active": active, "lastScheduleTime": api_time(scheduled)}


def created_job(name: str) -> Event:
    """The event about a Job that was created."""
    return Event("Normal", "SuccessfulCreate", f"Created job {name}")


def refused_job(error: str) -> Event:
    """The event about a Job that the API would not create."""
    return Event("Warning", "FailedCreate", f"Error creating job: {error}")


def next_schedule_time(cron_job: Object, now: float, *, zone: str = "") -> float | None:
    """When the next scheduled time is to be seen to; None when there is none."""
    try:
        following = _following(cron_job["spec"], zone)
    except ValueError:
        return None
    return next_schedule_check(following, _earliest(cron_job, cron_job.get("status") or {}), now)


def _follow(decision: CronDecision, jobs: Sequence[Object]) -> None:
    """What has become of the Jobs that were active, and of the others."""
    active = {each["uid"] for each in active_jobs(decision.status)}
    for job in jobs:
        uid, name, end = job["metadata"]["uid"], job["metadata"]["name"], finished(job)
        if end is None:
            if uid not in active:
                decision.tell(
                    "Warning",
                    "UnexpectedJob",
                    f"Saw a job that the controller did not create or forgot: {name}",
                )
        elif uid in active:
            decision.strike(uid)
            decision.tell("Normal", "SawCompletedJob", f"Saw completed job: {name}, condition: {end['type']}")
        elif end["type"] == "Complete" and (at := job["status"].get("completionTime")) is not None:
            last = decision.status.get("lastSuccessfulTime")
            if last is None or unix(at) > unix(last):
                decision.status["lastSuccessfulTime"] = at
                decision.changed = True
    there = {job["metadata"]["uid"] for job in jobs}
    for each in active_jobs(decision.status):
        if each["uid"] not in there:
            decision.strike(each["uid"])
            decision.tell("Normal", "MissingJob", f"Active job went missing: {each['name']}")


def _schedule(
    decision: CronDecision, cron_job: Object, jobs: dict[str, Object], now: float, zone: str
) -> None:
    """Start what is to be started, and say when to look again."""
    scheduled = _due(decision, cron_job, now, zone)
    if scheduled is None:
        return
    active, last = active_jobs(decision.status), decision.status.get("lastScheduleTime")
    if any(each["name"] == job_name(cron_job, scheduled) for each in active):
        return
    if last is not None and unix(last) == scheduled:
        return
    policy = cron_job["spec"].get("concurrencyPolicy")
    if policy == "Forbid" and active:
        words = "Not starting job because prior execution is running and concurrency policy is Forbid"
        decision.tell("Normal", "JobAlreadyActive", words)
        return
    if policy == "Replace":
        for each in active:
            decision.remove(jobs[each["uid"]])
    decision.create = make_job(cron_job, scheduled)


def _due(decision: CronDecision, cron_job: Object, now: float, zone: str) -> int | None:
    """The scheduled time that has come last and is not too late to be seen to."""
    spec = cron_job["spec"]
    if "TZ" in spec["schedule"]:
        decision.tell("Warning", "UnsupportedSchedule", _UNSUPPORTED.format(spec["schedule"]))
    try:
        following = _following(spec, zone)
    except ValueError as error:
        message = f'unparseable schedule: "{spec["schedule"]}" : {error}'
        decision.tell("Warning", "UnparseableSchedule", message)
        return None
    earliest, deadline = _earliest(cron_job, decision.status), spec.get("startingDeadlineSeconds")
    since = earliest if deadline is None else max(earliest, now - deadline)
    try:
        found = most_recent_schedule(following, since, now)
    except ValueError as error:
        decision.tell("Warning", "InvalidSchedule", f"invalid schedule: {spec['schedule']} : {error}")
        return None
    decision.again_at = next_schedule_check(following, earliest, now)
    decision.scheduled = found.latest or 0
    if found.latest is not None and found.missed > MANY_MISSED_TIMES:
        decision.tell("Warning", "TooManyMissedTimes", _TOO_MANY_MISSED)
    if found.latest is not None and deadline is not None and found.latest + deadline < now:
        from email.utils import format_datetime

        at = format_datetime(datetime.fromtimestamp(found.latest, UTC))
        decision.tell("Warning", "MissSchedule", f"Missed scheduled time to start a job: {at}")
        return None
    return found.latest


def _following(spec: Object, zone: str) -> NextTime:
    """The times of the schedule in the CronJob's time zone; ValueError when it is no schedule."""
    schedule = cron.parse(spec["schedule"])
    place = cron.named_zone(spec.get("timeZone") or zone)

    def following(after: float) -> int | None:
        return next(iter(cron.next_times(schedule, place, after, 1)), None)

    return following


def _earliest(cron_job: Object, status: Object) -> float:
    """The time up to which everything is seen to."""
    return unix(status.get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"])
