"""Jobs run here as the real Job controller ran them: the recorded scenarios, with real processes.

All scenarios run at the same time in one executor, or two: those that mount volumes get the best runtime of
this machine, the others plain processes. Actions are carried out through the executor's API at the
recorded times, and back-off and sleeps take the time they took then. Times, uids and the endings of pod names
vary and are left out.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from expander.local.actions import NotFound
from expander.local.executor import Executor
from expander.local.runtime.choose import best

QUIET = 2.5
"""Seconds without a change of a scenario's objects after which it is over."""
PATIENCE = 300.0
COMBINED = "(combined from similar events): "

ASKED_TOO_EARLY = ("killed-by-signal",)
"""Recordings that were taken before the last event had arrived: the status says that it must exist."""

EXPANDED = {"env-expansion": "sh: 1: ESCAPED: not found\nsh: 1: MISSING: not found\nhello world world\n"}
"""Output under a kubelet, which expands references in the values of variables too; the node that the
recordings were made with did not (makeEnvironmentVariables in pkg/kubelet decides)."""

Object = dict[str, Any]


class Scenario:
    """One recorded scenario on its way through an executor."""

    def __init__(self, path: Path) -> None:
        record = json.loads(path.read_text())
        self.name: str = record["name"]
        self.manifest: Object = record["manifest"]
        self.actions: list[Object] = sorted(record["actions"], key=lambda action: float(action["after"]))
        self.expected: Object = record["expected"]
        self.mounts = "volumes" in self.manifest["spec"]["template"]["spec"]
        self.pods: dict[str, Object] = {}
        self.changed = time.monotonic()

    def act(self, executor: Executor, elapsed: float) -> None:
        """Carry out the actions that are due."""
        while self.actions and self.actions[0]["after"] <= elapsed:
            what, _, value = self.actions.pop(0)["do"].partition(":")
            self.changed = time.monotonic()
            if what == "patch":
                executor.patch("Job", "default", self.name, json.loads(value))
            elif what == "delete-job":
                executor.delete("Job", "default", self.name)
            elif what == "delete-job-orphan":
                executor.delete("Job", "default", self.name, propagation="Orphan")
            else:
                pod = self.left(executor)[0]["metadata"]["name"]
                if what == "evict":
                    executor.evict("default", pod)
                elif what == "delete-pod":
                    executor.delete("Pod", "default", pod)
                else:
                    assert what == "condition"
                    executor.set_condition("default", pod, value)

    def is_over(self, executor: Executor) -> bool:
        """Whether nothing more will come of it."""
        if self.actions or time.monotonic() - self.changed < QUIET:
            return False
        job = executor.find("Job", "default", self.name)
        if job is None:
            return True
        conditions = job["status"].get("conditions") or ()
        return any(each["type"] in ("Complete", "Failed", "Suspended") for each in conditions)

    def left(self, executor: Executor) -> list[Object]:
        return list(executor.list("Pod", "default", f"scenario={self.name}"))

    def outcome(self, executor: Executor) -> Object:
        """What the record tells, of this run."""
        job = executor.find("Job", "default", self.name)
        found: Object = {"exists": job is not None}
        if job is not None:
            status = {key: value for key, value in job["status"].items() if key != "uncountedTerminatedPods"}
            status["hasStartTime"] = status.pop("startTime", None) is not None
            status["hasCompletionTime"] = status.pop("completionTime", None) is not None
            status["conditions"] = [
                {key: self.plain(each[key]) for key in ("type", "status", "reason", "message")}
                for each in status.get("conditions") or ()
            ]
            found["status"] = status
        left = self.left(executor)
        found["podsCreated"] = len(self.pods)
        found["podsLeft"] = sorted([index_of(pod), pod["status"]["phase"]] for pod in left)
        found["hostnames"] = sorted({pod["spec"].get("hostname", "") for pod in self.pods.values()})
        told = {
            (event["type"], event["reason"], self.plain(event["message"]))
            for event in executor.events("default", self.name)
        }
        found["events"] = sorted(map(list, told))
        found["logs"] = self.logs(executor, left)
        return found

    def logs(self, executor: Executor, left: list[Object]) -> Object:
        """The output of all containers that were started, by index; the same for all pods of an index."""
        found: Object = {}
        for pod in left if self.expected["logs"] else ():
            for part in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
                try:
                    text = executor.logs("default", pod["metadata"]["name"], part["name"]).read_text()
                except NotFound:
                    continue
                assert found.setdefault(index_of(pod), {}).setdefault(part["name"], text) == text
        return found

    def plain(self, text: str) -> str:
        """``text`` with POD in place of the random endings of this Job's pods, and of the index of the last
        of the combined events: which of them is the last is chance."""
        for pod in self.pods.values():
            name = pod["metadata"]["name"]
            text = text.replace(name, f"{name[:-6]}-POD")
        return re.sub(r"-\d+-POD", "-N-POD", text) if text.startswith(COMBINED) else text

    def record(self) -> Object:
        """What is expected, in the same form."""
        events = [[type_, reason, self.plain(text)] for type_, reason, text in self.expected["events"]]
        return {**self.expected, "events": events}


