"""The printers of Jobs and CronJobs (``printJob`` and ``printCronJob`` of kube-apiserver decide)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age, human, unix
from expander.local.apiserver.printers.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
    names_and_images,
    selector_text,
    wide,
)

_SELECTOR: Final = wide("Selector", "Which pods are the Job's own.")
_ENDED: Final = ("Complete", "Failed")
_UNDER_WAY: Final = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _job(job: Object, now: float) -> Cells:
    spec, status = job["spec"], job.get("status") or NOTHING
    return [
        name_of(job),
        job_status(job),
        _completions(spec, status),
        _duration(status, now),
        age(created(job), now),
        *names_and_images(spec["template"].get("spec") or NOTHING),
        selector_text(spec.get("selector")),
    ]


def job_status(job: Object) -> str:
    """The one word for the state of a Job: how it ended, else what goes on."""
    status = job.get("status") or NOTHING
    true = {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}
    going = ("Terminating",) if job["metadata"].get("deletionTimestamp") else ()
    met = [word for word in (*_ENDED, *going, *_UNDER_WAY) if word in true or word in going]
    return met[0] if met else "Running"


def _completions(spec: Object, status: Object) -> str:
    succeeded, wanted = status.get("succeeded") or 0, spec.get("completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallelism = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: Object, now: float) -> str:
    if not status.get("startTime"):
        return ""
    end = status.get("completionTime")
    return human((unix(end) if end else now) - unix(status["startTime"]))


def _cron_job(cron: Object, now: float) -> Cells:
    spec, status = cron["spec"], cron.get("status") or NOTHING
    zone, suspend, last = spec.get("timeZone"), spec.get("suspend"), status.get("lastScheduleTime")
    template = spec["jobTemplate"].get("spec") or NOTHING
    return [
        name_of(cron),
        spec["schedule"],
        NONE if zone is None else zone,
        "<unset>" if suspend is None else str(suspend),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        age(created(cron), now),
        *names_and_images((template.get("template") or NOTHING).get("spec") or NOTHING),
        selector_text(template.get("selector")),
    ]


JOB: Final = Layout(
    (
        NAME,
        Column("Status", description="What the Job is doing, or how it ended."),
        Column("Completions", description="Pods that succeeded, of those wanted."),
        Column("Duration", description="How long the Job has run, or ran until it completed."),
        AGE,
        CONTAINERS,
        IMAGES,
        _SELECTOR,
    ),
    _job,
)
CRON_JOB: Final = Layout(
    (
        NAME,
        Column("Schedule", description="When Jobs start, as a cron expression."),
        Column("Timezone", description="The time zone the schedule is read in."),
        Column("Suspend", "boolean", description="Whether no further Jobs start."),
        Column("Active", "integer", description="How many of its Jobs run."),
        Column("Last Schedule", description="How long ago a Job was last due and started."),
        AGE,
        CONTAINERS,
        IMAGES,
        _SELECTOR,
    ),
    _cron_job,
)
