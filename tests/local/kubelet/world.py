"""A kubelet with a supervisor that only pretends, and a clock that the test turns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.kubelet import Kubelet, PodChange
from expander.local.kubelet.node import Node
from expander.local.runtime.runtime import Exit, Launch, Started

NODE = Node("node-1", "127.0.0.1", 4, 8 << 30, 100 << 30)
START = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""
_numbers = itertools.count(1)


class Pretended:
    """Starts what it is told to, and ends it when the test says so. ``refusals`` by command cannot be started."""

    def __init__(self) -> None:
        self.launches: dict[str, Launch] = {}
        self.signals: list[tuple[str, int, bool]] = []
        self.refusals: dict[str, str] = {}
        self.news: list[Started | Exit] = []
        self.now = START

    def start(self, launch: Launch) -> None:
        assert launch.key not in self.launches, "no key is used twice"
        self.launches[launch.key] = launch
        why = self.refusals.get(launch.argv[0])
        if why is not None:
            self.news.append(Exit(launch.key, None, None, 0.0, self.now, error=why))
        else:
            self.news.append(Started(launch.key, 100, self.now))

    def signal(self, key: str, number: int = 15, *, whole: bool = True) -> None:
        self.signals.append((key, number, whole))

    def read(self) -> list[Started | Exit]:
        told, self.news = self.news, []
        return told

    def end(self, key: str, code: int | None = 0, number: int | None = None, **more: Any) -> None:
        self.news.append(Exit(key, code, number, START, self.now, **more))


class World:
    """One kubelet, and what it said last of each pod."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.processes = Pretended()
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.now = START
        options.setdefault("status_delay", 0.0)
        options.setdefault("node", NODE)
        self.access = options.setdefault("access", ApiAccess())
        self.kubelet = Kubelet(self.processes, folder, self.lookup, **options)
        self.statuses: dict[str, dict[str, Any]] = {}
        self.changes: list[PodChange] = []

    def lookup(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        return self.objects.get((kind, namespace, name))

    def start(self, pod: dict[str, Any]) -> str:
        """Start a pod; its uid."""
        self.kubelet.start(pod, self.now)
        self.step()
        return str(pod["metadata"]["uid"])

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, deadline by deadline, and take in what the kubelet says."""
        until = self.now + seconds
        while True:
            self._step()
            if self.processes.news:
                continue
            due = self.kubelet.deadline()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
        self.now = self.processes.now = until

    def _step(self) -> None:
        self.processes.now = self.now
        for change in self.kubelet.step(self.now):
            self.changes.append(change)
            self.statuses[change.uid] = change.status

    def end(
        self, uid: str, container: str, code: int | None = 0, number: int | None = None, **more: Any
    ) -> None:
        """The container's latest start ends; the kubelet hears of it."""
        self.processes.end(self.keys(uid, container)[-1], code, number, **more)
        self.step()

    def keys(self, uid: str, container: str) -> list[str]:
        """The launches of a container, hooks and probes left out."""
        return [
            key for key in self.processes.launches if key.startswith(f"{uid}/{container}/") and "#" not in key
        ]

    def beside(self, uid: str, container: str) -> list[str]:
        """The launches of hooks and probes of a container."""
        return [
            key for key in self.processes.launches if key.startswith(f"{uid}/{container}/") and "#" in key
        ]

    def launch(self, uid: str, container: str) -> Launch:
        """The latest launch of a container."""
        return self.processes.launches[self.keys(uid, container)[-1]]

    def container(self, uid: str, name: str) -> dict[str, Any]:
        """What was last said of a container."""
        status = self.statuses[uid]
        told = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
        return next(part for part in told if part["name"] == name)

    def condition(self, uid: str, kind: str) -> tuple[str, str | None, str | None]:
        """Status, reason and message of a condition."""
        found = next(part for part in self.statuses[uid]["conditions"] if part["type"] == kind)
        return found["status"], found.get("reason"), found.get("message")

    def events(self, uid: str) -> list[tuple[str, str]]:
        """Reason and message of each event so far."""
        return [
            (event.reason, event.message)
            for change in self.changes
            if change.uid == uid
            for event in change.events
        ]

    def started(self, uid: str) -> list[str]:
        """The containers, in the order of their starts."""
        return [
            key.split("/")[1]
            for key in self.processes.launches
            if key.startswith(uid + "/") and "#" not in key
        ]

    def signalled(self, uid: str) -> list[tuple[str, int]]:
        """The containers that got signals, and which."""
        return [
            (key.split("/")[1], number)
            for key, number, _ in self.processes.signals
            if key.startswith(uid + "/")
        ]


def pod(*containers: dict[str, Any], restart: str = "Never", **spec: Any) -> dict[str, Any]:
    """A pod with these containers; other fields of its spec by name."""
    number = next(_numbers)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{number}",
            "namespace": "team",
            "uid": f"uid-{number}",
            "labels": {"app": "demo"},
            "annotations": {"note": 'say "hi"'},
        },
        "spec": {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": 30,
            "containers": list(containers),
            **spec,
        },
    }


def container(name: str = "main", *command: str, **fields: Any) -> dict[str, Any]:
    """A container as the API server has it."""
    return {
        "name": name,
        "image": "busybox:1.36",
        "command": list(command) or ["run", name],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "resources": {},
        **fields,
    }
