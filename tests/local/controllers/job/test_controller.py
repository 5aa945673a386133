"""Jobs go their way through store, decisions and scheduler."""

from collections.abc import Callable

import pytest

from expander.base.errors import OutputError
from expander.local.store.encoding import PackedConnection
from tests.local.controllers.cluster import Cluster, conditions, job

Boot = Callable[..., Cluster]


def test_a_job_makes_a_pod_and_completes_with_it(cluster: Cluster) -> None:
    cluster.add(job())
    assert cluster.names("Pod") == ["job"]
    assert cluster.get("Job", "default", "job")["status"]["active"] == 1
    (name,) = cluster.running
    cluster.end("job")
    found = cluster.get("Job", "default", "job")
    assert conditions(found) == ["SuccessCriteriaMet", "Complete"]
    assert found["status"]["succeeded"] == 1
    assert cluster.told("job") == [
        ("SuccessfulCreate", f"Created pod: {name}"),
        ("Completed", "Job completed"),
    ]


def test_a_pod_is_bound_owned_and_named_after_its_job_and_index(cluster: Cluster) -> None:
    cluster.add(job(completions=2, parallelism=2, completionMode="Indexed"))
    assert cluster.names("Pod") == ["job-0", "job-1"]
    pod = next(iter(cluster.running.values()))
    owner = cluster.get("Job", "default", "job")
    assert pod["spec"]["nodeName"] == "here"
    assert pod["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    assert len(pod["metadata"]["name"]) == len("job-0-") + 5


def test_a_counted_pod_loses_its_finalizer_and_stays(cluster: Cluster) -> None:
    cluster.add(job(backoffLimit=0))
    cluster.end("job", 3)
    (pod,) = cluster.list("Pod")
    assert "finalizers" not in pod["metadata"]
    assert conditions(cluster.get("Job", "default", "job")) == ["FailureTarget", "Failed"]


def test_a_failed_pod_is_replaced_when_the_back_off_is_over(cluster: Cluster) -> None:
    cluster.add(job())
    cluster.end("job", 1)
    cluster.sync(8)
    assert cluster.running == {}
    cluster.sync(2)
    assert len(cluster.running) == 1
    cluster.end("job")
    status = cluster.get("Job", "default", "job")["status"]
    assert (status["succeeded"], status["failed"]) == (1, 1)


def test_jobs_begin_in_their_order_as_there_is_room(boot: Boot) -> None:
    cluster = boot(pods=2)
    cluster.add(*(job(f"job-{number}") for number in range(4)))
    assert cluster.names("Pod") == ["job-0", "job-1"]
    assert len(cluster.control.work_queue.waiting) == 2
    cluster.end("job-1")
    assert sorted(cluster.running)[1][:5] == "job-2"
    assert cluster.group() == {"pending": 1, "running": 2, "suspended": 0, "succeeded": 1, "failed": 0}


def test_nothing_begins_and_nothing_is_placed_while_the_cluster_is_paused(boot: Boot) -> None:
    cluster = boot(pods=1)
    cluster.add(job("first", completions=2, parallelism=2), job("second"))
    assert len(cluster.running) == 1
    cluster.control.work_queue.paused = True
    cluster.end("first")
    assert cluster.running == {}
    assert len(cluster.control.work_queue.waiting) == 1


def test_a_job_of_very_many_pods_is_made_in_steps_between_which_others_are_served(cluster: Cluster) -> None:
    cluster.submit([job("many", parallelism=2000, completions=2000, completionMode="Indexed")])
    for made in (500, 1000):
        cluster.control.sync(cluster.now)
        assert sum(name.startswith("many") for name in cluster.names("Pod")) == made
        assert cluster.control.deadline() == cluster.now
    cluster.sync()
    assert cluster.get("Job", "default", "many")["status"]["active"] == 2000


def test_a_pod_whose_grace_period_no_date_holds_can_be_deleted(cluster: Cluster) -> None:
    long = job()
    long["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 2**63 - 1
    cluster.add(long)
    (pod,) = cluster.list("Pod")
    cluster.delete("Pod", "default", pod["metadata"]["name"])
    cluster.sync()
    assert list(cluster.stopping.values()) == [10**9]


def test_a_pod_that_cannot_be_placed_says_why(cluster: Cluster) -> None:
    cluster.add(job("large", cpu="64"), job("small"))
    assert cluster.names("Pod") == ["large", "small"]
    assert len(cluster.running) == 1
    pod = next(cluster.list("Pod", selector="of=large"))
    (condition,) = pod["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "PodScheduled",
        "False",
        "Unschedulable",
    )
    assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient cpu.")
    assert cluster.told(pod["metadata"]["name"]) == [("FailedScheduling", condition["message"])]


def test_a_finished_job_goes_with_its_pods_when_its_time_is_over(cluster: Cluster) -> None:
    cluster.add(job(ttlSecondsAfterFinished=60))
    cluster.end("job")
    cluster.sync(50)
    assert cluster.names("Job") == ["job"]
    cluster.sync(10)
    assert cluster.names("Job") == cluster.names("Pod") == []


def test_the_time_of_a_finished_job_runs_on_through_a_restart(boot: Boot) -> None:
    first = boot()
    first.add(job(ttlSecondsAfterFinished=60))
    first.end("job")
    second = boot()
    second.now = first.now
    second.control.restore()
    second.sync(70)
    assert second.names("Job") == []


def test_a_suspended_job_has_no_pods_until_it_is_resumed(cluster: Cluster) -> None:
    cluster.add(job(suspend=True))
    assert cluster.names("Pod") == []
    assert conditions(cluster.get("Job", "default", "job")) == ["Suspended"]
    assert cluster.group()["suspended"] == 1
    cluster.patch("Job", "default", "job", {"spec": {"suspend": False}})
    cluster.sync()
    assert cluster.names("Pod") == ["job"]
    assert cluster.group()["running"] == 1


def test_a_job_that_somebody_else_manages_is_left_alone(cluster: Cluster) -> None:
    cluster.add(job(managedBy="example.com/other"))
    assert cluster.names("Pod") == []
    assert cluster.told("job") == []


def test_a_job_takes_over_pods_that_its_own_selector_means(cluster: Cluster) -> None:
    cluster.add(job("old"))
    (name,) = cluster.running
    cluster.delete("Job", "default", "old", propagation="Orphan")
    new = job("new", manualSelector=True, selector={"matchLabels": {"of": "old"}})
    new["spec"]["template"]["metadata"]["labels"] = {"of": "old"}
    cluster.add(new)
    assert cluster.names("Pod") == ["old"]
    pod = cluster.get("Pod", "default", name)
    assert pod["metadata"]["ownerReferences"][0]["name"] == "new"
    assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    cluster.end("old")
    assert conditions(cluster.get("Job", "default", "new")) == ["SuccessCriteriaMet", "Complete"]


def test_news_of_a_running_pod_reach_the_status_a_second_later(cluster: Cluster) -> None:
    cluster.add(job())
    (pod,) = cluster.running.values()
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    cluster.control.pod_changed(pod["metadata"]["uid"], status, (), cluster.now, gone=False)
    cluster.sync()
    assert cluster.get("Job", "default", "job")["status"]["ready"] == 0
    cluster.sync(1)
    assert cluster.get("Job", "default", "job")["status"]["ready"] == 1


def test_events_of_the_kubelet_are_kept_with_the_pod(cluster: Cluster) -> None:
    cluster.add(job())
    (pod,) = cluster.running.values()
    events = [("Warning", "Failed", "no such image")]
    cluster.control.pod_changed(pod["metadata"]["uid"], {"phase": "Pending"}, events, cluster.now, gone=False)
    assert cluster.told(pod["metadata"]["name"]) == [("Failed", "no such image")]


def test_a_cluster_goes_on_after_a_kill_where_it_was(boot: Boot) -> None:
    first = boot(pods=2)
    first.add(*(job(f"job-{number}", backoffLimit=5) for number in range(4)))
    first.end("job-0", 1)
    first.sync(1)  # what has begun is written by then; until then the supervisor's journal knows it
    second = boot(pods=2)
    second.now = first.now
    pods = second.control.restore()
    assert [pod["metadata"]["name"][:5] for pod in pods] == ["job-1", "job-2"]
    for pod in pods:
        second.scheduler.take(pod["metadata"]["uid"], pod["spec"])
        second.running[pod["metadata"]["name"]] = pod
    second.end("job-1")
    second.end("job-2")
    second.sync(10)
    assert sorted(name[:5] for name in second.running) == ["job-0", "job-3"]
    status = second.get("Job", "default", "job-0")["status"]
    assert (status["failed"], status["active"]) == (1, 1)


def test_the_steps_of_a_status_are_all_told_to_those_who_watch(boot: Boot) -> None:
    cluster = boot(history=100)
    cluster.add(job())
    cluster.end("job")
    changes = [change.object for change in cluster.since(0) or () if change.object["kind"] == "Job"]
    uncounted = [each["status"].get("uncountedTerminatedPods") for each in changes]
    assert any(uncounted)
    assert uncounted[-1] == {}


@pytest.mark.parametrize("selector", ["", "jobgroup=g", "jobgroup in (g,h)"])
def test_groups_are_counted_by_state(cluster: Cluster, selector: str) -> None:
    cluster.add(job("a"), job("b", backoffLimit=0), job("c", suspend=True))
    assert cluster.group(selector) == {
        "pending": 0,
        "running": 2,
        "suspended": 1,
        "succeeded": 0,
        "failed": 0,
    }
    cluster.end("a")
    cluster.end("b", 1)
    cluster.delete("Job", "default", "c")
    assert cluster.group(selector) == {
        "pending": 0,
        "running": 0,
        "suspended": 0,
        "succeeded": 1,
        "failed": 1,
    }
    assert sum(cluster.group("jobgroup=other").values()) == 0


def test_jobs_that_have_ended_are_told_once_in_their_order(cluster: Cluster) -> None:
    cluster.add(job("a"), job("b"))
    cluster.end("b")
    cluster.end("a")
    assert [each["metadata"]["name"] for each in cluster.take_finished()] == ["b", "a"]
    assert list(cluster.take_finished()) == []


def test_a_state_that_cannot_be_written_is_an_error_that_says_so(
    connect: Callable[[], PackedConnection],
) -> None:
    database = connect()
    cluster = Cluster(database)
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OutputError, match="the state cannot be kept: database or disk is full") as caught:
        cluster.submit(job(f"job-{number}") for number in range(100))
    assert caught.value.hint == "free some space; a run goes on with the same command"
    database.execute("PRAGMA max_page_count=1000000")
    cluster.control.commit()
    names = {name for (name,) in database.execute("SELECT name FROM objects WHERE kind='Job'")}
    assert names == {f"job-{number}" for number in range(100)}, "nothing was lost"
