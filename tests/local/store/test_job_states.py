"""The word a Job or a pod is counted under."""

from typing import Any

import pytest

from expander.local.store.job_states import state_of


def condition(type: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": type, "status": status}]}


@pytest.mark.parametrize(
    ("spec", "status", "state"),
    [
        ({}, {}, "pending"),
        ({}, {"active": 1}, "running"),
        ({}, {"active": 0, "failed": 2}, "pending"),
        ({"suspend": True}, {}, "suspended"),
        ({"suspend": True}, {"active": 1}, "running"),
        ({}, condition("Complete"), "succeeded"),
        ({}, condition("Failed"), "failed"),
        ({}, condition("Failed", "False"), "pending"),
        ({}, {"active": 2, **condition("FailureTarget")}, "running"),
    ],
)
def test_a_job_is_counted_under(spec: dict[str, Any], status: dict[str, Any], state: str) -> None:
    assert state_of({"kind": "Job", "metadata": {}, "spec": spec, "status": status}) == state


@pytest.mark.parametrize(
    ("metadata", "phase", "state"),
    [
        ({}, "Pending", "open"),
        ({}, "Running", "open"),
        ({}, "Succeeded", "closed"),
        ({}, "Failed", "closed"),
        ({"finalizers": ["batch.kubernetes.io/job-tracking"]}, "Succeeded", "open"),
        ({"deletionTimestamp": "2026-11-21T08:00:00Z"}, "Failed", "open"),
    ],
)
def test_a_pod_is_closed_when_nobody_has_to_think_of_it(
    metadata: dict[str, Any], phase: str, state: str
) -> None:
    assert state_of({"kind": "Pod", "metadata": metadata, "status": {"phase": phase}}) == state


def test_other_kinds_have_no_state() -> None:
    assert state_of({"kind": "ConfigMap", "metadata": {}}) is None
