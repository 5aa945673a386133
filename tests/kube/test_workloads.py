"""The table of workloads: what ends each kind, what counts, and how its pods are found."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.workloads import (
    JOB,
    JOBSET,
    VOLCANO,
    is_child,
    pod_selectors,
    situation_of,
    task_of,
    title_of,
    workload_of,
    workload_uids,
)

AT = "2026-01-02T03:04:05Z"


def job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "j", "namespace": "n", "uid": "uid-j"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status}


def volcano_job(phase: str, reason: str | None = None, **status: Any) -> dict[str, Any]:
    tasks = [{"name": "master", "replicas": 1}, {"name": "worker", "replicas": 2}]
    state = {"phase": phase, "lastTransitionTime": AT, **({"reason": reason} if reason else {})}
    found = job({**({"state": state} if phase else {}), **status}, tasks=tasks)
    return found | {"apiVersion": "batch.volcano.sh/v1alpha1"}


def jobset(*conditions: str, suspend: bool = False, **status: Any) -> dict[str, Any]:
    template = {"spec": {"completions": 2, "template": {"spec": {}}}}
    parts = [{"name": "driver", "template": {"spec": {}}}, {"name": "w", "replicas": 2, "template": template}]
    found = [{"type": each, "status": "True", "lastTransitionTime": AT} for each in conditions]
    made = job({**status, **({"conditions": found} if found else {})}, replicatedJobs=parts, suspend=suspend)
    return made | {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet"}


def pod(**labels: str) -> dict[str, Any]:
    owner = {"kind": "Job", "uid": "uid-child", "controller": True}
    names = {key.replace("_", "-"): value for key, value in labels.items()}
    return {"metadata": {"name": "p", "labels": names, "ownerReferences": [owner]}}


@pytest.mark.parametrize(
    ("phase", "reason", "state", "told"),
    [
        ("", None, "Pending", ""),
        ("Pending", None, "Pending", ""),
        ("Running", None, "Active", ""),
        ("Restarting", None, "Active", "Restarting"),
        ("Completing", None, "Active", "Completing"),
        ("Terminating", None, "Active", "Terminating"),
        ("Completed", None, "Complete", ""),
        ("Failed", None, "Failed", "Failed"),
        ("Terminated", "PodFailed", "Failed", "PodFailed"),
        ("Aborting", "CommandIssued", "Suspended", "Aborting"),
        ("Aborted", "CommandIssued", "Suspended", "Aborted"),
        ("Aborted", None, "Suspended", "Aborted"),
        ("Aborting", "PodFailed", "Active", "PodFailed"),
        ("Aborted", "PodFailed", "Failed", "PodFailed"),
    ],
)
def test_the_phase_of_a_volcano_job_gives_its_state(
    phase: str, reason: str | None, state: str, told: str
) -> None:
    found = situation_of(volcano_job(phase, reason))
    assert (found.state, found.reason) == (state, told)
    assert found.has_ended == (state in ("Complete", "Failed"))


def test_a_volcano_job_with_running_pods_is_active_before_its_phase_says_so() -> None:
    assert situation_of(volcano_job("Pending", running=1)).state == "Active"


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (jobset(), "Pending"),
        (jobset("StartupPolicyCompleted"), "Pending"),
        (jobset(replicatedJobsStatus=[{"name": "w", "active": 1}]), "Active"),
        (jobset("Suspended", suspend=True), "Suspended"),
        (jobset("Completed"), "Complete"),
        (jobset("Failed"), "Failed"),
        (jobset("Failed", suspend=True), "Failed"),
    ],
)
def test_the_conditions_of_a_jobset_give_its_state(given: dict[str, Any], state: str) -> None:
    assert situation_of(given).state == state
    if state in ("Complete", "Failed"):
        assert situation_of(given).since == AT


def test_what_no_controller_has_seen_is_known_as_such() -> None:
    assert [VOLCANO.seen(volcano_job("")), VOLCANO.seen(volcano_job("Pending"))] == [False, True]
    assert [JOBSET.seen(jobset()), JOBSET.seen(jobset("Suspended"))] == [False, True]
    assert JOB.seen(job())


def test_kinds_are_told_by_version_and_kind() -> None:
    kinds: list[dict[str, Any]] = [job(), {"spec": {}}, volcano_job(""), jobset()]
    assert [workload_of(each) for each in kinds] == [JOB, JOB, VOLCANO, JOBSET]
    assert [title_of(each) for each in (job(), volcano_job(""), jobset())] == [
        *("job.batch/j", "job.batch.volcano.sh/j", "jobset.jobset.x-k8s.io/j")
    ]


def test_the_parts_of_a_jobset_are_numbered_job_by_job() -> None:
    number, prefix = JOBSET.part_of(jobset()), "jobset.sigs.k8s.io/"
    index = {"batch.kubernetes.io/job-completion-index": "1"}

    def labelled(name: str, at: str, **more: str) -> dict[str, Any]:
        found = pod()
        found["metadata"]["labels"] = {f"{prefix}replicatedjob-name": name, f"{prefix}job-index": at, **more}
        return found

    assert JOBSET.pod_count(jobset()) == 5
    assert number(labelled("driver", "0")) == 0
    assert number(labelled("w", "0")) == 1
    assert number(labelled("w", "1", **index)) == 4
    assert number(labelled("other", "0")) == number(labelled("w", "x")) == number(pod()) == -1
    assert [task_of(jobset(), each) for each in (0, 1, 4, 5)] == ["driver", "w", "w", ""]


def test_the_parts_of_a_volcano_job_are_its_pods_by_name() -> None:
    number = VOLCANO.part_of(volcano_job(""))
    named = [{"metadata": {"name": name}} for name in ("j-master-0", "j-worker-1", "j-worker-2")]
    assert [number(each) for each in named] == [0, 2, -1]


def test_pods_are_found_by_the_label_of_their_kind() -> None:
    plain = job(selector={"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-j"}})
    assert list(pod_selectors([plain, volcano_job(""), jobset()])) == [
        "batch.kubernetes.io/controller-uid in (uid-j)",
        "volcano.sh/job-name in (j)",
        "jobset.sigs.k8s.io/jobset-uid in (uid-j)",
    ]
    own = pod()
    own["metadata"]["labels"] = {"jobset.sigs.k8s.io/jobset-uid": "uid-set"}
    assert workload_uids(own) == ("uid-child", "uid-set")
    assert workload_uids(pod()) == ("uid-child",)


def test_a_job_of_a_jobset_is_a_part_of_it() -> None:
    child = job()
    child["metadata"]["ownerReferences"] = [{"kind": "JobSet", "uid": "u", "controller": True}]
    assert is_child(child)
    assert not is_child(job())


def test_progress_is_told_task_by_task() -> None:
    counts = {"master": {"phase": {"Running": 1}}, "worker": {"phase": {"Pending": 2}}}
    assert VOLCANO.progress(volcano_job("Running", taskStatusCount=counts)) == (
        "master 1 running, worker 2 pending"
    )
    status = [{"name": "w", "active": 1, "ready": 0, "succeeded": 1}]
    assert JOBSET.progress(jobset(replicatedJobsStatus=status)) == "w 1 active 1 succeeded"


def test_a_controller_has_suspended_a_job_when_its_pods_are_gone() -> None:
    held = {"conditions": [{"type": "Suspended", "status": "True"}]}
    assert JOB.is_held(job(held))
    assert not JOB.is_held(job({**held, "active": 1}))
    assert [VOLCANO.is_held(volcano_job(each)) for each in ("Aborted", "Aborting")] == [True, False]
