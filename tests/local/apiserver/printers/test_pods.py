"""The row of a pod in every state a pod can be in."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.scheme import BY_KIND
from expander.local.apiserver.printers.table import table

CREATED = "2026-11-21T01:46:43Z"
NOW = 1795225603.0 + 300  # five minutes after CREATED
OK: dict[str, Any] = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
UP: dict[str, Any] = {"state": {"running": {}}, "ready": True, "started": True}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


def ended(code: int, reason: str = "", signal: int = 0) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}}


def pod(
    containers: list[dict[str, Any]],
    *,
    init: list[dict[str, Any]] | None = None,
    sidecars: int = 0,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """A pod whose containers have these statuses; the first ``sidecars`` init containers keep running."""
    inits = [{"name": f"i{number}", "restartCount": 0, **each} for number, each in enumerate(init or [])]
    mains = [{"name": f"c{number}", "restartCount": 0, **each} for number, each in enumerate(containers)]
    always = [{"restartPolicy": "Always"} if number < sidecars else {} for number in range(len(inits))]
    return {
        "metadata": {"name": "p", "namespace": "default", "creationTimestamp": CREATED},
        "spec": {
            "containers": [{"name": each["name"]} for each in mains],
            "initContainers": [
                {"name": each["name"], **more} for each, more in zip(inits, always, strict=True)
            ],
            **(spec or {}),
        },
        "status": {"phase": "Running", "containerStatuses": mains, "initContainerStatuses": inits, **status},
    }


def cells(obj: dict[str, Any]) -> list[Any]:
    found: list[Any] = table(BY_KIND["Pod"], [obj], NOW, metadata={})["rows"][0]["cells"]
    return found


READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("obj", "ready", "status"),
    [
        (pod([UP]), "1/1", "Running"),
        (pod([{}], phase="Pending"), "0/1", "Pending"),
        (pod([waiting("ContainerCreating")], phase="Pending"), "0/1", "ContainerCreating"),
        (pod([waiting("CrashLoopBackOff"), UP]), "1/2", "CrashLoopBackOff"),
        (pod([OK], phase="Succeeded"), "0/1", "Completed"),
        (pod([ended(3, "Error")], phase="Failed"), "0/1", "Error"),
        (pod([ended(3)], phase="Failed"), "0/1", "ExitCode:3"),
        (pod([ended(137, signal=9)], phase="Failed"), "0/1", "Signal:9"),
        (pod([ended(1, "Error"), ended(137, "OOMKilled")], phase="Failed"), "0/2", "Error"),
        (pod([OK, UP], conditions=READY), "1/2", "Running"),
        (pod([OK, UP]), "1/2", "NotReady"),
        (pod([], phase="Failed", reason="Evicted"), "0/0", "Evicted"),
        (pod([waiting("PodInitializing")], init=[UP]), "0/1", "Init:0/1"),
        (pod([waiting("PodInitializing")], init=[OK, UP]), "0/1", "Init:1/2"),
        (pod([waiting("PodInitializing")], init=[waiting("PodInitializing")]), "0/1", "Init:0/1"),
        (pod([{}], init=[waiting("ImagePullBackOff")]), "0/1", "Init:ImagePullBackOff"),
        (pod([{}], init=[ended(2, "Error")]), "0/1", "Init:Error"),
        (pod([{}], init=[ended(2)]), "0/1", "Init:ExitCode:2"),
        (pod([{}], init=[ended(2, signal=15)]), "0/1", "Init:Signal:15"),
        (pod([UP], init=[UP], sidecars=1), "2/2", "Running"),
        (pod([UP], init=[{**UP, "ready": False}], sidecars=1), "1/2", "Running"),
        (pod([waiting("PodInitializing")], init=[UP, UP], sidecars=1), "1/2", "Init:1/2"),
        (
            pod([UP], init=[UP], conditions=[{"type": "Initialized", "status": "True"}]),
            "1/1",
            "Init:0/1",
        ),
        (
            pod([], conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
            "0/0",
            "SchedulingGated",
        ),
    ],
)
def test_the_status_says_what_the_containers_do(obj: dict[str, Any], ready: str, status: str) -> None:
    assert cells(obj)[1:3] == [ready, status]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"phase": "Running"}, "Terminating"),
        ({"phase": "Succeeded"}, "Completed"),
        ({"phase": "Failed", "reason": "NodeLost"}, "Unknown"),
    ],
)
def test_a_pod_that_is_being_deleted_says_so_until_it_has_ended(status: dict[str, Any], shown: str) -> None:
    obj = pod([OK], **status)
    obj["metadata"]["deletionTimestamp"] = CREATED
    assert cells(obj)[2] == shown


def test_restarts_say_when_the_last_was() -> None:
    before = {"restartCount": 2, "lastState": {"terminated": {"finishedAt": "2026-11-21T01:47:43Z"}}}
    later = {"restartCount": 1, "lastState": {"terminated": {"finishedAt": "2026-11-21T01:48:43Z"}}}
    assert cells(pod([{**UP, **before}, {**UP, **later}]))[3:5] == ["3 (3m ago)", "5m"]


def test_restarts_of_init_containers_count_until_the_pod_is_initialized() -> None:
    tried = {"restartCount": 4}
    assert cells(pod([{}], init=[{**waiting("CrashLoopBackOff"), **tried}]))[3] == "4"
    assert cells(pod([UP], init=[{**OK, **tried}]))[3] == "0"
    assert cells(pod([UP], init=[{**UP, **tried}], sidecars=1))[3] == "4"


def test_wide_columns_show_where_the_pod_is() -> None:
    obj = pod([UP], podIPs=[{"ip": "10.1.2.3"}], spec={"nodeName": "n1"})
    assert cells(obj)[5:] == ["10.1.2.3", "n1", "<none>", "<none>"]
    assert cells(pod([{}], phase="Pending"))[5:] == ["<none>"] * 4


def test_readiness_gates_count_the_conditions_that_hold() -> None:
    gates = {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}
    assert cells(pod([UP], spec=gates, conditions=[{"type": "a", "status": "True"}]))[8] == "1/2"


@pytest.mark.parametrize(("phase", "reasons"), [("Running", []), ("Failed", ["Failed"])])
def test_rows_of_pods_that_ended_are_marked(phase: str, reasons: list[str]) -> None:
    (row,) = table(BY_KIND["Pod"], [pod([UP], phase=phase)], NOW, metadata={})["rows"]
    assert [each["reason"] for each in row.get("conditions", [])] == reasons
