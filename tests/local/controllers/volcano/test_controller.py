from __future__ import annotations

from typing import Any

import pytest

from tests.local.controllers.cluster import Cluster
from tests.local.controllers.volcano.volcano_cluster import NAME, Volcano, task, volcano_job


def policy(event: str, action: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "action": action, **fields}


def test_pods_are_named_by_task_and_number_and_say_what_they_belong_to(cluster: Cluster) -> None:
    job = Volcano(cluster, task("master", 1), task("worker", 2))
    assert set(job.pods) == {"master-0", "worker-0", "worker-1"}
    metadata = job.pod("worker-1")["metadata"]
    assert metadata["labels"] == {
        "volcano.sh/job-name": NAME,
        "volcano.sh/job-namespace": "default",
        "volcano.sh/queue-name": "default",
        "volcano.sh/task-spec": "worker",
        "volcano.sh/task-index": "1",
    }
    assert job.pod("worker-1")["spec"]["schedulerName"] == "volcano"


def test_a_job_is_pending_then_running_then_completed(cluster: Cluster) -> None:
    job = Volcano(cluster)
    assert job.phase == "Pending"
    assert job.status["pending"] == 2
    job.run("worker-0")
    assert job.phase == "Pending"
    job.run("worker-1")
    assert job.phase == "Running"
    assert job.status["taskStatusCount"] == {"worker": {"phase": {"Running": 2}}}
    job.end("worker-0")
    job.end("worker-1")
    assert job.phases == ["Pending", "Running", "Completed"]
    assert job.status["succeeded"] == 2
    assert [each["metadata"]["name"] for each in cluster.take_finished()] == [NAME]


def test_without_a_policy_a_job_fails_when_all_pods_have_ended_and_too_few_succeeded(
    cluster: Cluster,
) -> None:
    job = Volcano(cluster)
    job.run()
    job.end("worker-0", 1)
    assert job.phase == "Running"
    job.end("worker-1")
    assert job.phase == "Failed"
    assert "1 of 2 pods" in job.status["state"]["message"]


def test_as_many_successes_as_min_available_asks_for_are_enough(cluster: Cluster) -> None:
    job = Volcano(cluster, task(minAvailable=1), minAvailable=1)
    job.run()
    job.end("worker-0", 1)
    job.end("worker-1")
    assert job.phase == "Completed"


def test_a_task_that_lacks_successes_fails_the_job(cluster: Cluster) -> None:
    job = Volcano(cluster, task("a", 2, minAvailable=1), task("b", 1))
    job.run()
    for name, code in (("a-0", 0), ("a-1", 0), ("b-0", 1)):
        job.end(name, code)
    assert job.phase == "Failed"
    assert "task b" in job.status["state"]["message"]


def test_with_min_success_the_job_is_complete_at_once_and_the_rest_is_killed(cluster: Cluster) -> None:
    job = Volcano(cluster, task(replicas=3), minSuccess=1)
    job.run()
    job.end("worker-1")
    assert job.phase == "Completed"
    job.stop()
    assert job.pods == {"worker-1": "Succeeded"}


@pytest.mark.parametrize(
    ("action", "phases"),
    [
        ("AbortJob", ["Aborting", "Aborted"]),
        ("TerminateJob", ["Terminating", "Terminated"]),
        ("CompleteJob", ["Completing", "Completed"]),
    ],
)
def test_an_action_that_ends_the_job_waits_for_its_pods_and_keeps_those_that_ended(
    cluster: Cluster, action: str, phases: list[str]
) -> None:
    job = Volcano(cluster, policies=[policy("PodFailed", action)])
    job.run()
    job.end("worker-0", 1)
    assert job.phase == phases[0]
    assert job.status["terminating"] == 1
    job.stop()
    assert job.phases[-2:] == phases
    assert job.pods == {"worker-0": "Failed"}
    assert job.status["state"]["reason"] == "PodFailed"
    assert cluster.group()["succeeded" if action == "CompleteJob" else "failed"] == 1


