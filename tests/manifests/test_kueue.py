"""What a queue of Kueue is given."""

from typing import Any

import pytest

from expander.manifests.kueue import assign_queue

LABEL = "kueue.x-k8s.io/queue-name"


def handed(kind: str, **tree: Any) -> dict[str, Any]:
    found = {"kind": kind, **tree}
    assign_queue(found, "team")
    return found


@pytest.mark.parametrize("kind", ["Job", "JobSet", "RayJob", "TrainJob"])
def test_a_workload_is_labelled_and_suspended(kind: str) -> None:
    found = handed(kind, metadata={"name": "a", "labels": {"x": "y"}}, spec={"suspend": False, "z": 1})
    assert found["metadata"]["labels"] == {"x": "y", LABEL: "team"}
    assert found["spec"] == {"suspend": True, "z": 1}


def test_a_training_job_is_suspended_where_its_operator_looks() -> None:
    assert handed("PyTorchJob", spec={})["spec"] == {"runPolicy": {"suspend": True}}


def test_a_pod_and_what_makes_pods_are_labelled_only() -> None:
    found = handed("Deployment", metadata={"labels": None}, spec={"replicas": 2})
    assert found["metadata"]["labels"] == {LABEL: "team"}
    assert found["spec"] == {"replicas": 2}


def test_a_cron_job_hands_over_the_jobs_it_makes_and_is_not_suspended_itself() -> None:
    found = handed("CronJob", metadata={"name": "c"}, spec={"jobTemplate": {"spec": {"parallelism": 2}}})
    assert found["metadata"] == {"name": "c"}
    assert found["spec"]["jobTemplate"] == {
        "metadata": {"labels": {LABEL: "team"}},
        "spec": {"parallelism": 2, "suspend": True},
    }
    assert "suspend" not in found["spec"]


def test_what_kueue_does_not_manage_stays_as_it_is() -> None:
    assert handed("ConfigMap", data={"a": "b"}) == {"kind": "ConfigMap", "data": {"a": "b"}}


def test_a_volcano_job_has_queues_of_its_own() -> None:
    found = handed("Job", apiVersion="batch.volcano.sh/v1alpha1", spec={"queue": "mine"})
    assert found == {"kind": "Job", "apiVersion": "batch.volcano.sh/v1alpha1", "spec": {"queue": "mine"}}
