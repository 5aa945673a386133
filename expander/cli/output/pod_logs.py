"""Follows the pods of a run: which logs there are, whose lines they are, and when they are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from expander.base.dataclass import dataclass
from expander.cli.output.printer import Printer
from expander.cli.output.titles import container_title, has_color, item_title, part_of, prefix
from expander.group.records import ended_parts, part_count
from expander.kube.objects import ENDED, Object, owner_of, start_count, statuses_of, uid_of
from expander.local.kubelet.pod_files import PodFolders
from expander.manifests.rerun import attempt_of
from expander.run.live_logs import LiveLogs, Log, Unit

Key = tuple[str, str]
"""Namespace and name of a Job, or of a pod without one."""


def key_of(pod: Object) -> Key:
    """The Job that a pod belongs to; a pod without one is its own."""
    metadata = pod["metadata"]
    owners = (each for each in metadata.get("ownerReferences") or () if each.get("controller"))
    return metadata["namespace"], next(owners, metadata)["name"]


@dataclass(slots=True)
class _Followed:
    """A pod whose logs are printed; ``logs`` by container, a log for each start."""

    part: int
    unit: Unit
    title: str
    attempt: int
    owner: str
    logs: dict[str, list[Log]] = field(default_factory=dict)


class PodLogs:
    """Tells ``printer`` which of ``logs`` begin and end. ``find`` gives a Job by namespace and name.

    ``ordered``: each index of a Job has a place of its own in the order.
    """

    def __init__(
        self,
        state: Path,
        find: Callable[[str, str], Object | None],
        printer: Printer,
        logs: LiveLogs,
        *,
        ordered: bool,
    ) -> None:
        self._folders = PodFolders(state)
        self._find = find
        self._printer = printer
        self._logs = logs
        self._ordered = ordered
        self._colored = has_color()
        self._pods: dict[str, _Followed] = {}
        self._by_job: dict[Key, list[str]] = {}
        self._failing: set[Key] = set()

    def expect(self, key: Key, job: Object) -> None:
        """A Job comes next in the order."""
        if self._ordered:
            for unit in self._units(key, job):
                self._printer.do(partial(self._logs.expect, unit))

    def follow(self, key: Key, pod: Object) -> None:
        """Containers of a pod have started or ended."""
        known = self._pods.get(uid_of(pod)) or self._known(key, pod)
        files, phase = self._folders.of(pod), (pod.get("status") or {}).get("phase")
        over = phase in ENDED
        for status in statuses_of(pod):
            name, restarts, state = status["name"], status.get("restartCount") or 0, status.get("state") or {}
            ended = "terminated" in state
            logs = known.logs.setdefault(name, [])
            while len(logs) < start_count(status):
                title = container_title(known.title, known.attempt, pod, name)
                begun = prefix(title, self._colored)
                logs.append(Log(files.log(name, len(logs)), begun, terminal=self._printer.safe))
                self._printer.do(partial(self._logs.begin, known.unit, logs[-1]))
            for log in logs if over or ended else logs[:restarts]:
                if not log.told_end:
                    log.told_end = True
                    self._printer.do(log.end)
        if known.unit != key and phase == "Succeeded":
            self._printer.do(partial(self._logs.over, known.unit))
        elif known.unit != key and phase == "Failed":
            self._failing.add(key)

    def _known(self, key: Key, pod: Object) -> _Followed:
        siblings, job = self._by_job.setdefault(key, []), self._find(*key)
        part = -1 if job is None else part_of(job, pod)
        same = [self._pods[each] for each in siblings if self._pods[each].part == part]
        before = 0 if job is None else attempt_of(job) - 1  # attempts that this run may not have seen
        owner = owner_of(pod)
        attempt = 1 + max(len(same), before + sum(each.owner == owner for each in same))
        unit = (key, part) if self._ordered and part >= 0 else key
        found = self._pods[uid_of(pod)] = _Followed(part, unit, item_title(job or pod, part), attempt, owner)
        siblings.append(uid_of(pod))
        return found

    def has_seen(self, key: Key, job: Object) -> bool:
        """Whether every pod of a Job that has ended was told."""
        status = job.get("status") or {}
        ended = (status.get("succeeded") or 0) + (status.get("failed") or 0)
        return 0 < ended <= len(self._by_job.get(key, ()))

    def end(self, key: Key, job: Object, pods: Iterable[Object], then: Callable[[], None] | None) -> None:
        """A Job has ended; ``pods`` are those that may not have been told, ``then`` what is said of it."""
        for pod in pods:
            self.follow(key, pod)
        for uid in self._by_job.pop(key, ()):
            del self._pods[uid]
        self._failing.discard(key)
        units = self._units(key, job)
        for unit in units:
            self._printer.do(partial(self._logs.over, unit, then if unit is units[-1] else None))

    def end_failed_indexes(self) -> None:
        """Nothing more comes of indexes that have failed for good."""
        for key in self._failing:
            if (job := self._find(*key)) is not None:
                _, lost = ended_parts(job, part_count(job) or 0, ())
                for first, last in lost:
                    for index in range(first, last + 1):
                        self._printer.do(partial(self._logs.over, (key, index)))
        self._failing.clear()

    def _units(self, key: Key, job: Object) -> Sequence[Unit]:
        count = part_count(job) or 1 if self._ordered else 1
        return [key] if count == 1 else [(key, index) for index in range(count)]
