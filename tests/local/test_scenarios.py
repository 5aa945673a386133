"""Jobs run here as the real Job controller ran them: the recorded scenarios, with real processes.

All scenarios run at the same time in one executor, or two: those that mount volumes get the best runtime of
this machine, the others plain processes. Actions are carried out through the executor's API at the
recorded times, and back-off and sleeps take the time they took then. Times, uids and the endings of pod names
vary and are left out. What differs while the machine was too busy to keep the times is played again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import NotFound
from expander.local.executor import Executor
from expander.local.logs import last_output
from expander.local.runtime.select import select_runtime

QUIET = 2.5
"""Seconds without a change of a scenario's objects after which it is over."""
PATIENCE = 300.0
HELD_UP = 0.2
"""Seconds between two looks at what is due, or from the time of an action to it, after which the recorded
times were not kept."""
ROUNDS = 5
COMBINED = "(combined from similar events): "

ASKED_TOO_EARLY = ("killed-by-signal",)
"""Recordings that were taken before the last event had arrived: the status says that it must exist."""

EXPANDED = {"env-expansion": "sh: 1: ESCAPED: not found\nsh: 1: MISSING: not found\nhello world world\n"}
"""Output under a kubelet, which expands references in the values of variables too; the node that the
recordings were made with did not (makeEnvironmentVariables in pkg/kubelet decides)."""

DIFFERENT = frozenset((*ASKED_TOO_EARLY, *EXPANDED, "downward-index"))
"""Scenarios that may differ, however quiet the machine."""

Object = dict[str, Any]


class Scenario:
    """One recorded scenario on its way through an executor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        record = json.loads(path.read_text())
        self.name: str = record["name"]
        self.manifest: Object = record["manifest"]
        self.actions: list[Object] = sorted(record["actions"], key=lambda action: float(action["after"]))
        self.expected: Object = record["expected"]
        self.mounts = "volumes" in self.manifest["spec"]["template"]["spec"]
        self.pods: dict[str, Object] = {}
        self.changed = time.monotonic()

    def act(self, executor: Executor, elapsed: float) -> float:
        """Carry out the actions that are due; how late (seconds)."""
        late = 0.0
        while self.actions and self.actions[0]["after"] <= elapsed:
            late = max(late, elapsed - self.actions[0]["after"])
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
        return late

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
                    text = last_output(
                        executor.logs("default", pod["metadata"]["name"], part["name"]), 1 << 20
                    ).decode()
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


Outcomes = dict[str, tuple[Object, Object]]
"""By the name of a scenario: what came of it, and what is recorded."""


@pytest.fixture(scope="module")
def outcomes(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    def begin(scenarios: list[Scenario], stack: ExitStack) -> list[Play]:
        scratch = tmp_path_factory.mktemp("scratch")
        plays = []
        for runtime in ("process", "best"):
            folder = tmp_path_factory.mktemp(runtime)
            variables = {"SCRATCH": str(scratch)}
            executor = stack.enter_context(
                Executor(folder, runtime=runtime, jobs=500, variables=variables, history=100_000)
            )
            plays.append(Play(executor, [each for each in scenarios if each.mounts == (runtime == "best")]))
        return plays

    return played(reference, begin)


def played(reference: Path, begin: Callable[[list[Scenario], ExitStack], list[Play]]) -> Outcomes:
    """Play all scenarios; ``begin`` says where. What differs and was held up is played again."""
    found: Outcomes = {}
    paths = sorted((reference / "jobs").glob("*.json"))
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            plays = begin([Scenario(path) for path in paths], stack)
            late = _run(plays)
            again = []
            for play in plays:
                for each in play.scenarios:
                    outcome, record = each.outcome(play.executor), each.record()
                    found[each.name] = (outcome, record)
                    if late and outcome != record and each.name not in DIFFERENT:
                        again.append(each.path)
        if not again:
            break
        paths = again
    return found


def _run(plays: list[Play]) -> bool:
    """Play until all is over; whether something was late."""
    begin = last = time.monotonic()
    for play in plays:
        play.executor.submit([scenario.manifest for scenario in play.scenarios])
    late = False
    while any(play.waiting for play in plays):
        now = time.monotonic()
        late, last = late or now - last > HELD_UP, now
        assert now - begin < PATIENCE, [scenario.name for play in plays for scenario in play.waiting]
        for play in plays:
            late = play.step(now - begin) or late
    return late


class Play:
    """Scenarios on their way through one executor."""

    def __init__(self, executor: Executor, scenarios: list[Scenario]) -> None:
        self.executor, self.scenarios, self.waiting = executor, scenarios, list(scenarios)
        self.by_name = {scenario.name: scenario for scenario in scenarios}
        self.version = 0

    def step(self, elapsed: float) -> bool:
        """Turn the loop, and do what is due so many seconds after the begin; whether that was late."""
        self.executor.step(0.02)
        for change in self.executor.since(self.version) or ():
            self.version = change.version
            metadata = change.object["metadata"]
            scenario = self.by_name[metadata["labels"]["scenario"]]
            scenario.changed = time.monotonic()
            if change.object["kind"] == "Pod":
                scenario.pods[metadata["uid"]] = change.object
        late = [scenario.act(self.executor, elapsed) > HELD_UP for scenario in self.waiting]
        self.waiting = [scenario for scenario in self.waiting if not scenario.is_over(self.executor)]
        return any(late)


def differences(outcomes: Outcomes, *parts: str) -> Object:
    """By scenario: what differs from the record in these parts, as (found, recorded)."""
    return {
        name: (found.get(part), recorded.get(part))
        for name, (found, recorded) in outcomes.items()
        for part in parts
        if found.get(part) != recorded.get(part)
    }


def test_every_job_has_the_recorded_status_or_is_gone_as_recorded(outcomes: Outcomes) -> None:
    assert len(outcomes) >= 52
    assert differences(outcomes, "exists", "status") == {}


def test_as_many_pods_were_made_and_are_left_as_recorded(outcomes: Outcomes) -> None:
    assert differences(outcomes, "podsCreated", "podsLeft", "hostnames") == {}


def test_the_events_are_those_recorded(outcomes: Outcomes) -> None:
    found = differences(outcomes, "events")
    early = {name: found.pop(name) for name in ASKED_TOO_EARLY}
    assert found == {}
    for got, recorded in early.values():
        assert [event for event in got if event in recorded] == recorded


def test_the_logs_are_those_recorded(outcomes: Outcomes) -> None:
    found = differences(outcomes, "logs")
    for name, text in EXPANDED.items():
        lines = found.pop(name, ({"": {"main": text}},))[0][""]["main"].splitlines()
        assert sorted(lines) == sorted(text.splitlines())  # each stream has its order, both together none
    if not select_runtime()[0].isolates:
        found.pop("downward-index")
    assert found == {}
