from __future__ import annotations

from typing import Any

from expander.group.records import ended_parts, job_records, part_count, part_number


def volcano_job(phase: str, **replicas: int) -> dict[str, Any]:
    state = {"phase": phase, "reason": "TaskCompleted", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "v", "namespace": "default", "uid": "u"},
        "spec": {"tasks": [{"name": name, "replicas": count} for name, count in replicas.items()]},
        "status": {"state": state, "conditions": [{"status": phase}]},
    }


def pod(name: str, phase: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "main"}]}
    return {"metadata": {"name": f"v-{name}", "uid": name}, "spec": spec, "status": {"phase": phase}}


def test_the_pods_of_a_volcano_job_are_its_parts_task_by_task() -> None:
    job = volcano_job("Running", master=1, worker=2)
    number = part_number(job)
    assert part_count(job) == 3
    assert [number(pod(name, "Running")) for name in ("master-0", "worker-1", "other-0")] == [0, 2, -1]


def test_a_volcano_job_of_one_pod_is_one_by_itself() -> None:
    assert part_count(volcano_job("Running", worker=1)) is None


def test_a_failed_pod_is_lost_only_when_the_job_is_over() -> None:
    pods = [pod("worker-0", "Succeeded"), pod("worker-1", "Failed")]
    assert ended_parts(volcano_job("Running", worker=2), 2, pods) == ([(0, 0)], [])
    assert ended_parts(volcano_job("Completed", worker=2), 2, pods) == ([(0, 0)], [(1, 1)])


def test_pods_a_completed_job_did_without_are_skipped() -> None:
    job = volcano_job("Completed", master=1, worker=1)
    found = list(job_records(job, [pod("master-0", "Succeeded")]))
    assert [(one.index, one.state, one.reason) for one in found] == [
        (0, "Complete", ""),
        (1, "Skipped", "TaskCompleted"),
    ]
