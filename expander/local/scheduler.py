"""Finds room for pods on this machine, as kube-scheduler does with one node.

Pods are taken by their priority, then in the order they came; one that does not fit does not hold up those
behind it, and none is preempted. Those of a pod group (the gang plugin of Volcano's scheduler) are scheduled
together or not at all: until its least number fits at once none of them is; from then on each goes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from expander.base.dataclass import dataclass
from expander.kube.resources import NONE, Request, pod_request
from expander.local.store.database import Object


@dataclass(slots=True)
class PodGroup:
    """How many pods must be placed at once, whether they were, and who waits."""

    least: int
    is_met: bool = False
    waiting: dict[str, None] = field(default_factory=dict)


class PodGroups:
    """The pod groups of one scheduler, by a key that no other group has."""

    def __init__(self) -> None:
        self._groups: dict[str, PodGroup] = {}
        self._of: dict[str, str] = {}

    def join(self, uid: str, key: str, least: int) -> None:
        """A pod that waits belongs to a pod group."""
        group = self._groups.setdefault(key, PodGroup(least))
        group.waiting[uid] = None
        self._of[uid] = key

    def expect(self, key: str, least: int) -> bool:
        """So many of those that wait are needed from now on; whether that is news."""
        group = self._groups.get(key)
        if group is None or group.least == least:
            return False
        group.least = least
        return True

    def leave(self, uid: str) -> None:
        """The pod is placed, or gone. A group nobody waits in is forgotten unless it was placed."""
        key = self._of.pop(uid, None)
        if key is not None:
            group = self._groups[key]
            group.waiting.pop(uid, None)
            if not group.waiting and not group.is_met:
                del self._groups[key]

    def held(self, uid: str) -> PodGroup | None:
        """The group that holds a pod back; None for a pod that can go by itself."""
        key = self._of.get(uid)
        group = None if key is None else self._groups[key]
        return None if group is None or group.is_met else group

    def forget(self, owner: str) -> None:
        """The pod groups of this owner, whose uid their keys begin with, are over."""
        for key in [key for key in self._groups if key.startswith(f"{owner}/")]:
            for uid in self._groups.pop(key).waiting:
                self._of.pop(uid, None)


MAX_PODS: Final = 110
"""Pods that have a place, at least, however many of them wait: as many as a kubelet takes by default."""


def refusal(group: PodGroup, fitting: int, at_most: int) -> str:
    """Why a pod group waits: ``fitting`` of its pods would fit now, ``at_most`` were nothing else there."""
    words = f"pod group is not ready, {len(group.waiting)} Pending, {group.least} minAvailable"
    if at_most < group.least:
        return f"{words}; there is never room for more than {at_most} of them here"
    return f"{words}; there is room for {fitting} of them now"


class Scheduler:
    """The place there is and the pods that wait for it.

    ``cpus`` in cores, ``memory`` in bytes, ``pods`` is how many run at a time. ``bound`` is how many of them
    may be bounded ones, which are to have a core each though they do not request it; None for no limit.
    """

    def __init__(self, *, cpus: float, memory: int, pods: int, bound: int | None = None) -> None:
        self.size = Request(round(cpus * 1000), memory)
        self.pods = pods
        self._most = max(pods, MAX_PODS)
        """How many have a place at most, those that wait for something included."""
        self.bound = bound
        self.ahead = 0
        """How many pods may be there before there is room for them."""
        self.used = NONE
        self.pod_groups = PodGroups()
        self._placed: dict[str, Request] = {}
        self._waiting: dict[str, Request] = {}
        self._impossible: set[str] = set()
        self._bounded: dict[str, bool] = {}
        """The bounded pods, and whether each has its place."""
        self._bounded_placed = 0
        self._idle: set[str] = set()
        """Those that have their place and wait for something: they take nobody else's turn."""
        self._priorities: dict[str, int] = {}
        """Of those that wait, where it is not 0."""
        self._prepared: set[str] = set()
        """Those that came before there was room, and wait for it: they go last."""
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

    def add(
        self,
        uid: str,
        spec: Object,
        group: tuple[str, int] | None = None,
        *,
        priority: int = 0,
        bounded: bool = False,
        prepared: bool = False,
    ) -> None:
        """A pod that waits for a place; ``group`` is its pod group and how many that must be.

        ``bounded`` counts only for a pod that requests no CPU. One that is ``prepared`` has come before there
        was room for it: it waits behind all others, and nobody is told as long as there is none.
        """
        if spec.get("schedulingGates"):
            return
        if group is not None:
            self.pod_groups.join(uid, *group)
        self._waiting[uid] = request = pod_request(spec)
        if not _fits(request, NONE, self.size):
            self._impossible.add(uid)
        elif bounded:
            self._bind(uid, request, placed=False)
        if priority:
            self._priorities[uid] = priority
        if prepared and uid not in self._impossible:
            self._prepared.add(uid)
        else:
            self._unseen.append(uid)
        self._stale = True

    def _bind(self, uid: str, request: Request, *, placed: bool) -> None:
        """The pod, which requests so much, is a bounded one."""
        if self.bound is not None and not request.cpu:
            self._bounded[uid] = placed
            self._bounded_placed += placed

    def expect(self, group: str, least: int) -> None:
        """So many of a pod group's pods that wait must get a place together from now on."""
        self._stale |= self.pod_groups.expect(group, least)

    def take(self, uid: str, spec: Object, *, bounded: bool = False) -> None:
        """A pod that has its place already."""
        self._placed[uid] = request = pod_request(spec)
        if bounded:
            self._bind(uid, request, placed=True)
        self.used = self.used.plus(request)

    def drop(self, uid: str) -> None:
        """The pod is gone or has ended: its place is free."""
        self.set_idle(uid, False)
        if (request := self._placed.pop(uid, None)) is not None:
            self.used = Request(self.used.cpu - request.cpu, self.used.memory - request.memory)
            self._stale = True
        self._waiting.pop(uid, None)
        self._impossible.discard(uid)
        self._bounded_placed -= self._bounded.pop(uid, False)
        self._priorities.pop(uid, None)
        self._prepared.discard(uid)
        self.pod_groups.leave(uid)

    def prepared(self) -> list[str]:
        """The pods that wait and came before there was room for them."""
        return list(self._prepared)

    def set_idle(self, uid: str, idle: bool) -> None:
        """Whether the pod, if it has its place, waits for something else and does not count as running."""
        if uid not in self._placed or idle is (uid in self._idle):
            return
        self._bounded_placed += self._bounded.get(uid, False) * (-1 if idle else 1)
        (self._idle.add if idle else self._idle.remove)(uid)
        self._stale |= idle

    def is_impossible(self, uid: str) -> bool:
        """Whether the pod waits and will never fit, whatever ends."""
        return uid in self._impossible

    @property
    def running(self) -> int:
        """Pods that have a place."""
        return len(self._placed)

    @property
    def width(self) -> int:
        """How many pods run at a time when there are enough of them."""
        return self.pods if self.bound is None else self.bound

    @property
    def busy(self) -> int:
        """Pods that have a place and do not wait for anything."""
        return len(self._placed) - len(self._idle)

    def scheduled(self) -> list[str]:
        """The pods that have a place."""
        return list(self._placed)

    @property
    def spare(self) -> int:
        """How many more pods could be used now, counting those that wait and will fit in time."""
        waiting = len(self._waiting) - len(self._impossible)
        room = min(self.pods + len(self._idle), self._most) if self._idle else self.pods
        spare = room - len(self._placed) - waiting
        if self.bound is None:
            return spare
        busy = sum(uid not in self._idle for uid in self._bounded) if self._idle else len(self._bounded)
        return min(spare, self.bound - busy)

    @property
    def is_used(self) -> bool:
        """Whether pods have, or wait for, what they request."""
        return bool(self._waiting) or self.used != NONE

    def has_room(self, request: Request) -> bool:
        """Whether so much is left beside the pods that have their place or wait for it; or never will be."""
        used = self.used
        for uid, waiting in self._waiting.items():
            if uid not in self._impossible:
                used = used.plus(waiting)
        return _fits(request, used, self.size) or not _fits(request, NONE, self.size)

    @property
    def waits_prepared(self) -> bool:
        """Whether pods wait, and all of them came before there was room for them."""
        return 0 < len(self._prepared) == len(self._waiting)

    def place(self) -> Iterator[str]:
        """Take the pods that fit now, and tell which."""
        if not self._stale or self._closed:
            return
        self._stale = False
        hopeless: set[tuple[Request, bool]] = set()
        held: set[int] = set()
        waiting = list(self._waiting.items())
        if self._priorities or 0 < len(self._prepared) < len(waiting):
            waiting.sort(key=lambda each: (each[0] in self._prepared, -self._priorities.get(each[0], 0)))
        for uid, request in waiting:
            if self._no_place():
                break
            if (request, uid in self._bounded) in hopeless or uid not in self._waiting:
                continue
            group = self.pod_groups.held(uid)
            if group is not None and (id(group) in held or not self._admit(group)):
                held.add(id(group))
                continue
            for each in [uid] if group is None else list(group.waiting):
                if self._take_place(each):
                    yield each
                else:
                    hopeless.add((self._waiting[each], each in self._bounded))

    def _take_place(self, uid: str) -> bool:
        """Give a pod its place if there is one."""
        request = self._waiting[uid]
        if self._full(uid) or not _fits(request, self.used, self.size):
            return False
        del self._waiting[uid]
        self._priorities.pop(uid, None)
        self._prepared.discard(uid)
        if uid in self._bounded:
            self._bounded[uid] = True
            self._bounded_placed += 1
        self._placed[uid] = request
        self.used = self.used.plus(request)
        self._impossible.discard(uid)
        self.pod_groups.leave(uid)
        return True

    def _no_place(self) -> bool:
        """Whether there are as many pods as there may be."""
        placed = len(self._placed)
        return placed - len(self._idle) >= self.pods or placed >= self._most

    def _full(self, uid: str) -> bool:
        """Whether there are as many pods as there may be, of its kind, beside the one that waits."""
        if self._no_place():
            return True
        return uid in self._bounded and self.bound is not None and self._bounded_placed >= self.bound

    def left_over(self) -> Iterator[tuple[str, str]]:
        """The pods that came since the last call and wait, each with why, in the scheduler's words."""
        for uid in self._unseen:
            if (request := self._waiting.get(uid)) is not None:
                yield uid, self._refusal(uid, request)
        self._unseen = []
        if self._prepared and not self._no_place():
            for uid in [uid for uid in self._prepared if not self._full(uid)]:
                self._prepared.discard(uid)  # it does not fit where there is a place
                yield uid, self._refusal(uid, self._waiting[uid])

    def _admit(self, group: PodGroup) -> bool:
        """Let the pods of a pod group go if enough of them fit; those that never will take nobody's turn."""
        group.is_met = self._room(group, self.used, len(self._placed)) >= group.least
        if not group.is_met and self._room(group, NONE, 0) < group.least:
            self._impossible.update(group.waiting)
        return group.is_met

    def _room(self, group: PodGroup, used: Request, pods: int) -> int:
        """How many of a pod group's pods fit together beside ``pods`` that use so much."""
        fitting = 0
        for request in (self._waiting[uid] for uid in group.waiting):
            if pods + fitting < self.pods and _fits(request, used, self.size):
                used = used.plus(request)
                fitting += 1
        return fitting

    def _refusal(self, uid: str, request: Request) -> str:
        group = self.pod_groups.held(uid)
        if group is not None:
            now = self._room(group, self.used, len(self._placed))
            return refusal(group, now, self._room(group, NONE, 0))
        after = self.used.plus(request)
        lacks = []
        if self._closed:
            lacks.append("1 node(s) were unschedulable")
        elif self._full(uid):
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


def _fits(request: Request, used: Request, size: Request) -> bool:
    """Whether there is room beside what is used; what is not asked for is never short."""
    cpu = not request.cpu or used.cpu + request.cpu <= size.cpu
    return cpu and (not request.memory or used.memory + request.memory <= size.memory)