def test_restart_job_makes_all_pods_anew_under_the_same_names(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodFailed", "RestartJob")])
    before = {name: job.pod(name)["metadata"]["uid"] for name in job.pods}
    job.run()
    job.end("worker-0", 1)
    assert job.phase == "Restarting"
    job.stop()
    assert job.phase == "Pending"
    assert job.status["retryCount"] == job.status["version"] == 1
    after = {name: job.pod(name)["metadata"]["uid"] for name in job.pods}
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())


def test_a_job_that_was_restarted_max_retry_times_has_failed_and_keeps_its_last_pods(
    cluster: Cluster,
) -> None:
    job = Volcano(cluster, task(replicas=1), policies=[policy("PodFailed", "RestartJob")], maxRetry=2)
    for _ in range(2):
        job.run()
        job.end("worker-0", 3)
        job.stop()
    assert job.phase == "Failed"
    assert job.status["retryCount"] == 2
    assert job.pods == {"worker-0": "Failed"}


@pytest.mark.parametrize(("action", "kept"), [("RestartTask", {"a-0"}), ("RestartPod", {"a-0", "b-1"})])
def test_a_part_of_a_job_can_be_restarted(cluster: Cluster, action: str, kept: set[str]) -> None:
    job = Volcano(cluster, task("a", 1), task("b", 2, policies=[policy("PodFailed", action)]))
    before = {name: job.pod(name)["metadata"]["uid"] for name in job.pods}
    job.run()
    job.end("b-0", 1)
    job.stop()
    job.run()
    assert job.phases == ["Pending", "Running", "Restarting", "Pending", "Running"]
    after = {name: job.pod(name)["metadata"]["uid"] for name in job.pods}
    assert {name for name in after if after[name] == before[name]} == kept


def test_pods_that_fail_together_are_one_retry(cluster: Cluster) -> None:
    job = Volcano(cluster, task(replicas=4, policies=[policy("PodFailed", "RestartPod")]))
    job.run()
    for name in list(cluster.running)[:3]:
        pod = cluster.running.pop(name)
        status = {"phase": "Failed", "containerStatuses": []}
        cluster.control.pod_changed(pod["metadata"]["uid"], status, (), cluster.now, gone=False)
    cluster.sync(1)
    assert job.status["retryCount"] == 1
    assert set(job.pods.values()) == {"Pending", "Running"}


def test_the_policies_of_a_task_go_before_those_of_the_job(cluster: Cluster) -> None:
    first = task("a", 1, policies=[policy("PodFailed", "AbortJob")])
    job = Volcano(cluster, first, task("b", 1), policies=[policy("*", "TerminateJob")])
    job.run()
    job.end("a-0", 1)
    assert job.phase == "Aborting"


def test_any_event_is_every_event(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("*", "TerminateJob")])
    job.run()
    job.end("worker-0", 1)
    assert job.phase == "Terminating"


def test_an_exit_code_of_its_own_has_a_policy_of_its_own(cluster: Cluster) -> None:
    policies = [{"exitCode": 3, "action": "AbortJob"}, {"exitCode": 4, "action": "TerminateJob"}]
    job = Volcano(cluster, policies=policies)
    job.run()
    job.end("worker-0", 4)
    assert job.phase == "Terminating"
    assert "exit code 4" in job.status["state"]["message"]


def test_one_task_completed_can_complete_the_job(cluster: Cluster) -> None:
    master = task("master", 1, policies=[policy("TaskCompleted", "CompleteJob")])
    job = Volcano(cluster, master, task("worker", 2))
    job.run()
    job.end("worker-0")
    assert job.phase == "Running"
    job.end("master-0")
    assert job.phase == "Completing"
    job.stop()
    assert job.phase == "Completed"


def test_an_evicted_pod_is_an_event_and_is_made_anew_without_a_policy(cluster: Cluster) -> None:
    job = Volcano(cluster)
    job.run()
    uid = job.pod("worker-0")["metadata"]["uid"]
    job.evict("worker-0")
    job.stop()
    assert job.phase == "Running"
    assert job.pod("worker-0")["metadata"]["uid"] != uid


