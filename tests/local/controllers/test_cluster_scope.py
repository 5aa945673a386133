"""A cluster that several share: quotas are counted, refused pods tried again, namespaces end, nodes close."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import AdmissionError
from expander.local.store.database import open_database
from tests.local.controllers.clockwork import Clockwork, cron_job

NOW = 1_800_000_000.0

Boot = Callable[[float], Clockwork]
Object = dict[str, Any]


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    with closing(open_database(tmp_path / "state.db")) as database:

        def start(now: float) -> Clockwork:
            world = Clockwork(database, now, shared=True)
            world.control.restore()
            world.control.scope.found(now)
            return world

        yield start


@pytest.fixture
def world(boot: Boot) -> Clockwork:
    return boot(NOW)


def job(name: str, command: str = "sleep 5", namespace: str = "default", **spec: Any) -> Object:
    made: Object = cron_job(command=command)["spec"]["jobTemplate"]
    made["spec"] |= spec
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        **made,
    }


def quota(name: str = "batch-quota", **hard: str) -> Object:
    amounts = {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name},
        "spec": {"hard": amounts},
    }


def test_the_place_of_a_pod_is_told_as_recorded(world: Clockwork, reference: Path) -> None:
    recorded = json.loads((reference / "http-responses.json").read_text())["list-limit-continue"]
    expected = json.loads(recorded["body"])["items"][0]
    world.submit([job("a")])
    world.play(NOW + 1)
    (pod,) = world.list("Pod")
    (found,) = world.events("default", pod["metadata"]["name"])
    assert found.keys() - {"apiVersion", "kind"} == expected.keys()
    for field in ("reason", "type", "action", "source", "firstTimestamp", "reportingComponent"):
        assert found[field] == expected[field], field
    assert found["message"] == f"Successfully assigned default/{pod['metadata']['name']} to node-1"
    assert len(found["eventTime"]) == len(expected["eventTime"])


def used(world: Clockwork, name: str = "batch-quota") -> Object:
    found: Object = world.get("ResourceQuota", "default", name)["status"]["used"]
    return found


def test_a_quota_is_counted_as_soon_as_it_comes(world: Clockwork) -> None:
    world.submit([job("a"), quota(count__jobs_batch="2", pods="1")])
    assert world.get("ResourceQuota", "default", "batch-quota")["status"] == {
        "hard": {"count/jobs.batch": "2", "pods": "1"},
        "used": {"count/jobs.batch": "1", "pods": "0"},
    }


def test_jobs_past_a_quota_are_refused_in_the_recorded_words(world: Clockwork, reference: Path) -> None:
    recorded = json.loads((reference / "kubectl" / "errors.json").read_text())
    answers = [exchange for command in recorded for exchange in command["http"] if exchange["status"] == 403]
    expected = next(
        json.loads(answer["response"]) for answer in answers if "process-item-c" in answer["response"]
    )
    world.submit([quota(count__jobs_batch="2", pods="1"), job("process-item-a"), job("process-item-b")])
    with pytest.raises(AdmissionError) as refused:
        world.submit([job("process-item-c")])
    found = refused.value
    assert (found.code, found.reason, found.message, found.details) == (
        expected["code"],
        expected["reason"],
        expected["message"],
        expected["details"],
    )
    assert world.named("Job") == ["process-item-a", "process-item-b"]


def test_a_refused_pod_is_told_of_and_tried_again_ever_later(world: Clockwork) -> None:
    world.submit([quota(pods="1"), job("first", "sleep 100"), job("second", parallelism=5, completions=5)])
    world.play(NOW + 8)
    told = world.told("default", "second")
    assert [each[:2] for each in told] == [("Warning", "FailedCreate")] * 4, (
        "at once, after 1, 3 and 7 seconds"
    )
    pod = told[0][2].split('"')[1]
    assert pod.startswith("second-")
    assert told[0][2] == (
        f'Error creating: pods "{pod}" is forbidden: exceeded quota: batch-quota, '
        "requested: pods=1, used: pods=1, limited: pods=1"
    )
    status = world.get("Job", "default", "second")["status"]
    assert "active" not in status
    assert "startTime" in status


def test_pods_are_created_in_growing_numbers_until_one_is_refused(world: Clockwork) -> None:
    world.submit([quota(pods="5"), job("wide", "sleep 100", parallelism=20, completions=20)])
    world.play(NOW + 0.5)
    reasons = [reason for _, reason, _, count in world.told("default", "wide") for _ in range(count)]
    assert reasons == ["SuccessfulCreate"] * 5 + ["FailedCreate"] * 2, "one, two, then two of four"
    assert world.get("Job", "default", "wide")["status"]["active"] == 5


def test_a_pod_makes_room_when_it_has_ended_and_a_job_when_it_is_gone(world: Clockwork) -> None:
    world.submit([quota(count__jobs_batch="2", pods="1", count__pods="5"), job("first"), job("second")])
    world.play(NOW + 2)
    assert used(world) == {"count/jobs.batch": "2", "count/pods": "1", "pods": "1"}
    world.play(NOW + 60)
    assert [each["status"].get("succeeded") for each in world.list("Job")] == [1, 1]
    assert used(world) == {"count/jobs.batch": "2", "count/pods": "2", "pods": "0"}
    world.delete("Job", "default", "first")
    world.play(NOW + 61)
    assert used(world) == {"count/jobs.batch": "1", "count/pods": "1", "pods": "0"}


def test_what_pods_ask_for_is_added_up_in_the_forms_they_use(world: Clockwork) -> None:
    asks = job("asks", "sleep 5", parallelism=3, completions=3)
    container = asks["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"cpu": "1"}}
    world.submit([quota(requests_cpu="4", memory="1Gi", limits_cpu="4"), asks])
    world.play(NOW + 1)
    assert used(world) == {"requests.cpu": "1500m", "memory": "384Mi", "limits.cpu": "3"}
    world.play(NOW + 20)
    assert used(world) == {"requests.cpu": "0", "memory": "0", "limits.cpu": "0"}


def test_a_changed_quota_and_the_next_life_count_the_same(boot: Boot) -> None:
    world = boot(NOW)
    world.submit(
        [quota(count__jobs_batch="5", pods="5"), quota("other", resourcequotas="3"), job("a", "sleep 99")]
    )
    world.play(NOW + 2)
    world.patch("ResourceQuota", "default", "batch-quota", {"spec": {"hard": {"count/jobs.batch": "9"}}})
    before = used(world), used(world, "other")
    world.control.commit()
    later = boot(NOW + 3)
    assert (used(later), used(later, "other")) == before
    assert before == ({"count/jobs.batch": "1", "pods": "1"}, {"resourcequotas": "2"})


def test_a_service_of_another_type_counts_anew(world: Clockwork) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}},
    }
    world.submit([quota(services="5", services_nodeports="5"), service])
    assert used(world) == {"services": "2", "services.nodeports": "0"}
    world.patch("Service", "default", "web", {"spec": {"type": "NodePort"}})
    assert used(world) == {"services": "2", "services.nodeports": "1"}


def test_a_cronjob_that_a_quota_holds_up_tells_and_tries_again(world: Clockwork) -> None:
    world.submit([quota(count__jobs_batch="0"), cron_job()])
    world.play(NOW + 61)
    (event,) = world.told("default", "tick")
    assert event[:2] == ("Warning", "FailedCreate")
    assert event[2].startswith('Error creating job: jobs.batch "tick-30000001" is forbidden: exceeded quota')
    assert world.get("CronJob", "default", "tick")["status"] == {}
    world.delete("ResourceQuota", "default", "batch-quota")
    world.play(NOW + 63)
    assert world.named("Job") == ["tick-30000001"]


def test_every_cluster_has_its_namespaces_accounts_service_and_node(boot: Boot) -> None:
    def there(world: Clockwork) -> list[list[str]]:
        return [world.named(kind) for kind in ("Namespace", "ServiceAccount", "Service", "Node")]

    first = there(boot(NOW))
    assert first == [
        ["default", "kube-node-lease", "kube-public", "kube-system"],
        ["default"] * 4,
        ["kubernetes"],
        ["node-1"],
    ]
    assert there(boot(NOW + 5)) == first


def test_a_new_namespace_gets_its_account_and_ends_with_all_that_is_in_it(world: Clockwork) -> None:
    world.submit([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}])
    world.submit(
        [job("a", "sleep 50", "team-a"), {**cron_job(), "metadata": {"name": "c", "namespace": "team-a"}}]
    )
    world.play(NOW + 5)
    assert world.find("ServiceAccount", "team-a", "default") is not None
    world.delete("Namespace", "", "team-a")
    ending = world.get("Namespace", "", "team-a")
    assert ending["status"]["phase"] == "Terminating"
    with pytest.raises(AdmissionError, match="because it is being terminated"):
        world.submit([job("late", namespace="team-a")])
    world.play(NOW + 6)
    assert list(world.events("team-a")) == []
    kinds = ("Job", "CronJob", "Pod", "ServiceAccount", "Namespace")
    assert [name for kind in kinds for name in world.list(kind, "team-a")] == []
    assert "team-a" not in world.named("Namespace")


def test_a_cordoned_node_takes_no_pods_until_it_is_open_again(world: Clockwork) -> None:
    world.patch("Node", "", "node-1", {"spec": {"unschedulable": True}})
    taint = world.get("Node", "", "node-1")["spec"]["taints"][0]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    world.submit([job("waits")])
    world.play(NOW + 30)
    (pod,) = world.list("Pod")
    assert pod["status"]["phase"] == "Pending"
    assert "nodeName" not in pod["spec"]
    (event,) = world.events("default", pod["metadata"]["name"])
    assert (event["type"], event["reason"], event["message"]) == (
        "Warning",
        "FailedScheduling",
        "0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, preemption: "
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    )
    world.patch("Node", "", "node-1", {"spec": {"unschedulable": None}})
    world.play(NOW + 60)
    assert world.get("Node", "", "node-1")["spec"] == {}
    assert world.get("Job", "default", "waits")["status"]["succeeded"] == 1


def test_a_node_stays_cordoned_in_the_next_life(boot: Boot) -> None:
    world = boot(NOW)
    world.patch("Node", "", "node-1", {"spec": {"unschedulable": True}})
    world.control.commit()
    assert boot(NOW + 5).control.scheduler.closed


def test_the_first_pod_of_a_job_that_is_ready_shows_at_once_and_others_within_a_second(
    world: Clockwork,
) -> None:
    world.submit([job("a", parallelism=2, completions=2)])
    world.play(NOW + 0.1)
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for pod in list(world.list("Pod")):
        world.control.pod_changed(pod["metadata"]["uid"], ready, (), world.now, gone=False)
        world.play(world.now + 0.1)
        assert world.get("Job", "default", "a")["status"]["ready"] == 1
    world.play(NOW + 1.5)
    assert world.get("Job", "default", "a")["status"]["ready"] == 2
