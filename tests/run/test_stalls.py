"""What a run says of Jobs that do not end: troubles, not that pods wait for their turn."""

from typing import Any

from expander.run.run import describe_open_job


def waits(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"spec": {}, "status": {"phase": "Pending", "conditions": [condition]}}


RUNS: dict[str, Any] = {"spec": {"nodeName": "here"}, "status": {"phase": "Running"}}


def test_a_pod_that_fits_nowhere_is_told() -> None:
    assert describe_open_job([waits("Insufficient cpu")] * 2) == "2 pods: Unschedulable: Insufficient cpu"


def test_pods_that_wait_until_others_of_their_job_end_are_not() -> None:
    assert describe_open_job([RUNS, waits("Insufficient cpu")]) is None


def test_pods_for_which_room_comes_are_not() -> None:
    assert describe_open_job([waits("0/1 nodes are available: 1 Too many pods.")]) is None
