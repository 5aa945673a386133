"""Gives pods a place on this machine, as kube-scheduler does with one node.

A pod needs the sum of its containers' requests, or the largest of its init containers' if that is more
(k8s.io/component-helpers/resource decides); sidecars count for both. Pods are taken in the order they
came; one that does not fit does not hold up those behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from expander.base.quantity import parse
from expander.local.store.encoding import Object

_NOTHING: Final[Mapping[str, Any]] = {}


class Request(NamedTuple):
    """What a pod asks for: CPU in thousandths of a core, memory in bytes."""

    cpu: int
    memory: int

    def plus(self, other: Request) -> Request:
        """Both together."""
        return Request(self.cpu + other.cpu, self.memory + other.memory)


NONE: Final = Request(0, 0)


class Scheduler:
    """The place there is and the pods that wait for it.

    ``cpus`` in cores, ``memory`` in bytes, ``pods`` is how many run at a time.
    """

    def __init__(self, *, cpus: float, memory: int, pods: int) -> None:
        self.size = Request(round(cpus * 1000), memory)
        self.pods = pods
        self.used = NONE
        self._placed: dict[str, Request] = {}
        self._waiting: dict[str, Request] = {}
        self._impossible: set[str] = set()
        self._unseen: list[str] = []
        self._stale = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether no further pod gets a place: the node is cordoned."""
        return self._closed

    @closed.setter
    def closed(self, closed: bool) -> None:
        self._closed = closed
        self._stale = True

    def add(self, uid: str, spec: Object) -> None:
        """A pod that waits for a place."""
        if spec.get("schedulingGates"):
            return
        self._waiting[uid] = request = pod_request(spec)
        self._unseen.append(uid)
        if not _fits(request, NONE, self.size):
            self._impossible.add(uid)
        self._stale = True

    def take(self, uid: str, spec: Object) -> None:
        """A pod that has its place already."""
        self._placed[uid] = request = pod_request(spec)
        self.used = self.used.plus(request)

    def drop(self, uid: str) -> None:
        """The pod is gone or has ended: its place is free."""
        if (request := self._placed.pop(uid, None)) is not None:
            self.used = Request(self.used.cpu - request.cpu, self.used.memory - request.memory)
            self._stale = True
        self._waiting.pop(uid, None)
        self._impossible.discard(uid)

    @property
    def running(self) -> int:
        """Pods that have a place."""
        return len(self._placed)

    @property
    def spare(self) -> int:
        """How many more pods could be used now, counting those that wait and will fit in time."""
        return self.pods - len(self._placed) - len(self._waiting) + len(self._impossible)

    def place(self) -> Iterator[str]:
        """Take the pods that fit now, and tell which."""
        if not self._stale or self._closed:
            return
        self._stale = False
        hopeless: set[Request] = set()
        for uid, request in list(self._waiting.items()):
            if len(self._placed) >= self.pods:
                break
            if request in hopeless:
                continue
            if _fits(request, self.used, self.size):
                del self._waiting[uid]
                self._placed[uid] = request
                self.used = self.used.plus(request)
                yield uid
            else:
                hopeless.add(request)

    def left_over(self) -> Iterator[tuple[str, str]]:
        """The pods that came since the last call and wait, each with why, in the scheduler's words."""
        for uid in self._unseen:
            if (request := self._waiting.get(uid)) is not None:
                yield uid, self._refusal(request)
        self._unseen = []

    def _refusal(self, request: Request) -> str:
        after = self.used.plus(request)
        lacks = []
        if self._closed:
            lacks.append("1 node(s) were unschedulable")
        elif len(self._placed) >= self.pods:
            lacks.append("1 Too many pods")
        if after.cpu > self.size.cpu and request.cpu:
            lacks.append("1 Insufficient cpu")
        if after.memory > self.size.memory and request.memory:
            lacks.append("1 Insufficient memory")
        helps = not self._closed and _fits(request, NONE, self.size)
        victims = (
            "No preemption victims found for incoming pod"
            if helps
            else "Preemption is not helpful for scheduling"
        )
        return (
            f"0/1 nodes are available: {', '.join(lacks)}. no new claims to deallocate, "
            f"preemption: 0/1 nodes are available: 1 {victims}."
        )


def pod_request(spec: Object) -> Request:
    """What the pod asks for altogether."""
    main, start, sidecars = NONE, NONE, NONE
    for container in spec.get("initContainers") or ():
        request = _request(container.get("resources"))
        if container.get("restartPolicy") == "Always":
            sidecars = sidecars.plus(request)
            start = _larger(start, sidecars)
        else:
            start = _larger(start, sidecars.plus(request))
    for container in spec["containers"]:
        main = main.plus(_request(container.get("resources")))
    whole = _larger(main.plus(sidecars), start)
    overall = (spec.get("resources") or _NOTHING).get("requests")
    if overall:
        own = _request(spec["resources"])
        whole = Request(
            own.cpu if "cpu" in overall else whole.cpu, own.memory if "memory" in overall else whole.memory
        )
    return whole.plus(_amounts(spec.get("overhead")))


def _request(resources: Mapping[str, Any] | None) -> Request:
    return _amounts(resources.get("requests")) if resources else NONE


def _amounts(amounts: Mapping[str, str] | None) -> Request:
    if not amounts:
        return NONE
    cpu: Fraction | int = parse(amounts["cpu"]) * 1000 if "cpu" in amounts else 0
    memory: Fraction | int = parse(amounts["memory"]) if "memory" in amounts else 0
    return Request(_up(cpu), _up(memory))


def _up(value: Fraction | int) -> int:
    return -int(-value // 1)


def _larger(one: Request, other: Request) -> Request:
    return Request(max(one.cpu, other.cpu), max(one.memory, other.memory))


def _fits(request: Request, used: Request, size: Request) -> bool:
    """Whether there is room beside what is used; what is not asked for is never short."""
    cpu = not request.cpu or used.cpu + request.cpu <= size.cpu
    return cpu and (not request.memory or used.memory + request.memory <= size.memory)
