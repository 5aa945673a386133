"""What a simple pod costs in the kubelet: from its start to its last status, with a supervisor that only
pretends.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.timing import verdict
from expander.local.kubelet.kubelet import Kubelet
from expander.local.kubelet.node import Node
from expander.local.runtime.runtime import Exit, Launch, Started

GOAL = 0.25
"""Milliseconds per pod."""


class Pretended:
    """Every container starts at once and succeeds at the next reading."""

    def __init__(self) -> None:
        self._starting: list[str] = []
        self._running: list[str] = []

    def start(self, launch: Launch) -> None:
        self._starting.append(launch.key)

    def signal(self, key: str, number: int = 15, *, whole: bool = True) -> None:
        raise AssertionError("nothing is stopped here")

    def read(self) -> list[Started | Exit]:
        told: list[Started | Exit] = [Exit(key, 0, None, 1.0, 2.0) for key in self._running]
        told += [Started(key, 1, 1.0) for key in self._starting]
        self._running, self._starting = self._starting, []
        return told


def pod(number: int) -> dict[str, Any]:
    """One container, no volumes, no probes: what a Job of one command makes."""
    container = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["sh", "-c", "echo hello"],
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"process-item-{number}-x7k2p",
            "namespace": "default",
            "uid": f"00000000-0000-4000-8000-{number:012}",
            "generation": 1,
            "labels": {"jobgroup": "bench", "batch.kubernetes.io/job-name": f"process-item-{number}"},
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "containers": [container],
            "securityContext": {},
        },
    }


def once(folder: Path, pods: list[dict[str, Any]], isolates: bool, each: int) -> float:
    """Milliseconds per pod, ``each`` at a time."""
    kubelet = Kubelet(
        Pretended(), folder, _nothing, node=Node("node", "127.0.0.1", 2, 1 << 30), isolates=isolates
    )
    over = 0
    start = time.perf_counter()
    for at in range(0, len(pods), each):
        for one in pods[at : at + each]:
            kubelet.start(one, 1.0)
        kubelet.step(1.0)
        over += len(kubelet.step(2.0))
    spent = time.perf_counter() - start
    if over != len(pods):
        raise RuntimeError(f"{over} of {len(pods)} pods came to their end")
    return spent / len(pods) * 1000


def _nothing(kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
    return None


def main() -> None:
    """Print the cost of a pod."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for isolates in (False, True):
        found = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as name:
                found.append(once(Path(name), [pod(number) for number in range(options.pods)], isolates, 8))
        spent = median(found)
        print(f"{'with' if isolates else 'without'} mounts of its own: {spent:.3f} ms per pod")
        verdict(f"cost of a simple pod against {GOAL} ms", spent / GOAL, "below 1x", spent < GOAL)


if __name__ == "__main__":
    main()
