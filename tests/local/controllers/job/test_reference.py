"""Every recorded Job ends as it did under the real Job controller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from expander.local.controllers.events import Recorder
from expander.local.store.events import EventStore
from tests.local.virtual import World
from tests.local.virtual_node import Shell

Object = dict[str, Any]

HORIZON = 120.0
"""Virtual seconds; every recording was over by then."""

ASKED_TOO_EARLY = {"killed-by-signal"}
"""Recordings in which the last event had not arrived yet: status and pods say that it must exist."""


class Kept:
    """The events that the API would hold in the end."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str, str]] = []

    def add(self, about: object, source: str, text: tuple[str, str, str], now: float) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def repeat(self, known: int, message: str, now: float) -> None:
        self.texts[known] = (*self.texts[known][:2], message)


def without_names(text: str, name: str) -> str:
    """Pod names as the recordings write them; pods of one batch are created in no fixed order."""
    text = re.sub(rf"\b{re.escape(name)}(-\d+)?-\d{{5}}\b", rf"{name}\1-POD", text)
    return re.sub(r"^(\(combined .*)-\d+-POD$", r"\1-N-POD", text)


def in_order(events: Iterable[Iterable[str]], name: str) -> list[list[str]]:
    found = {(kind, reason, without_names(message, name)) for kind, reason, message in events}
    return [list(event) for event in sorted(found)]


def kept_events(world: World) -> list[tuple[str, str, str]]:
    kept = Kept()
    recorder = Recorder(cast(EventStore, kept), "job-controller")
    about = {"kind": "Job", "metadata": {"name": world.name, "namespace": "default", "uid": "job-uid"}}
    for event, now in world.events:
        recorder.record(about, *event, now)
    return kept.texts


def written(world: World) -> Object:
    """The status as the recordings write it."""
    status = {**world.status}
    found = {
        "hasStartTime": status.pop("startTime", None) is not None,
        "hasCompletionTime": status.pop("completionTime", None) is not None,
    }
    assert status.pop("uncountedTerminatedPods") == {}
    status["conditions"] = [
        {key: without_names(value, world.name) for key, value in each.items() if not key.startswith("last")}
        for each in status["conditions"]
    ]
    return {**status, **found}


def replay(case: Object, folder: Path) -> World:
    world = World(case["manifest"], Shell(folder))
    for action in case["actions"]:
        world.clock.after(action["after"], lambda verb=action["do"]: world.act(verb))  # type: ignore[misc]
    world.clock.run(HORIZON)
    return world


def outcome(world: World) -> Object:
    """What the recordings say of a Job."""
    events = in_order(kept_events(world), world.name)
    if world.name in ASKED_TOO_EARLY:
        events = [event for event in events if event[0] != "Warning"]
    found = {
        "exists": world.job is not None,
        "podsCreated": len(world.created),
        "podsLeft": world.pods_left(),
        "hostnames": sorted({pod["spec"].get("hostname", "") for pod in world.created}),
        "events": events,
    }
    return found if world.job is None else {**found, "status": written(world)}


def recorded(case: Object) -> Object:
    expected = {key: value for key, value in case["expected"].items() if key != "logs"}
    return {**expected, "events": in_order(expected["events"], case["name"])}


def test_every_recorded_job_ends_as_recorded(reference: Path, tmp_path: Path) -> None:
    cases = [json.loads(path.read_text()) for path in sorted((reference / "jobs").glob("*.json"))]
    assert len(cases) > 50
    different = {}
    for case in cases:
        folder = tmp_path / case["name"]
        folder.mkdir()
        found = outcome(replay(case, folder))
        if found != recorded(case):
            different[case["name"]] = found
    assert different == {}
