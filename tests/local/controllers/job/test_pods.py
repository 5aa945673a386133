"""The pods a Job makes."""

from __future__ import annotations

from expander.local.controllers.job.pods import pod_name
from tests.local.controllers.job.objects import ask, indexed, make_job

INDEX = "batch.kubernetes.io/job-completion-index"


def test_a_pod_is_the_template_with_finalizer_and_owner() -> None:
    job = make_job()
    job["spec"]["template"]["metadata"] |= {"annotations": {"a": "b"}, "finalizers": ["example.com/keep"]}
    (pod,) = ask(job).create
    template = job["spec"]["template"]
    metadata = pod["metadata"]
    assert pod["spec"] == template["spec"]
    assert metadata["generateName"] == "work-"
    assert metadata["labels"] == template["metadata"]["labels"]
    assert metadata["annotations"] == {"a": "b"}
    assert metadata["finalizers"] == ["example.com/keep", "batch.kubernetes.io/job-tracking"]
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": "work",
            "uid": "job-uid",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_an_index_is_label_annotation_hostname_and_variable() -> None:
    job = indexed(completions=2, parallelism=2)
    spec = job["spec"]["template"]["spec"]
    spec["initContainers"] = [{"name": "setup", "image": "busybox", "env": [{"name": "A", "value": "1"}]}]
    _, pod = ask(job).create
    assert pod["metadata"]["generateName"] == "work-1-"
    assert pod["metadata"]["annotations"] == {INDEX: "1"}
    assert pod["metadata"]["labels"][INDEX] == "1"
    assert pod["spec"]["hostname"] == "work-1"
    field = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}}
    assert pod["spec"]["containers"][0]["env"] == [variable]
    assert pod["spec"]["initContainers"][0]["env"] == [{"name": "A", "value": "1"}, variable]


def test_a_variable_of_the_user_s_is_left_alone() -> None:
    job = indexed(completions=1)
    job["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]
    (pod,) = ask(job).create
    assert pod["spec"]["containers"][0]["env"] == [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]


def test_the_failure_count_of_an_index_starts_at_none() -> None:
    (pod,) = ask(indexed(completions=1, backoffLimitPerIndex=1)).create
    assert pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] == "0"


def test_a_pod_name_keeps_index_and_token_of_a_long_job() -> None:
    assert pod_name("work", None, "abcde") == "work-abcde"
    assert pod_name("work", 7, "abcde") == "work-7-abcde"
    long = "x" * 63
    assert pod_name(long, None, "abcde") == "x" * 58 + "abcde"
    assert pod_name(long, 123, "abcde") == "x" * 53 + "-123-abcde"
