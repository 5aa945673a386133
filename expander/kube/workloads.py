"""What a group consists of: Jobs, Volcano Jobs and JobSets. One row per kind says what ends one, what counts,
how its pods are found, and how it is suspended.

The Job controller writes conditions; Volcano's (pkg/controllers/job/state) phases; JobSet's
(pkg/controllers/jobset_controller.go) conditions, and the pods of a JobSet belong to Jobs that it owns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube import volcano
from expander.kube.api_resource import Resource
from expander.kube.objects import Object, completion_index, owner_of, uid_of
from expander.kube.pod_counts import jobs_of, pods_of
from expander.kube.scheme import find

if TYPE_CHECKING:
    from expander.kube import selectors
else:
    selectors = late_module("expander.kube.selectors")

COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
ACTIVE: Final = "Active"
PENDING: Final = "Pending"
SUSPENDED: Final = "Suspended"

JOBSET_UID: Final = "jobset.sigs.k8s.io/jobset-uid"
JOBSET_PREFIX: Final = "jobset.sigs.k8s.io/"
VOLCANO_JOB: Final = "volcano.sh/job-name"

OWNER_LABELS: Final = ("batch.kubernetes.io/controller-uid", "controller-uid")
"""The label with the Job's uid, and its name before Kubernetes 1.27."""

MAX_VALUES_PER_SELECTOR: Final = 80
"""Values in one label selector, so that the request line stays below the 8 KiB that servers accept."""

NOT_SEEN: Final = "NoController"
"""The reason of a workload that no controller has looked at."""


