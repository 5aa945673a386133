"""Nothing waits without a word: why pods wait, told once with what helps, and not counted as running."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from expander.local.executor import Executor
from expander.local.waiting import (
    MAX_TOLD_PER_REASON,
    WAITING_SECONDS,
    Waiting,
    WaitingPods,
    WaitingReporter,
    WaitReason,
    failure_reason,
    hint_for,
)


def job(name: str = "j", command: str | None = "true", policy: str = "Never", **pod: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": "busybox", **pod.pop("container", {})}
    if command is not None:
        container["command"] = ["sh", "-c", command]
    else:
        container["image"] = "nobody-knows-it"
    spec = {"restartPolicy": policy, "containers": [container], **pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}},
    }


def mounting(**source: Any) -> dict[str, Any]:
    mount = {"name": "data", "mountPath": "/data"}
    return {"volumes": [{"name": "data", **source}], "container": {"volumeMounts": [mount]}}


def requesting(**amounts: str) -> dict[str, Any]:
    return {"container": {"resources": {"requests": amounts}}}


CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "claim": (
        job(**mounting(**CLAIM)),
        "FailedMount",
        'persistentvolumeclaim "data" not found',
        "claims={'data': 'DIR'}",
    ),
    "configmap": (
        job(**mounting(configMap={"name": "script"})),
        "FailedMount",
        'configmap "script" not found',
        "give the configmap script together with the Jobs",
    ),
    "host": (
        job(**mounting(hostPath={"path": "/proc/version", "type": "Directory"})),
        "FailedMount",
        "hostPath type check failed: /proc/version is not a directory",
        "",
    ),
    "csi": (
        job(**mounting(csi={"driver": "d"})),
        "FailedMount",
        "a volume of csi cannot",
        "claims={'NAME': 'DIR'}",
    ),
    "secret": (
        job(container={"envFrom": [{"secretRef": {"name": "key"}}]}),
        "CreateContainerConfigError",
        'main: secret "key" not found',
        "give the secret key together with the Jobs",
    ),
    "cpu": (job(**requesting(cpu="3")), "Unschedulable", "it requests 3 CPUs, and there are 2", "cpus=3 "),
    "memory": (
        job(**requesting(memory="3Gi")),
        "Unschedulable",
        "it requests 3Gi of memory, and there are 1Gi",
        f"memory={3 << 30} ",
    ),
    "gates": (
        job(schedulingGates=[{"name": "a/b"}]),
        "SchedulingGated",
        "nobody here removes its gates: a/b",
        "",
    ),
    "crash": (
        job(command="echo one; echo the reason; echo; exit 3", policy="OnFailure"),
        "CrashLoopBackOff",
        "main: exit code 3: the reason",
        "backoff_base=1",
    ),
    "retry": (job(command="echo bad >&2; exit 4"), "BackOff", "main: exit code 4: bad", "backoff_base=1"),
    "command": (
        job(command=None),
        "BackOff",
        "no command specified; give it one, or use image_commands={'nobody-knows-it': 'CMD'}",
        "backoff_base=1",
    ),
    "image": (
        job(container={"image": "nonexistent/x:1"}),
        "ImagePullBackOff",
        'main: Back-off pulling image "nonexistent/x:1"',
        "images={'nonexistent/x:1': 'docker-archive:FILE or DIR'}",
    ),
}


def first_waiting(executor: Executor) -> list[Waiting]:
    while not (found := executor.waiting()):
        executor.step(0.05)
    return list(found)


def test_it_is_told_once_what_each_pod_waits_for_and_what_helps(tmp_path: Path) -> None:
    told: dict[str, Waiting] = {}
    with Executor(tmp_path, runtime="process", jobs=20, cpus=2, memory=2**30) as executor:
        executor.submit({**obj, "metadata": {"name": name}} for name, (obj, *_) in CASES.items())
        for _ in range(2400):
            if len(told) == len(CASES):
                break
            executor.step(0.05)
            told |= {found.obj["metadata"]["name"]: found for found in executor.waiting()}
        counts = executor.group()
        assert (counts["pending"], counts["running"]) == (len(CASES), 0)
        assert list(executor.waiting()) == []
    for name, (_, reason, message, hint) in CASES.items():
        found = told[name]
        assert (found.reason, found.pods) == (reason, 1)
        assert message in found.message
        assert hint in found.hint
        assert "\n" not in found.message


def test_what_many_pods_wait_for_is_told_once_with_their_number(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process", cpus=2) as executor:
        executor.submit(job(f"j{number}", **requesting(cpu="3")) for number in range(20))
        (found,) = first_waiting(executor)
        assert found.pods == 20
        assert found.line("j0").splitlines() == [
            "waiting: j0 and 19 more: Unschedulable: it requests 3 CPUs, and there are 2",
            "  hint: cpus=3 runs it anyway",
        ]
        assert executor.group()["pending"] == 20


def test_what_was_missing_is_found_at_once_when_it_comes_and_nothing_is_told(tmp_path: Path) -> None:
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script"}, "data": {"a": "b"}}
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit([job(**mounting(configMap={"name": "script"}))])
        while not list(executor.events()):
            executor.step(0.05)
        executor.submit([script])
        while not executor.group()["succeeded"]:
            assert executor.waiting() == []
            executor.step(0.05)


def test_names_that_cannot_resolve_are_told_once_and_such_pods_run(tmp_path: Path) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "there"},
        "spec": {"ports": [{"port": 1}]},
    }
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit(job(name, "sleep 600", subdomain=name) for name in ("there", "peers"))
        executor.step(0.05)
        executor.submit([service])
        (found,) = first_waiting(executor)
        assert (found.obj["metadata"]["name"], found.reason) == ("peers", "UnresolvedNames")
        assert found.message == "there is no Service peers: names of pods with that subdomain do not resolve"
        assert executor.waiting() == []
        assert executor.group()["running"] == 2


def test_a_pod_that_waits_for_its_turn_does_not_run_and_is_not_told(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process", cpus=1) as executor:
        executor.submit(job(f"j{number}", "sleep 600", **requesting(cpu="1")) for number in range(3))
        while executor.group()["pending"] != 2 or executor.group()["running"] != 1:
            executor.step(0.05)
        assert executor.waiting() == []


@pytest.mark.parametrize("limit", [{"cpus": 1}, {"jobs": 1}])
def test_pods_that_wait_for_what_is_missing_do_not_hold_up_others(
    tmp_path: Path, limit: dict[str, int]
) -> None:
    with Executor(tmp_path, runtime="process", **limit) as executor:  # type: ignore[arg-type]
        waits = [job("mount", **mounting(**CLAIM)), job("crash", "exit 3", "OnFailure")]
        executor.submit([*waits, *(job(f"j{number}", "sleep 0.01") for number in range(3))])
        while executor.group()["succeeded"] < 3:
            executor.step(0.05)
        assert executor.group()["pending"] == 2


def test_pods_of_jobs_that_request_no_cpu_run_one_to_a_core(tmp_path: Path) -> None:
    most = 0
    with Executor(tmp_path, runtime="process", cpus=2) as executor:
        assert executor.note == "2 cores, one pod per core or as CPU requests allow, runtime process"
        executor.submit(job(f"j{number}", "sleep 0.02") for number in range(9))
        while executor.group()["succeeded"] < 9:
            executor.step(0.05)
            most = max(most, executor.running)
    assert most == 2


def test_a_container_that_waits_for_its_restart_when_all_is_stopped_did_not_fail(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit([job(command="exit 3", policy="OnFailure")])
        first_waiting(executor)
        executor.stop()
        while executor.running:
            executor.step(0.05)
        counts = executor.group()
        assert (counts["pending"], counts["running"], counts["failed"]) == (1, 0, 0)


def test_a_claim_of_the_batch_is_a_folder_that_its_pods_share(tmp_path: Path) -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {}}
    script = 'd=$EXPANDER_MOUNT_DATA; test -n "$d" && ls $d && echo x > $d/$HOSTNAME'
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("a", script, **mounting(**CLAIM)), job("b", script, **mounting(**CLAIM)), claim])
        assert executor.run(lambda it: it.group()["succeeded"] == 2)
    folder = tmp_path / "state" / "claims" / "default" / "data"
    assert len(list(folder.iterdir())) == 2


def test_a_program_that_this_machine_does_not_have_comes_with_the_ways_to_have_it() -> None:
    hint = hint_for('unable to start container process: exec: "bwa": executable file not found in $PATH')
    assert hint.startswith("containers run the programs of this machine: install bwa")
    assert "images={'NAME': 'docker-archive:FILE or DIR'}" in hint


def test_a_program_that_a_sandbox_does_not_see_is_found_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "mine").write_text("#!/bin/sh\n")
        (Path(folder) / "mine").chmod(0o755)
        monkeypatch.setenv("PATH", folder)
        hint = hint_for('unable to start container process: exec: "mine": executable file not found in $PATH')
    assert hint == f"a sandbox has a /tmp of its own, without {folder}/mine: runtime='process' finds it"


def test_pods_that_began_to_wait_together_are_told_together() -> None:
    waiting = WaitingPods()
    why = WaitReason("FailedMount", "x")
    waiting.hold("a", None, why, 10.0)
    waiting.hold("b", None, why, 10.5)
    waiting.hold("c", None, why, 11.5)
    assert waiting.take_due(10.0 + WAITING_SECONDS - 0.1) == []
    assert [uid for uid, *_ in waiting.take_due(10.0 + WAITING_SECONDS)] == ["a", "b"]
    waiting.release("c")
    assert waiting.take_due(20.0) == []


def test_too_many_messages_of_one_reason_are_counted_together() -> None:
    reporter = WaitingReporter()
    found = [({"n": number}, WaitReason("FailedMount", f"claim {number}")) for number in range(100)]
    told = reporter.report(found)
    assert [each.pods for each in told] == [1] * MAX_TOLD_PER_REASON + [100 - MAX_TOLD_PER_REASON]
    assert (told[-1].obj, told[-1].message) == ({"n": 5}, "claim 5 (and others that are not shown)")
    assert reporter.report([*found, ({}, WaitReason("FailedMount", "claim 100"))]) == []
    assert len(reporter.report([({}, WaitReason("BackOff", "exit code 1"))])) == 1


@pytest.mark.parametrize(
    ("others", "stalled"),
    [
        ([], True),
        ([job("big", **requesting(memory="9000Gi"))], True),
        ([job("busy", "sleep 60")], False),
        ([job("crash", "exit 3", "OnFailure")], False),
    ],
)
def test_it_is_known_when_nothing_runs_and_all_wait_for_what_is_missing(
    tmp_path: Path, others: list[dict[str, Any]], stalled: bool
) -> None:
    missing = {"mount", *(each["metadata"]["name"] for each in others)} - {"busy"}
    told: set[str] = set()
    with Executor(tmp_path, runtime="process", jobs=3) as executor:
        executor.submit([job("mount", **mounting(**CLAIM)), *others])
        assert not executor.stalled
        while told != missing:
            executor.step(0.05)
            told |= {waiting.obj["metadata"]["name"] for waiting in executor.waiting()}
        assert executor.stalled is stalled
        assert executor.all_wait is ("busy" not in {each["metadata"]["name"] for each in others})


def test_waits_that_are_short_already_have_no_hint_to_shorten_them() -> None:
    hints = [
        failure_reason("BackOff", [], last_line=lambda *_: "", backoff_base=base).hint
        for base in (10.0, 1.0, 0.05)
    ]
    assert hints == ["backoff_base=1 shortens the waits between attempts", "", ""]