def index_of(pod: Object) -> str:
    annotations = pod["metadata"].get("annotations") or {}
    return str(annotations.get("batch.kubernetes.io/job-completion-index", ""))


@pytest.fixture(scope="module")
def outcomes(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By the name of a scenario: what came of it, and what is recorded."""
    scratch = tmp_path_factory.mktemp("scratch")
    scenarios = [Scenario(path) for path in sorted((reference / "jobs").glob("*.json"))]
    with ExitStack() as stack:
        executors = {
            runtime: stack.enter_context(
                Executor(
                    tmp_path_factory.mktemp(runtime),
                    runtime=runtime,
                    jobs=500,
                    variables={"SCRATCH": str(scratch)},
                    history=100_000,
                )
            )
            for runtime in ("process", "best")
        }
        plays = []
        for runtime, executor in executors.items():
            own = [scenario for scenario in scenarios if scenario.mounts == (runtime == "best")]
            told = executor.submit([scenario.manifest for scenario in own])
            assert {each.outcome for each in told} == {"created"}
            plays.append(Play(executor, own))
        begin = time.monotonic()
        while any(play.waiting for play in plays):
            elapsed = time.monotonic() - begin
            assert elapsed < PATIENCE, [scenario.name for play in plays for scenario in play.waiting]
            for play in plays:
                play.step(elapsed)
        return {
            each.name: (each.outcome(play.executor), each.record())
            for play in plays
            for each in play.scenarios
        }


class Play:
    """Scenarios on their way through one executor."""

    def __init__(self, executor: Executor, scenarios: list[Scenario]) -> None:
        self.executor, self.scenarios, self.waiting = executor, scenarios, list(scenarios)
        self.by_name = {scenario.name: scenario for scenario in scenarios}
        self.version = 0

    def step(self, elapsed: float) -> None:
        """Turn the loop, and do what is due so many seconds after the begin."""
        self.executor.step(0.02)
        for change in self.executor.since(self.version) or ():
            self.version = change.version
            metadata = change.object["metadata"]
            scenario = self.by_name[metadata["labels"]["scenario"]]
            scenario.changed = time.monotonic()
            if change.object["kind"] == "Pod":
                scenario.pods[metadata["uid"]] = change.object
        for scenario in self.waiting:
            scenario.act(self.executor, elapsed)
        self.waiting = [scenario for scenario in self.waiting if not scenario.is_over(self.executor)]


def differences(outcomes: dict[str, Any], *parts: str) -> Object:
    """By scenario: what differs from the record in these parts, as (found, recorded)."""
    return {
        name: (found.get(part), recorded.get(part))
        for name, (found, recorded) in outcomes.items()
        for part in parts
        if found.get(part) != recorded.get(part)
    }


def test_every_job_has_the_recorded_status_or_is_gone_as_recorded(outcomes: dict[str, Any]) -> None:
    assert len(outcomes) >= 52
    assert differences(outcomes, "exists", "status") == {}


def test_as_many_pods_were_made_and_are_left_as_recorded(outcomes: dict[str, Any]) -> None:
    assert differences(outcomes, "podsCreated", "podsLeft", "hostnames") == {}


def test_the_events_are_those_recorded(outcomes: dict[str, Any]) -> None:
    found = differences(outcomes, "events")
    early = {name: found.pop(name) for name in ASKED_TOO_EARLY}
    assert found == {}
    for got, recorded in early.values():
        assert [event for event in got if event in recorded] == recorded


def test_the_logs_are_those_recorded(outcomes: dict[str, Any]) -> None:
    found = differences(outcomes, "logs")
    for name, text in EXPANDED.items():
        assert found.pop(name)[0] == {"": {"main": text}}
    if not best()[0].isolates:
        found.pop("downward-index")
    assert found == {}