def test_an_eviction_can_end_the_job(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodEvicted", "TerminateJob")])
    job.run()
    job.evict("worker-0")
    assert job.phase == "Terminating"


def test_a_timeout_delays_an_action(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodFailed", "AbortJob", timeout="1m")])
    job.run()
    job.end("worker-0", 1)
    cluster.sync(58)
    assert job.phase == "Running"
    cluster.sync(2)
    assert job.phase == "Aborting"


def test_a_pod_that_is_pending_too_long_is_an_event(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodPending", "AbortJob", timeout="30s")])
    job.run("worker-0")
    cluster.sync(28)
    assert job.phase == "Pending"
    cluster.sync(3)
    assert job.phase == "Aborting"


def test_a_pod_that_runs_in_time_is_not_pending_too_long(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodPending", "AbortJob", timeout="30s")])
    job.run()
    cluster.sync(60)
    assert job.phase == "Running"


def test_a_task_whose_containers_restart_too_often_has_failed(cluster: Cluster) -> None:
    job = Volcano(cluster, task(maxRetry=4), policies=[policy("TaskFailed", "TerminateJob")])
    job.run(restarts=1)
    assert job.phase == "Running"
    job.run("worker-0", restarts=3)
    assert job.phase == "Terminating"


@pytest.mark.parametrize(("iteration", "waits"), [("all", True), ("any", False)])
def test_a_task_waits_for_those_it_depends_on(cluster: Cluster, iteration: str, waits: bool) -> None:
    later = task("c", 1, dependsOn={"name": ["a", "b"], "iteration": iteration})
    job = Volcano(cluster, task("a", 1), task("b", 1), later)
    assert set(job.pods) == {"a-0", "b-0"}
    job.run("a-0")
    assert ("c-0" not in job.pods) is waits
    job.run("b-0")
    assert "c-0" in job.pods


def test_pods_of_a_task_that_succeeded_are_enough_for_those_that_depend_on_it(cluster: Cluster) -> None:
    job = Volcano(cluster, task("a", 1), task("b", 1, dependsOn={"name": ["a"]}))
    job.end("a-0")
    assert job.pods == {"a-0": "Succeeded", "b-0": "Pending"}
    job.end("b-0")
    assert job.phase == "Completed"


def test_a_finished_job_goes_when_its_time_is_up(cluster: Cluster) -> None:
    job = Volcano(cluster, task(replicas=1), ttlSecondsAfterFinished=60, plugins={"svc": []})
    job.end("worker-0")
    cluster.sync(50)
    assert cluster.names("Job") == [NAME]
    cluster.sync(11)
    assert not [*cluster.list("Job"), *cluster.list("Pod"), *cluster.list("ConfigMap")]


def test_a_job_without_replicas_is_complete(cluster: Cluster) -> None:
    assert Volcano(cluster, task(replicas=0)).phase == "Completed"


def test_nothing_starts_until_as_many_pods_fit_as_must_run_together(cluster: Cluster) -> None:
    other = Volcano(cluster, task("big", 1, cpu="3"))
    cluster.add(volcano_job(task("part", 3, cpu="1"), name="gang", minAvailable=2))
    assert other.started == {"big-0"}
    waiting = cluster.get("Pod", "default", "gang-part-0")["status"]["conditions"][0]["message"]
    assert waiting.startswith("pod group is not ready, 3 Pending, 2 minAvailable")
    other.end("big-0")
    assert sorted(cluster.running) == ["gang-part-0", "gang-part-1", "gang-part-2"]


def test_pods_beyond_the_least_number_wait_each_for_itself(cluster: Cluster) -> None:
    job = Volcano(cluster, task(replicas=5, cpu="1"), minAvailable=3)
    assert len(job.started) == 4
    job.end(min(job.started))
    assert len(job.started) == 4


def test_a_gang_that_can_never_fit_does_not_hold_up_others(cluster: Cluster) -> None:
    job = Volcano(cluster, task(replicas=12))
    assert not job.started
    message = job.pod("worker-0")["status"]["conditions"][0]["message"]
    assert "there is never room for more than 10 of them here" in message
    cluster.add(volcano_job(task("small", 1), name="other"))
    assert list(cluster.running) == ["other-small-0"]


def test_the_svc_plugin_names_hosts_and_tells_them_to_every_pod(cluster: Cluster) -> None:
    job = Volcano(cluster, task("master", 1), task("a-b", 2), plugins={"svc": [], "env": []})
    config = cluster.get("ConfigMap", "default", f"{NAME}-svc")["data"]
    assert config["a_b.host"] == f"{NAME}-a-b-0.{NAME}\n{NAME}-a-b-1.{NAME}"
    assert (config["VC_A_B_NUM"], config["VC_MASTER_HOSTS"]) == ("2", f"{NAME}-master-0.{NAME}")
    service = cluster.get("Service", "default", NAME)
    assert service["spec"]["clusterIP"] == "None"
    spec = job.pod("a-b-1")["spec"]
    assert (spec["hostname"], spec["subdomain"]) == (f"{NAME}-a-b-1", NAME)
    (container,) = spec["containers"]
    assert {"name": "VC_TASK_INDEX", "value": "1"} in container["env"]
    assert {"name": f"{NAME}-svc", "mountPath": "/etc/volcano"} in container["volumeMounts"]


def test_the_pytorch_plugin_ranks_masters_before_workers(cluster: Cluster) -> None:
    job = Volcano(cluster, task("master", 1), task("worker", 2), plugins={"pytorch": ["--port=29500"]})
    env = {each["name"]: each.get("value") for each in job.pod("worker-1")["spec"]["containers"][0]["env"]}
    assert (env["RANK"], env["WORLD_SIZE"], env["MASTER_PORT"]) == ("2", "3", "29500")
    assert env["MASTER_ADDR"] == f"{NAME}-master-0.{NAME}"


def test_deleting_a_job_takes_all_of_it_away(cluster: Cluster) -> None:
    job = Volcano(cluster, plugins={"svc": []})
    job.run()
    cluster.delete("Job", "default", NAME)
    job.stop()
    kinds = ("Job", "Pod", "Service", "ConfigMap")
    assert not [obj for kind in kinds for obj in cluster.list(kind)]


def test_a_job_is_taken_up_where_an_earlier_life_of_the_program_left_it(cluster: Cluster) -> None:
    job = Volcano(cluster, policies=[policy("PodFailed", "RestartJob")])
    job.run()
    again = Cluster(cluster.control.store._database)
    for pod in again.control.restore():
        again.control.scheduler.take(pod["metadata"]["uid"], pod["spec"])
        again.running[pod["metadata"]["name"]] = pod
    taken = Volcano.__new__(Volcano)
    taken.cluster = again
    taken.end("worker-0", 1)
    assert taken.phase == "Restarting"
    taken.stop()
    assert (taken.phase, taken.status["retryCount"]) == ("Pending", 1)


def test_an_abort_by_a_command_holds_the_job_and_a_resume_counts_as_a_retry(cluster: Cluster) -> None:
    job = Volcano(cluster, ttlSecondsAfterFinished=10)
    job.run()
    obj = cluster.get("Job", "default", NAME)
    assert cluster.control.suspend(obj, True, cluster.now)
    cluster.sync(0)
    job.stop()
    assert job.phase == "Aborted"
    assert cluster.group()["suspended"] == 1
    assert list(cluster.take_finished()) == []
    cluster.sync(60)
    held = cluster.get("Job", "default", NAME)
    assert not cluster.control.suspend(held, True, cluster.now)
    assert cluster.control.suspend(held, False, cluster.now)
    cluster.sync(0)
    assert job.phases[-4:] == ["Aborting", "Aborted", "Restarting", "Pending"]
    assert job.status["retryCount"] == 1


def test_a_job_that_is_being_aborted_is_resumed_when_its_pods_have_ended(cluster: Cluster) -> None:
    job = Volcano(cluster)
    job.run()
    obj = cluster.get("Job", "default", NAME)
    assert cluster.control.suspend(obj, True, cluster.now)
    assert cluster.control.suspend(obj, False, cluster.now)
    cluster.sync(0)
    assert job.phase == "Restarting"
    job.stop()
    assert job.phases == ["Pending", "Running", "Aborting", "Restarting", "Pending"]
    assert set(job.pods.values()) == {"Pending"}
