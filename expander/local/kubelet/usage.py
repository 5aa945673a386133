"""What containers and the node use of CPU and memory, as metrics-server tells it; read from /proc.

Nothing is measured until somebody asks. A rate is that between two samples.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.kube.time import api_time
from expander.local.runtime.limits import own_memory
from expander.local.runtime.process_tree import descendants

WINDOW_SECONDS: Final = 10.0
"""When the last sample is older, rates are those since then."""
MAX_AGE_SECONDS: Final = 60.0
"""A sample that is older says nothing of now."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_NODE: Final = ""
Object = dict[str, Any]


class Usage(NamedTuple):
    """Seconds of CPU so far, and bytes of memory now."""

    cpu: float
    memory: int


class Sample(NamedTuple):
    """What was used at a time (Unix seconds), by key of the container; the node's is that of ``""``."""

    at: float
    usage: dict[str, Usage]


class MeasuredContainer(NamedTuple):
    """A container that runs: the object of its pod, its name, its key, and its processes."""

    pod: Any
    name: str
    key: str
    pids: tuple[int, ...]


class UsageMeter:
    """Measures the containers that ``running`` gives. Times are Unix seconds."""

    def __init__(self, running: Callable[[], Iterable[MeasuredContainer]]) -> None:
        self._running = running
        self._before: Sample | None = None
        self._latest: Sample | None = None

    def is_stale(self, now: float) -> bool:
        """Whether a new sample must be waited for: there is none, or only one of long ago."""
        return self._latest is None or now - self._latest.at > MAX_AGE_SECONDS

    def sample(self, now: float) -> None:
        """Take a sample."""
        usage = {each.key: usage_of(each.pids) for each in self._running()}
        if (node := _node_usage()) is not None:
            usage[_NODE] = node
        taken = Sample(now, usage)
        if self._latest is None or self.is_stale(now):
            self._before = taken
        elif self._before is self._latest or now - self._latest.at >= WINDOW_SECONDS:
            self._before = self._latest
        self._latest = taken

    def pods(self) -> Iterator[Object]:
        """The PodMetrics of the pods that run, as of the last sample."""
        found: dict[str, Object] = {}
        for each in self._running():
            usage = self._usage(each.key)
            if usage is not None:
                metadata = each.pod["metadata"]
                about = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
                metrics = found.setdefault(metadata["uid"], self._metrics("PodMetrics", about))
                metrics.setdefault("containers", []).append({"name": each.name, "usage": usage})
        yield from found.values()

    def node(self, node: Object) -> Iterator[Object]:
        """The NodeMetrics of the node."""
        usage, metadata = self._usage(_NODE), node["metadata"]
        if usage is not None:
            about = {key: metadata[key] for key in ("name", "labels") if key in metadata}
            yield {**self._metrics("NodeMetrics", about), "usage": usage}

    def _metrics(self, kind: str, about: Object) -> Object:
        assert self._latest is not None
        assert self._before is not None
        at = api_time(self._latest.at)
        return {
            "kind": kind,
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {**about, "creationTimestamp": at},
            "timestamp": at,
            "window": f"{self._latest.at - self._before.at:.3f}s",
        }

    def _usage(self, key: str) -> Object | None:
        if self._latest is None or self._before is None or key not in self._latest.usage:
            return None
        now, before = self._latest.usage[key], self._before.usage.get(key, Usage(0.0, 0))
        seconds = max(self._latest.at - self._before.at, 0.001)
        rate = max(0.0, now.cpu - before.cpu) / seconds
        return {"cpu": f"{rate * 1e9:.0f}n", "memory": f"{now.memory >> 10}Ki"}


def usage_of(pids: Iterable[int]) -> Usage:
    """What processes use, with all that they started."""
    cpu, memory = 0.0, 0
    for pid in {each for root in pids for each in (root, *descendants(root))}:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                text = file.read()
        except OSError:
            continue
        field = text[text.rindex(b")") + 2 :].split()
        cpu += sum(map(int, field[11:15])) / _TICKS
        memory += own_memory(pid)
    return Usage(cpu, memory)


def _node_usage() -> Usage | None:
    """What the whole machine uses; None where there is no /proc."""
    try:
        with open("/proc/stat", "rb") as file:
            numbers = list(map(int, file.readline().split()[1:9]))
        with open("/proc/meminfo", encoding="ascii") as lines:
            sizes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    except (OSError, ValueError):
        return None
    idle = numbers[3] + numbers[4]
    return Usage((sum(numbers) - idle) / _TICKS, (sizes["MemTotal"] - sizes["MemAvailable"]) << 10)
