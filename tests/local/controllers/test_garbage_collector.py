"""What is deleted goes with what belongs to it, as asked."""

from typing import Any

import pytest

from expander.base.errors import NotFound
from expander.local.controllers.garbage_collector import GarbageCollector, Propagation
from tests.local.controllers.cluster import Cluster, conditions, job


def only(cluster: Cluster, kind: str = "Pod") -> dict[str, Any]:
    (found,) = cluster.list(kind)
    return found


def test_in_the_background_the_job_goes_first_and_its_pods_when_they_have_stopped(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.delete("Job", "default", "job")
    cluster.sync()
    assert cluster.names("Job") == []
    pod = only(cluster)
    assert pod["metadata"]["deletionTimestamp"]
    assert "finalizers" not in pod["metadata"]
    assert cluster.stopping == {pod["metadata"]["uid"]: 30}
    cluster.end("job", 143, gone=True)
    assert cluster.names("Pod") == []


def test_in_the_foreground_the_job_stays_until_its_pods_are_gone(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.delete("Job", "default", "job", propagation="Foreground")
    cluster.sync()
    metadata = only(cluster, "Job")["metadata"]
    assert metadata["finalizers"] == ["foregroundDeletion"]
    assert metadata["deletionTimestamp"]
    assert metadata["generation"] == 2
    cluster.end("job", 143, gone=True)
    assert cluster.names("Job") == cluster.names("Pod") == []


def test_an_orphan_runs_on_without_owner_and_finalizer(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.delete("Job", "default", "job", propagation="Orphan")
    cluster.sync()
    assert cluster.names("Job") == []
    assert cluster.stopping == {}
    assert {"ownerReferences", "finalizers", "deletionTimestamp"}.isdisjoint(only(cluster)["metadata"])
    cluster.end("job")
    assert only(cluster)["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_a_finished_job_takes_its_pods_with_it(cluster: Cluster, propagation: Any) -> None:
    cluster.add(job(completions=2))
    cluster.end("job")
    cluster.end("job")
    cluster.delete("Job", "default", "job", propagation=propagation)
    cluster.sync()
    assert cluster.names("Job") == cluster.names("Pod") == []
    assert sum(cluster.group().values()) == 0


def test_a_job_with_a_finalizer_of_its_own_stays_until_that_is_taken_off(cluster: Cluster) -> None:
    held = job(suspend=True)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    cluster.add(held)
    cluster.delete("Job", "default", "job")
    cluster.sync()
    assert only(cluster, "Job")["metadata"]["deletionTimestamp"]
    cluster.patch("Job", "default", "job", {"metadata": {"finalizers": None}})
    cluster.sync()
    assert cluster.names("Job") == []


def test_a_deleted_pod_has_its_grace_and_is_replaced(cluster: Cluster) -> None:
    cluster.add(job())
    name = only(cluster)["metadata"]["name"]
    cluster.delete("Pod", "default", name, grace=5)
    cluster.sync(1)
    assert list(cluster.stopping.values()) == [5]
    assert cluster.get("Pod", "default", name)["metadata"]["deletionGracePeriodSeconds"] == 5
    cluster.end(name, 137, gone=True)
    assert cluster.find("Pod", "default", name) is None
    cluster.sync(30)
    cluster.end("job")
    status = cluster.get("Job", "default", "job")["status"]
    assert (status["succeeded"], status["failed"]) == (1, 1)


def test_a_second_deletion_can_only_shorten_the_grace(cluster: Cluster) -> None:
    cluster.add(job())
    name = only(cluster)["metadata"]["name"]
    cluster.delete("Pod", "default", name, grace=5)
    cluster.delete("Pod", "default", name, grace=9)
    assert cluster.get("Pod", "default", name)["metadata"]["deletionGracePeriodSeconds"] == 5
    cluster.delete("Pod", "default", name, grace=1)
    assert cluster.get("Pod", "default", name)["metadata"]["deletionGracePeriodSeconds"] == 1


def test_a_pod_without_a_place_goes_at_once_and_counts_as_failed(cluster: Cluster) -> None:
    cluster.add(job(cpu="64", backoffLimit=0))
    cluster.delete("Pod", "default", only(cluster)["metadata"]["name"])
    cluster.sync(1)
    assert cluster.names("Pod") == []
    assert cluster.stopping == {}
    assert conditions(cluster.get("Job", "default", "job")) == ["FailureTarget", "Failed"]


def test_a_pod_that_has_ended_goes_at_once(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.end("job")
    cluster.delete("Pod", "default", only(cluster)["metadata"]["name"])
    assert cluster.names("Pod") == []


def test_eviction_marks_the_pod_as_disrupted_and_the_mark_stays(cluster: Cluster) -> None:
    cluster.add(job())
    pod = only(cluster)
    cluster.evict("default", pod["metadata"]["name"])
    assert [each["metadata"]["uid"] for each in cluster.control.kubelet_updates.take_updates()] == [
        pod["metadata"]["uid"]
    ]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    cluster.control.pod_changed(pod["metadata"]["uid"], status, (), cluster.now, gone=False)
    found = {each["type"]: each for each in only(cluster)["status"]["conditions"]}
    assert found["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
    assert set(found) == {"DisruptionTarget", "Ready"}


def test_a_pod_that_is_gone_for_its_node_has_failed_if_nothing_else_is_said(cluster: Cluster) -> None:
    cluster.add(job(backoffLimit=0))
    pod = only(cluster)
    cluster.delete("Pod", "default", pod["metadata"]["name"])
    cluster.control.pod_changed(pod["metadata"]["uid"], {"phase": "Pending"}, (), cluster.now, gone=True)
    cluster.sync(1)
    assert cluster.names("Pod") == []
    assert cluster.get("Job", "default", "job")["status"]["failed"] == 1


def test_what_is_not_there_cannot_be_deleted(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="there is no Job default/nope"):
        cluster.delete("Job", "default", "nope")


def test_a_job_that_is_deleted_and_submitted_again_is_a_new_one(cluster: Cluster) -> None:
    cluster.add(job())
    first = only(cluster, "Job")["metadata"]["uid"]
    cluster.delete("Job", "default", "job")
    cluster.add(job())
    assert only(cluster, "Job")["metadata"]["uid"] != first
    assert len(cluster.running) == 2


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_many_dependents_go_part_by_part_in_this_life_or_the_next(
    cluster: Cluster, propagation: Propagation
) -> None:
    cluster.add(job(suspend=True))
    store, owner = cluster.control.store, only(cluster, "Job")
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": owner["metadata"]["uid"]}
    for number in range(25):
        metadata = {"name": f"p{number}", "namespace": "default", "uid": f"u{number}"}
        metadata["ownerReferences"] = [reference]  # type: ignore[assignment]
        data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        store.put(data, new=True)

    def collector() -> GarbageCollector:
        return GarbageCollector(store, cluster.control.pods, lambda obj: None, part=10)

    first = collector()
    first.delete(owner, cluster.now, propagation)
    assert first.pending
    assert len(cluster.names("ConfigMap")) == 15
    first.sync(cluster.now)
    assert len(cluster.names("ConfigMap")) == 5
    store.commit()
    second = collector()
    second.restore()
    second.sync(cluster.now)
    assert not second.pending
    assert cluster.names("ConfigMap") == []
    third = collector()
    third.restore()
    assert not third.pending
