"""Jobs as they are sent for their next attempt."""

from typing import Any

import pytest

from expander.manifests.rerun import remaining_indexes, rerun, rerun_index, with_retried

UID = "0b1e6a7a-0000-4000-8000-000000000001"


def served(**spec: Any) -> dict[str, Any]:
    """A failed Job as a server has it."""
    labels = {"app": "x", "job-name": "j", "batch.kubernetes.io/job-name": "j"}
    labels |= {"controller-uid": UID, "batch.kubernetes.io/controller-uid": UID}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "j",
            "namespace": "n",
            "uid": UID,
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"jobgroup": "g"},
            "annotations": {"expander/item": "a b", "batch.kubernetes.io/job-tracking": ""},
            "finalizers": ["foregroundDeletion"],
            "managedFields": [{"manager": "x"}],
        },
        "spec": {
            "backoffLimit": 0,
            "manualSelector": False,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}},
            "template": {
                "metadata": {"labels": labels, "creationTimestamp": None},
                "spec": {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"},
            },
            **spec,
        },
        "status": {"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]},
    }


def test_what_the_server_wrote_is_taken_out_and_the_attempt_is_counted() -> None:
    job = served()
    made = rerun(job)
    assert made == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "j",
            "namespace": "n",
            "labels": {"jobgroup": "g"},
            "annotations": {
                "expander/item": "a b",
                "expander/attempt": "2",
                "expander/first-created": "2026-01-01T00:00:00.000000Z",
            },
        },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"},
            },
        },
    }
    assert job == served()
    assert rerun({**made, "status": {}})["metadata"]["annotations"]["expander/attempt"] == "3"


def test_a_selector_of_the_users_own_stays() -> None:
    selector = {"matchLabels": {"app": "x"}}
    made = rerun(served(manualSelector=True, selector=selector))
    assert (made["spec"]["manualSelector"], made["spec"]["selector"]) == (True, selector)


def test_a_job_of_a_queue_begins_suspended() -> None:
    job = served()
    job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "q"
    assert rerun(job)["spec"]["suspend"] is True


def test_a_job_for_an_index_sees_the_index_as_its_pod_did() -> None:
    policy = {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [3]}}]}
    job = served(
        completionMode="Indexed", completions=4, parallelism=2, backoffLimitPerIndex=5, maxFailedIndexes=1
    )
    job["spec"]["podFailurePolicy"] = policy
    made = rerun_index(job, 3)
    spec, template = made["spec"], made["spec"]["template"]
    assert made["metadata"]["name"] == "j-3"
    assert made["metadata"]["annotations"]["expander/retry-of"] == "j"
    assert spec.keys() == {"backoffLimit", "podFailurePolicy", "template"}
    assert (spec["backoffLimit"], spec["podFailurePolicy"]["rules"][0]["action"]) == (5, "FailJob")
    index = "batch.kubernetes.io/job-completion-index"
    assert template["metadata"]["annotations"][index] == template["metadata"]["labels"][index] == "3"
    assert template["spec"]["hostname"] == "j-3"
    assert template["spec"]["containers"][0]["env"] == [{"name": "JOB_COMPLETION_INDEX", "value": "3"}]


@pytest.mark.parametrize(
    ("completed", "retried", "left"),
    [(None, None, None), ("", None, None), ("0-1,3", None, [2, 4]), ("0-1,3", "2,4", []), ("0-4", None, [])],
)
def test_the_indexes_left_are_those_neither_complete_nor_retried(
    completed: str | None, retried: str | None, left: list[int] | None
) -> None:
    job = served(completionMode="Indexed", completions=5)
    job["status"]["completedIndexes"] = completed
    if retried:
        job["metadata"]["annotations"]["expander/retried-indexes"] = retried
    assert remaining_indexes(job) == left


def test_indexes_are_written_as_the_api_writes_them() -> None:
    job = served(completionMode="Indexed", completions=10)
    job["metadata"]["annotations"]["expander/retried-indexes"] = "1,3-4,99-999999999999"
    assert with_retried(job, [2, 9, 7]) == "1-4,7,9"


def test_a_volcano_job_is_sent_again_as_one() -> None:
    job = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "v", "namespace": "n", "uid": "u", "annotations": {"expander/attempt": "2"}},
        "spec": {"tasks": []},
        "status": {"state": {"phase": "Failed"}},
    }
    again = rerun(job)
    assert again == {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "v", "namespace": "n", "annotations": {"expander/attempt": "3"}},
        "spec": {"tasks": []},
    }
