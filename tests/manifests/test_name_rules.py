from __future__ import annotations

from typing import Any

import pytest

from expander.manifests.names import DNS_LABEL, name_rule

VOLCANO = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"}


@pytest.mark.parametrize(
    ("tasks", "room"),
    [
        ([{"name": "worker", "replicas": 1}], len("-worker-0")),
        ([{"name": "a", "replicas": 11}, {"name": "worker", "replicas": 100}], len("-worker-99")),
        ([{"replicas": 1}], len("-default0-0")),
        ([{"name": "worker", "replicas": "$ITEM"}], len("-worker-9999")),
        (None, 0),
    ],
)
def test_the_name_of_a_volcano_job_leaves_room_for_the_names_of_its_pods(tasks: Any, room: int) -> None:
    rule = name_rule({**VOLCANO, "spec": {"tasks": tasks}}, ("metadata", "name"))
    assert rule is not None
    assert rule.limit == 63 - room


def test_tasks_of_a_volcano_job_have_names_like_hosts() -> None:
    assert name_rule(VOLCANO, ("spec", "tasks", 0, "name")) is DNS_LABEL
    assert name_rule({"kind": "Other"}, ("spec", "tasks", 0, "name")) is None


def test_the_name_of_a_jobset_leaves_room_for_jobs_and_pods() -> None:
    spec = {"replicatedJobs": [{"name": "workers", "replicas": 4}]}
    rule = name_rule({"kind": "JobSet", "spec": spec}, ("metadata", "name"))
    assert rule is not None
    assert rule.limit == 63 - len("-workers-3-00000-xxxxx")
