"""Objects of anything: what is not an object of the API is told apart, and all else can be read.

Every field of an object, one after the other, becomes something else. Then either `check_of` refuses the
object, or all that reads such objects takes it.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from expander.base.errors import InputError
from expander.client.bodies import decode_list
from expander.client.client import ApiClient
from expander.client.quotas import NamespaceLimits
from expander.group.cleanup import target_of
from expander.group.cluster.logs import container_start
from expander.group.cluster.watch import selects_template
from expander.group.collected import record_entry
from expander.group.diagnosis import events_by_uid
from expander.group.job_status import group_summaries, job_status
from expander.group.records import all_records
from expander.group.report_data import summarize
from expander.group.results import collect_job
from expander.group.retry.plan import RetrySelection, plan_retry
from expander.group.table import as_text, record_row
from expander.kube.object_check import check_of, is_list, kept_of_job
from expander.kube.objects import mark_of, owner_of
from expander.kube.selectors import parse
from expander.kube.workloads import has_ended, pod_selectors
from expander.manifests.rerun_choice import FAILED
from expander.plan.demand import resource_demand
from expander.plan.quota_fit import QuotaDemand, limit_range_lines, quota_lines
from expander.run.escalation import Escalation, Growth, at_most, is_cause, next_attempts, one_pod
from expander.submit.active_window import ActiveWindow, Scope
from expander.submit.already_submitted import AlreadySubmitted
from expander.submit.delivery import end_of
from expander.submit.finished import job_path, key_of
from expander.submit.quota_gate import Excess, room
from expander.submit.request import PreparedRequest
from expander.submit.watchers import FailedPodCreations
from tests.group.fakes import FakeReader

JOBS = "/apis/batch/v1/namespaces/ns/jobs"
VOLCANO_JOBS = "/apis/batch.volcano.sh/v1alpha1/namespaces/ns/jobs"
JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/ns/jobsets"
PODS, EVENTS = "/api/v1/namespaces/ns/pods", "/api/v1/namespaces/ns/events?fieldSelector=x"
QUOTAS, RANGES = "/api/v1/namespaces/ns/resourcequotas", "/api/v1/namespaces/ns/limitranges"
AT = "2026-01-02T03:04:05Z"


def metadata(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "creationTimestamp": AT,
        "labels": {"jobgroup": "g"},
        **more,
    }


OWNERS = [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "uid-j", "controller": True}]
ENDED = {"exitCode": 3, "reason": "Error", "message": "no", "startedAt": AT, "finishedAt": AT}
CONDITION = {"type": "Failed", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": AT}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": metadata(
        "p",
        ownerReferences=OWNERS,
        deletionTimestamp=AT,
        deletionGracePeriodSeconds=3,
        annotations={
            "batch.kubernetes.io/job-completion-index": "1",
            "kubectl.kubernetes.io/default-container": "c",
        },
    ),
    "spec": {
        "nodeName": "n",
        "overhead": {"cpu": "1m"},
        "resources": {"requests": {"cpu": "1"}},
        "initContainers": [{"name": "i", "image": "x"}],
        "containers": [
            {"name": "c", "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}}
        ],
    },
    "status": {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "m",
        "startTime": AT,
        "conditions": [{**CONDITION, "type": "DisruptionTarget"}],
        "initContainerStatuses": [{"name": "i", "state": {"running": {"startedAt": AT}}}],
        "containerStatuses": [
            {
                "name": "c",
                "restartCount": 2,
                "containerID": "x",
                "state": {"terminated": ENDED},
                "lastState": {"terminated": ENDED, "waiting": {"reason": "R", "message": "m"}},
            }
        ],
    },
}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": metadata(
        "j",
        ownerReferences=OWNERS,
        annotations={
            "expander/digest": "d",
            "expander/item": '{"a": "1"}',
            "expander/key": "a",
            "expander/attempt": "2",
            "expander/retried-indexes": "0,2-3",
            "expander/first-created": AT,
            "expander/submitted": AT,
            "expander/count": "3",
            "expander/items": "x",
            "expander/retry-of": "x",
        },
    ),
    "spec": {
        "completionMode": "Indexed",
        "completions": 5,
        "parallelism": 2,
        "backoffLimit": 1,
        "suspend": True,
        "selector": {
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
        },
        "template": {"metadata": {"labels": {"jobgroup": "g"}}, "spec": POD["spec"]},
    },
    "status": {
        "conditions": [CONDITION],
        "active": 1,
        "ready": 1,
        "terminating": 0,
        "succeeded": 1,
        "failed": 1,
        "completedIndexes": "1",
        "failedIndexes": "2,4",
        "startTime": AT,
        "completionTime": AT,
    },
}
VOLCANO_JOB = {
    "apiVersion": "batch.volcano.sh/v1alpha1",
    "kind": "Job",
    "metadata": JOB["metadata"],
    "spec": {"tasks": [{"name": "t", "replicas": 2, "template": {"spec": POD["spec"]}}]},
    "status": {
        "state": {"phase": "Failed", "reason": "R", "message": "m", "lastTransitionTime": AT},
        "conditions": [{"status": "Running", "lastTransitionTime": AT}],
        "succeeded": 1,
        "failed": 1,
        "running": 1,
        "retryCount": 1,
    },
}
JOBSET = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": JOB["metadata"],
    "spec": {
        "suspend": False,
        "replicatedJobs": [{"name": "t", "replicas": 2, "template": {"spec": JOB["spec"]}}],
    },
    "status": {
        "conditions": [CONDITION],
        "restarts": 1,
        "replicatedJobsStatus": [{"name": "t", "ready": 1, "active": 1, "succeeded": 1, "failed": 1}],
    },
}
EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": metadata("e"),
    "involvedObject": {"kind": "Job", "namespace": "ns", "name": "j", "uid": "uid-j"},
    "reason": "FailedCreate",
    "message": "Error creating: no",
    "type": "Warning",
    "lastTimestamp": AT,
    "eventTime": AT,
    "series": {"lastObservedTime": AT, "count": 3},
}
QUOTA = {
    "metadata": metadata("q"),
    "spec": {
        "hard": {"cpu": "2", "count/jobs.batch": "4"},
        "scopes": ["NotTerminating"],
        "scopeSelector": {
            "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["x"]}]
        },
    },
    "status": {"hard": {"cpu": "2", "count/jobs.batch": "4"}, "used": {"cpu": "1"}},
}
RANGE = {
    "metadata": metadata("r"),
    "spec": {
        "limits": [
            {
                "type": "Container",
                "default": {"cpu": "1"},
                "defaultRequest": {"cpu": "1"},
                "max": {"cpu": "2"},
                "min": {"cpu": "1m"},
                "maxLimitRequestRatio": {"cpu": "2"},
            }
        ]
    },
}
JUNK: list[Any] = [
    *(None, True, 0, -1, 10**30, 1.5, "", "x", "9" * 5000, "0-99999999999", "\u0663", "[" * 9999),
    *("0000-00-00T00:00:00Z", "9999-99-99T00:00:00Z", "2026-01-02"),
    *([], [None], [[]], [{}], {}, {"a": 1}, {"name": None}),
]


POLICY = Escalation(oom=Growth(Fraction(2), 3 << 30), timeout=Growth(Fraction(2)), exits={3: 2})


def read_job(job: Mapping[str, Any], pod: Mapping[str, Any], event: Mapping[str, Any], folder: Path) -> None:
    """All that reads the Jobs of a group, their pods and events."""
    warnings = events_by_uid([event])
    status = job_status(job, [pod], warnings)
    str(status.summary)
    str(has_ended(job))
    group_summaries([status], "jobgroup")
    found = list(all_records([job], [pod]))
    list(as_text([record_row(record) for record in found]))
    summarize(found, 2e9)
    target_of(job)
    target_of(pod)
    owner_of(pod)
    mark_of(pod)
    container_start(pod, "c")
    json.dumps(record_entry(job, [pod], [], folder))
    if not folder.exists():
        collect_job(job, [pod], FakeReader([job], [pod]), folder)  # type: ignore[list-item]
    with suppress(InputError):  # no Job of that name, or nothing to retry
        plan_retry([job], RetrySelection(items=["j"], force=True))
    plan_retry([job], RetrySelection(everything=True))
    FailedPodCreations(lambda _: None).event(event)
    is_cause(pod, POLICY)
    at_most(job, [pod], POLICY)
    if end_of(job) == FAILED or one_pod(job):
        next_attempts(job, [pod], POLICY)


def read_batch_job(job: Mapping[str, Any], folder: Path) -> None:
    """What else reads Jobs of batch/v1."""
    key_of(job)
    job_path(job)
    window = ActiveWindow(3)
    window.begin_list(Scope("ns", "g"))
    window.page(Scope("ns", "g"), [job])
    window.changed(Scope("ns", "g"), "MODIFIED", job)
    list(pod_selectors([job]))
    selects_template(parse("jobgroup=g"), job["spec"]["template"])
    read_job(job, POD, EVENT, folder)


def read_limits(quota: Mapping[str, Any], limit_range: Mapping[str, Any]) -> None:
    """All that reads quotas and limit ranges."""
    room(Excess("q", {"cpu": Fraction(1)}), quota)
    demand = QuotaDemand(NamespaceLimits("ns", (quota,), (limit_range,)))
    demand.add(resource_demand(JOB, "jobgroup"), 3)
    list(quota_lines(demand.rooms(), "wait"))
    list(limit_range_lines(demand.rulings()))


READERS: Mapping[str, tuple[str, Mapping[str, Any], Callable[[Any, Path], None]]] = {
    "Job": (JOBS, JOB, read_batch_job),
    "Volcano Job": (VOLCANO_JOBS, VOLCANO_JOB, lambda found, folder: read_job(found, POD, EVENT, folder)),
    "JobSet": (JOBSETS, JOBSET, lambda found, folder: read_job(found, POD, EVENT, folder)),
    "Pod": (PODS, POD, lambda found, folder: read_job(JOB, found, EVENT, folder)),
    "Event": (EVENTS, EVENT, lambda found, folder: read_job(JOB, POD, found, folder)),
    "ResourceQuota": (QUOTAS, QUOTA, lambda found, _: read_limits(found, RANGE)),
    "LimitRange": (RANGES, RANGE, lambda found, _: read_limits(QUOTA, found)),
}


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value of a tree."""
    if path:
        yield path
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in below:
        yield from places(value, (*path, key))


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of ``tree`` with ``value`` at ``path``."""
    found = copy.deepcopy(tree)
    holder = found
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return found


@pytest.mark.parametrize("kind", READERS)
def test_what_the_check_lets_through_can_be_read(kind: str, tmp_path: Path) -> None:
    collection, whole, read = READERS[kind]
    right = check_of(collection)
    assert right(whole)
    read(whole, tmp_path / "whole")
    wrong = []
    for number, path in enumerate(places(whole)):
        if path in (("kind",), ("apiVersion",)):
            continue  # lists leave them out, and they are filled in
        for value in JUNK:
            found = changed(whole, path, value)
            if not right(found):
                continue
            try:
                read(found, tmp_path / str(number))
            except Exception as error:
                wrong.append((path, value if len(str(value)) < 50 else "...", repr(error)))
    assert wrong == []


def test_objects_of_another_namespace_are_none_of_a_list() -> None:
    assert not check_of(JOBS)(changed(JOB, ("metadata", "namespace"), "other"))
    assert check_of("/apis/batch/v1/jobs")(changed(JOB, ("metadata", "namespace"), "other"))
    assert check_of(f"{JOBS}/j?x=y")(JOB)
    assert check_of("/apis/things.example.com/v1/namespaces/ns/jobs")({"metadata": metadata("x"), "spec": 7})


class Listed:
    """A cluster whose list is one page with this object."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.page = {"metadata": {}, "items": [found]}

    def pages(self, *_: str, keep: Callable[[Any], Any]) -> Iterator[Mapping[str, Any]]:
        page = decode_list(json.dumps(self.page).encode(), keep)
        if page is not None and is_list(page):
            yield page


LIKE = PreparedRequest("Job", "job.batch", "j", "ns", "g", None, JOBS, f"{JOBS}/j", b"", 0, "d")


@pytest.mark.parametrize("conditions", [None, [], [{**CONDITION, "type": "Suspended"}], [CONDITION]])
def test_a_list_of_which_little_is_read_takes_what_a_list_takes(
    conditions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    whole = changed(JOB, ("status", "conditions"), conditions)
    right, keep = check_of(JOBS), kept_of_job(JOBS, "ns")
    for path in places(whole):
        for value in JUNK:
            found = changed(whole, path, value)
            listed = Listed(found)
            assert keep(copy.deepcopy(found)) is not None or not right(found), (path, value)
            submitted = AlreadySubmitted(cast(ApiClient, listed), "jobgroup", lambda _: None, versions=True)
            version = submitted.version(LIKE)
            assert raised == []
            if right(found):
                named = found["metadata"]["name"] == "j"
                assert version == ((found["metadata"]["resourceVersion"] or "") if named else "")
                end = end_of({**found, "apiVersion": "batch/v1", "kind": "Job"})
                assert submitted.has_failed(LIKE) == (submitted.exists(LIKE) and end == FAILED)