class Situation(NamedTuple):
    """The state that a workload's own status tells; ``since`` is when it was entered, in the API's form."""

    state: str
    reason: str = ""
    message: str = ""
    since: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows."""
        return self.state in (COMPLETE, FAILED)


class Task(NamedTuple):
    """Pods that are alike: ``jobs`` Jobs of ``pods`` pods each, or the pods of a Volcano task (one each)."""

    name: str
    jobs: int
    pods: int

    @property
    def total(self) -> int:
        """How many pods there are to be."""
        return self.jobs * self.pods


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Workload:
    """How one kind is followed.

    ``situation`` reads the status. ``times_from_pods``: its pods tell when it began and ended, since they
    stay; else ``started`` of its status does. ``restarts`` is how often it began anew as a whole, None where
    its pods tell; ``has_begun`` whether it ever began. ``succeeded`` counts its pods that did.
    ``tasks`` are its pods by what they are alike in, empty where it has no tasks. ``part_of`` gives a
    function from a pod to its number, -1 for none. ``templates`` are those of its pods, ``pod_label`` a label
    of theirs with the value ``pod_value``. ``is_held``: whether its controller has suspended it.
    """

    row: Resource
    situation: Callable[[Object], Situation]
    times_from_pods: bool
    started: Callable[[Object], str | None]
    restarts: Callable[[Object], int] | None
    has_begun: Callable[[Object], bool]
    succeeded: Callable[[Object], int]
    tasks: Callable[[Object], Sequence[Task]]
    part_of: Callable[[Object], Callable[[Object], int]]
    templates: Callable[[Object], Iterator[Object]]
    pod_label: str
    pod_value: Callable[[Object], str]
    is_held: Callable[[Object], bool]
    progress: Callable[[Object], str]
    """How far each task is, in the words of the status: ``master 1 running, worker 2 pending``."""
    warnings: tuple[str, ...]
    """The reasons of events about it that say why it has too few pods."""
    seen: Callable[[Object], bool] = lambda _: True
    """Whether its controller has ever looked at it."""
    unseen: str = ""
    """What is said of one that no controller has looked at."""

    @property
    def title(self) -> str:
        """``job.batch``, as kubectl names it in front of a name."""
        return f"{self.row.singular}.{self.row.group}"

    @property
    def has_field(self) -> bool:
        """Whether it has the field spec.suspend; a Volcano Job obeys Commands instead."""
        return self.row.suspend == ("spec",)

    def pod_count(self, job: Object) -> int:
        """The pods of all tasks."""
        return sum(task.total for task in self.tasks(job))


def workload_of(job: Object) -> Workload:
    """The row of an object of a group; one without an apiVersion is a Job of Kubernetes."""
    return _BY_API.get((job.get("apiVersion", ""), job.get("kind", "")), JOB)


def is_workload(api_version: str, kind: str) -> bool:
    """Whether groups consist of such objects."""
    return (api_version, kind) in _BY_API


def situation_of(job: Object) -> Situation:
    """The state that the status of a workload tells."""
    return workload_of(job).situation(job)


def task_of(job: Object, number: int) -> str:
    """The name of the task that a part of ``job`` belongs to; empty where it has no tasks."""
    for task in workload_of(job).tasks(job):
        if number < task.total:
            return task.name
        number -= task.total
    return ""


def has_ended(job: Object) -> bool:
    """Whether a workload is Complete or Failed."""
    return workload_of(job).situation(job).has_ended


def title_of(job: Object) -> str:
    """``job.batch/NAME``, as kubectl names an object."""
    return f"{workload_of(job).title}/{job['metadata']['name']}"


def workload_uids(pod: Object) -> tuple[str, ...]:
    """The uids of the workloads that a pod belongs to: its controller, and the JobSet of that."""
    jobset = (pod["metadata"].get("labels") or {}).get(JOBSET_UID)
    return (owner_of(pod), str(jobset)) if jobset else (owner_of(pod),)


def is_child(job: Object) -> bool:
    """Whether a Job is one of those that a JobSet consists of."""
    owners = job["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("kind") == JOBSET.row.kind for owner in owners)


def pod_selectors(jobs: Iterable[Object]) -> Iterator[str]:
    """Label selectors that together select the pods of ``jobs``, in any namespace."""
    by_label: dict[str, list[str]] = {}
    for job in jobs:
        row = workload_of(job)
        label, value = row.pod_label, row.pod_value(job)
        if row is JOB:
            selector = job["spec"].get("selector") or {}
            wanted = selector.get("matchLabels") or {}
            found = next((each for each in OWNER_LABELS if wanted.get(each) == value), None)
            if found is None:
                yield str(selectors.from_object(selector))
                continue
            label = found
        by_label.setdefault(label, []).append(value)
    for label, values in by_label.items():
        for start in range(0, len(values), MAX_VALUES_PER_SELECTOR):
            yield f"{label} in ({','.join(values[start : start + MAX_VALUES_PER_SELECTOR])})"


def _name(job: Object) -> str:
    return str(job["metadata"]["name"])


def _status(job: Object) -> Mapping[str, Any]:
    return job.get("status") or {}


def _spec(job: Object) -> Mapping[str, Any]:
    return job.get("spec") or {}


def _succeeded(job: Object) -> int:
    return _status(job).get("succeeded") or 0


def _conditions(job: Object) -> dict[str | None, Object]:
    """The conditions that are true, by type."""
    found = {}
    for each in _status(job).get("conditions") or ():
        if each.get("status") == "True":
            found[each.get("type")] = each
    return found


def _by_conditions(job: Object, complete: str, runs: bool) -> Situation:
    """The state by the conditions ``complete`` and Failed; FailureTarget says why it is about to fail."""
    conditions = _conditions(job)
    condition = conditions.get("Failed") or conditions.get("FailureTarget") or {}
    state = ACTIVE if runs else PENDING
    if complete in conditions:
        state, condition = COMPLETE, condition or {"lastTransitionTime": _since(conditions[complete])}
    elif "Failed" in conditions:
        state = FAILED
    elif _spec(job).get("suspend"):
        state = SUSPENDED
    return Situation(state, condition.get("reason", ""), condition.get("message", ""), _since(condition))


def _since(condition: Object) -> str | None:
    return condition.get("lastTransitionTime")


def _is_suspended(job: Object) -> bool:
    return "Suspended" in _conditions(job) and not _status(job).get("active")


def _job_situation(job: Object) -> Situation:
    status = _status(job)
    found = _by_conditions(job, "Complete", bool(status.get("active") and status.get("ready")))
    if found.state == COMPLETE and (done := status.get("completionTime")):
        return Situation(COMPLETE, found.reason, found.message, done)
    return found


def _job_templates(job: Object) -> Iterator[Object]:
    yield _spec(job).get("template") or {}


_BY_PHASE: Final = {
    "": PENDING,
    volcano.PENDING: PENDING,
    volcano.COMPLETED: COMPLETE,
    volcano.FAILED: FAILED,
    volcano.TERMINATED: FAILED,
    volcano.ABORTED: SUSPENDED,
    volcano.ABORTING: SUSPENDED,
}
"""The states that phases stand for; in the others a Volcano Job is Active."""


_BETWEEN: Final = (volcano.RESTARTING, volcano.COMPLETING, volcano.TERMINATING, volcano.ABORTING)
"""Phases in which a Volcano Job waits for pods to end."""


def _volcano_situation(job: Object) -> Situation:
    """The state by the phase. Aborted is an end where a lifecycle policy asked for it: nobody means to resume
    the Job then. After a Command, or where no reason is told, it is suspended."""
    now, phase = _status(job).get("state") or {}, volcano.phase_of(job)
    state = _BY_PHASE.get(phase, ACTIVE)
    reason = now.get("reason", "")
    if state == SUSPENDED and not volcano.is_resumable(job):
        state = FAILED if phase == volcano.ABORTED else ACTIVE
    if state == PENDING and _status(job).get("running"):
        state = ACTIVE
    since = now.get("lastTransitionTime")
    if state == SUSPENDED:
        return Situation(state, phase, "", since)
    if state == FAILED or phase in _BETWEEN:
        reason = reason or phase
    return Situation(state, reason, now.get("message", ""), since)


def _volcano_started(job: Object) -> str | None:
    passed = _status(job).get("conditions") or ()
    return passed[0].get("lastTransitionTime") if passed else None


def _volcano_begun(job: Object) -> bool:
    passed = _status(job).get("conditions") or ()
    return any(each.get("status") == volcano.RUNNING for each in passed)


def _volcano_tasks(job: Object) -> list[Task]:
    found = _spec(job).get("tasks") or ()
    return [Task(task.get("name") or "", task.get("replicas") or 0, 1) for task in found]


def _volcano_progress(job: Object) -> str:
    counts = _status(job).get("taskStatusCount") or {}
    found = ((task.name, counts.get(task.name) or {}) for task in _volcano_tasks(job))
    return ", ".join(_task_words(name, each.get("phase")) for name, each in found)


def _task_words(name: str, counts: Mapping[str, Any] | None) -> str:
    return " ".join([name, *(f"{count} {state.lower()}" for state, count in (counts or {}).items() if count)])


def _volcano_part(job: Object) -> Callable[[Object], int]:
    """Pods are called JOB-TASK-NUMBER."""
    name = _name(job)
    pods = (volcano.pod_name(name, task.name, at) for task in _volcano_tasks(job) for at in range(task.total))
    numbers = {pod: number for number, pod in enumerate(pods)}
    return lambda pod: numbers.get(pod["metadata"]["name"], -1)


def _volcano_templates(job: Object) -> Iterator[Object]:
    return (task.get("template") or {} for task in _spec(job).get("tasks") or ())


def _jobset_situation(job: Object) -> Situation:
    counts = _status(job).get("replicatedJobsStatus") or ()
    return _by_conditions(job, "Completed", any(each.get("ready") or each.get("active") for each in counts))


def _ran(counts: Object) -> bool:
    """Whether Jobs of a replicated job run, or ran."""
    return any(counts.get(each) for each in ("ready", "active", "succeeded", "failed"))


def _jobset_succeeded(job: Object) -> int:
    """The pods of the Jobs that are complete; those of others are counted in their Jobs alone."""
    pods = {task.name: task.pods for task in _jobset_tasks(job)}
    counts = _status(job).get("replicatedJobsStatus") or ()
    return sum((each.get("succeeded") or 0) * pods.get(str(each.get("name")), 0) for each in counts)


def _jobset_tasks(job: Object) -> list[Task]:
    found = []
    for part in _spec(job).get("replicatedJobs") or ():
        spec = (part.get("template") or {}).get("spec") or {}
        found.append(Task(part.get("name") or "", jobs_of(part), pods_of(spec)[1]))
    return found


def _jobset_progress(job: Object) -> str:
    shown = ("active", "ready", "succeeded", "failed", "suspended")
    counts = {each["name"]: each for each in _status(job).get("replicatedJobsStatus") or ()}
    found = ((name, {state: each.get(state) for state in shown}) for name, each in counts.items())
    return ", ".join(_task_words(name, each) for name, each in found)


def _jobset_part(job: Object) -> Callable[[Object], int]:
    """Pods are labelled with their replicated job and the number of their Job in it."""
    starts, count = {}, 0
    for task in _jobset_tasks(job):
        starts[task.name] = count, task.pods
        count += task.total

    def part(pod: Object) -> int:
        labels = pod["metadata"].get("labels") or {}
        first, pods = starts.get(str(labels.get(f"{JOBSET_PREFIX}replicatedjob-name")), (-1, 0))
        number = str(labels.get(f"{JOBSET_PREFIX}job-index", ""))
        if first < 0 or not number.isdecimal():
            return -1
        return first + int(number) * pods + max(completion_index(pod), 0)

    return part


def _jobset_templates(job: Object) -> Iterator[Object]:
    for part in _spec(job).get("replicatedJobs") or ():
        yield ((part.get("template") or {}).get("spec") or {}).get("template") or {}


def _row(api_version: str, kind: str) -> Resource:
    row = find(api_version, kind)
    assert row is not None
    return row


JOB: Final = Workload(
    row=_row("batch/v1", "Job"),
    situation=_job_situation,
    times_from_pods=True,
    started=lambda job: _status(job).get("startTime"),
    restarts=None,
    has_begun=lambda job: bool(_status(job).get("startTime")),
    succeeded=_succeeded,
    tasks=lambda _: (),
    part_of=lambda _: completion_index,
    templates=_job_templates,
    pod_label=OWNER_LABELS[0],
    pod_value=uid_of,
    is_held=_is_suspended,
    progress=lambda _: "",
    warnings=("FailedCreate",),
)
VOLCANO: Final = Workload(
    row=_row(volcano.API_VERSION, "Job"),
    situation=_volcano_situation,
    times_from_pods=False,
    started=_volcano_started,
    restarts=lambda job: int(_status(job).get("retryCount") or 0),
    has_begun=_volcano_begun,
    succeeded=_succeeded,
    tasks=_volcano_tasks,
    part_of=_volcano_part,
    templates=_volcano_templates,
    pod_label=VOLCANO_JOB,
    pod_value=_name,
    is_held=lambda job: volcano.phase_of(job) == volcano.ABORTED,
    progress=_volcano_progress,
    warnings=("FailedCreate", "PodGroupPending"),
    seen=lambda job: bool(volcano.phase_of(job)),
    unseen="no controller has acted on it yet: Volcano's must be installed",
)
JOBSET: Final = Workload(
    row=_row("jobset.x-k8s.io/v1alpha2", "JobSet"),
    situation=_jobset_situation,
    times_from_pods=True,
    started=lambda job: None,
    restarts=lambda job: int(_status(job).get("restarts") or 0),
    has_begun=lambda job: any(map(_ran, _status(job).get("replicatedJobsStatus") or ())),
    succeeded=_jobset_succeeded,
    tasks=_jobset_tasks,
    part_of=_jobset_part,
    templates=_jobset_templates,
    pod_label=JOBSET_UID,
    pod_value=uid_of,
    is_held=_is_suspended,
    progress=_jobset_progress,
    warnings=(),
    seen=lambda job: bool(_status(job)),
    unseen="no controller has acted on it yet: JobSet's must be installed, `expander serve` has none",
)
WORKLOADS: Final = (JOB, VOLCANO, JOBSET)
BY_TITLE: Final = {each.title: each for each in WORKLOADS}
_BY_API: Final = {(each.row.api_version, each.row.kind): each for each in WORKLOADS}
