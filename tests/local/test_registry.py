"""What comes in is defaulted and named, and what is there is not made twice."""

from collections.abc import Callable
from typing import Any

import pytest

from expander.kube.merge_patch import merged
from expander.local import registry
from expander.local.timers import Timers
from tests.local.controllers.cluster import Cluster, job


def test_a_job_that_comes_in_is_as_the_server_would_have_it(cluster: Cluster) -> None:
    (told,) = cluster.submit([job()])
    found = cluster.get("Job", "default", "job")
    assert told == ("Job", "default", "job", found["metadata"]["uid"], "created", None)
    assert found["metadata"]["creationTimestamp"] == "1970-01-12T13:46:40Z"
    assert found["metadata"]["generation"] == 1
    assert found["spec"]["backoffLimit"] == 6
    uid = found["metadata"]["uid"]
    assert found["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def test_the_same_again_is_unchanged_and_other_content_is_not_taken(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.end("job")
    assert [each.outcome for each in cluster.submit([job()])] == ["unchanged"]
    assert [each.outcome for each in cluster.submit([job(parallelism=2)])] == ["exists"]
    other = job()
    other["metadata"]["labels"] = {"jobgroup": "other"}
    assert [each.outcome for each in cluster.submit([other])] == ["exists"]
    assert cluster.get("Job", "default", "job")["spec"]["parallelism"] == 1


def test_the_digest_of_a_manifest_tells_that_it_is_the_same(
    boot: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    boot().submit([job("a")])
    with monkeypatch.context() as patch:
        patch.setattr(registry, "is_unchanged", lambda *_: pytest.fail("the digest says it"))
        (told,) = boot().submit([job("a")])
    assert told.outcome == "unchanged"
    (told,) = boot().submit([job("a", backoffLimit=1)])
    assert told.outcome == "exists"


def test_fields_in_another_order_are_the_same_manifest(cluster: Cluster) -> None:
    cluster.submit([job("a")])
    for _ in range(2):
        (told,) = cluster.submit([dict(reversed(job("a").items()))])
        assert told.outcome == "unchanged"


def test_a_job_that_was_changed_is_no_longer_what_its_digest_says(boot: Callable[..., Cluster]) -> None:
    cluster = boot()
    cluster.submit([job("a")])
    cluster.patch("Job", "default", "a", {"spec": {"suspend": True}})
    cluster.control.commit()
    (told,) = boot().submit([job("a")])
    assert told.outcome == "exists"
    (told,) = boot().submit([job("a", suspend=True)])
    assert told.outcome == "unchanged"


def test_a_digest_is_kept_through_a_rollback(cluster: Cluster) -> None:
    store = cluster.control.store
    cluster.submit([job("a")])
    (uid,) = (uid for uid, _ in store.states("Job"))
    store.remember_given(uid, b"other")
    store.flush()
    store.rollback()
    store.commit()
    assert store.given(uid) == b"other"
    store.remember_given(uid, None)
    store.commit()
    assert store.given(uid) is None


def test_names_are_free_in_another_namespace(cluster: Cluster) -> None:
    cluster.submit([job()])
    (told,) = cluster.submit([job()], namespace="team-a")
    assert (told.namespace, told.outcome) == ("team-a", "created")


def test_a_name_is_made_from_generate_name(cluster: Cluster) -> None:
    manifest = job()
    manifest["metadata"] = {"generateName": "batch-"}
    first, second = cluster.submit([manifest, manifest])
    assert first.name.startswith("batch-")
    assert len({first.name, second.name}) == 2


def test_other_kinds_are_kept_too(cluster: Cluster) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "v"},
        "spec": {"clusterIP": "None"},
    }
    cluster.add(secret, config, service)
    assert cluster.get("ConfigMap", "default", "c")["data"] == {"a": "b"}
    assert [each["metadata"]["name"] for each in cluster.control.services.of("default")] == ["v"]
    cluster.delete("Service", "default", "v")
    assert list(cluster.control.services.of("default")) == []


def test_a_pod_without_a_job_gets_a_place(cluster: Cluster) -> None:
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    cluster.add({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone-12345"}, "spec": spec})
    assert list(cluster.running) == ["alone-12345"]
    cluster.end("alone")
    (pod,) = cluster.list("Pod")
    assert pod["status"]["phase"] == "Succeeded"


def test_a_patch_changes_what_it_names_and_counts_as_a_generation(cluster: Cluster) -> None:
    cluster.add(job(parallelism=1, completions=3))
    patched = cluster.patch("Job", "default", "job", {"spec": {"parallelism": 2}})
    assert patched["metadata"]["generation"] == 2
    assert patched["spec"]["completions"] == 3
    cluster.sync()
    assert len(cluster.running) == 2
    labelled = cluster.patch("Job", "default", "job", {"metadata": {"labels": {"a": "b"}, "uid": "no"}})
    assert labelled["metadata"]["generation"] == 2
    assert labelled["metadata"]["uid"] != "no"
    assert labelled["metadata"]["labels"] == {"jobgroup": "g", "a": "b"}
    assert labelled["status"]["active"] == 2


def test_a_field_that_a_patch_takes_away_gets_its_default(cluster: Cluster) -> None:
    cluster.add(job(parallelism=3, completions=3))
    assert cluster.patch("Job", "default", "job", {"spec": {"parallelism": None}})["spec"]["parallelism"] == 1


def test_a_selector_chooses_what_is_listed(cluster: Cluster) -> None:
    cluster.submit([job("a"), job("b")])
    assert [each["metadata"]["name"] for each in cluster.list("Job", selector="jobgroup=g")] == ["a", "b"]
    assert list(cluster.list("Job", selector="jobgroup!=g")) == []
    assert list(cluster.list("Job", "elsewhere")) == []


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"c": 2, "d": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": "text"}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
        ({}, {"a": [{"b": None}, None]}, {"a": [{}, None]}),
    ],
)
def test_a_merge_patch_gives(target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(target, patch) == result


def test_a_merge_patch_leaves_its_target_alone() -> None:
    target: dict[str, Any] = {"a": {"b": 1}}
    merged(target, {"a": {"b": 2}, "c": 3})
    assert target == {"a": {"b": 1}}


def test_timers_give_each_thing_once_at_its_earliest_time() -> None:
    timers: Timers[str] = Timers()
    timers.set("b", 5.0)
    timers.set("a", 9.0)
    timers.set("a", 3.0)
    timers.set("a", 8.0)
    timers.set("c", 1.0)
    timers.drop("c")
    assert timers.next() == 3.0
    assert list(timers.due(2.0)) == []
    assert list(timers.due(10.0)) == ["a", "b"]
    assert timers.next() is None
