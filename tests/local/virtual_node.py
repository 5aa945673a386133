"""A kubelet in virtual time: runs the containers of pods by asking how long they take and how they end."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Object = dict[str, Any]
Runner = Callable[[Object, Object], "tuple[float, int]"]
"""From a pod and one of its containers to the seconds it runs and its exit code."""

LAG = 0.02
"""Seconds of virtual time that a step of the node takes."""
SLEEP = '#!/bin/sh\necho "$1" >> "$SLEPT"\n'
FIELD = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


class Node:
    """Runs pods; ``after`` is the clock, ``changed`` hears of every new status, ``stamp`` gives the time."""

    def __init__(
        self,
        after: Callable[[float, Callable[[], None]], None],
        changed: Callable[[Object], None],
        runner: Runner,
        stamp: Callable[[], str],
    ) -> None:
        self._after, self._changed, self._runner, self._stamp = after, changed, runner, stamp

    def start(self, pod: Object) -> None:
        """Start a pod that the controller has made; an image that does not exist leaves it pending."""
        if is_deleted(pod):
            return
        for kind, field in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
            if pod["spec"].get(kind):
                pod["status"][field] = [waiting(each) for each in pod["spec"][kind]]
        if any("non-existing" in each["image"] for each in pod["spec"]["containers"]):
            self._changed(pod)
        else:
            self._start_init(pod, 0)

    def stop(self, pod: Object) -> None:
        """End the containers of a pod that is being deleted."""
        self._after(LAG, lambda: self._kill(pod))

    def _kill(self, pod: Object) -> None:
        if not is_over(pod):
            for each in pod["status"].get("containerStatuses", []):
                if "terminated" not in each["state"]:
                    self._terminate(each, 143)
            self._end(pod, "Failed")

    def _start_init(self, pod: Object, place: int) -> None:
        init = pod["spec"].get("initContainers") or []
        if place == len(init):
            self._start_containers(pod)
            return

        def ended(code: int) -> None:
            if code:
                self._end(pod, "Failed")
            else:
                self._start_init(pod, place + 1)

        self._run(pod, init[place], pod["status"]["initContainerStatuses"][place], ended)

    def _start_containers(self, pod: Object) -> None:
        status = pod["status"]
        status["phase"] = "Running"
        status.setdefault("conditions", []).append({"type": "Ready", "status": "True"})
        for container, each in zip(pod["spec"]["containers"], status["containerStatuses"], strict=True):
            self._run(pod, container, each, lambda _: self._container_ended(pod))
        self._changed(pod)

    def _container_ended(self, pod: Object) -> None:
        ends = [each["state"].get("terminated") for each in pod["status"]["containerStatuses"]]
        if all(ends):
            self._end(pod, "Failed" if any(end["exitCode"] for end in ends) else "Succeeded")
        else:
            self._changed(pod)

    def _run(self, pod: Object, container: Object, status: Object, ended: Callable[[int], None]) -> None:
        seconds, code = self._runner(pod, container)
        status["state"] = {"running": {"startedAt": self._stamp()}}

        def end() -> None:
            if is_deleted(pod):
                return
            self._terminate(status, code)
            if code and pod["spec"]["restartPolicy"] == "OnFailure":
                crashes = status["restartCount"]
                self._after(min(300, 10 * 2 ** (crashes - 1)) if crashes else 0, restart)
                self._changed(pod)
            else:
                ended(code)

        def restart() -> None:
            if not is_deleted(pod):
                status["restartCount"] += 1
                self._run(pod, container, status, ended)
                self._changed(pod)

        self._after(seconds + LAG, end)

    def _terminate(self, status: Object, code: int) -> None:
        status["state"] = {"terminated": {"exitCode": code, "finishedAt": self._stamp()}}

    def _end(self, pod: Object, phase: str) -> None:
        pod["status"]["phase"] = phase
        for condition in pod["status"].get("conditions", []):
            if condition["type"] == "Ready":
                condition |= {"status": "False", "lastTransitionTime": self._stamp()}
        self._changed(pod)


class Shell:
    """Runs commands in a real shell in which ``sleep`` takes no time but is added up.

    What a command does, it does when its container starts. ``folder`` is its ``$SCRATCH``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._slept = folder, folder / "slept"
        sleep = folder / "bin" / "sleep"
        sleep.parent.mkdir()
        sleep.write_text(SLEEP)
        sleep.chmod(0o755)

    def __call__(self, pod: Object, container: Object) -> tuple[float, int]:
        self._slept.write_text("")
        environment = {
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "SLEPT": str(self._slept),
            "SCRATCH": str(self._folder),
            **{each["name"]: value_of(pod, each) for each in container.get("env") or ()},
        }
        command = [part.replace("$$", "$") for part in container["command"]]
        answer = subprocess.run(command, env=environment, capture_output=True, check=False)
        code = answer.returncode if answer.returncode >= 0 else 128 - answer.returncode
        return sum(map(float, self._slept.read_text().split())), code


def value_of(pod: Object, variable: Object) -> str:
    """The value of a container's variable: plain, or a label or annotation of the pod."""
    path = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
    match = FIELD.fullmatch(path)
    value: str = pod["metadata"][match[1]][match[2]] if match else variable.get("value", "")
    return value


def waiting(container: Object) -> Object:
    """The status of a container that has not started."""
    return {
        "name": container["name"],
        "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}},
    }


def is_deleted(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_over(pod: Object) -> bool:
    """Whether the pod has ended."""
    return pod["status"]["phase"] in ("Succeeded", "Failed")
