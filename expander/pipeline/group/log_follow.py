"""Follows the logs of a group: each start of a container is read as soon as it is there.

The thread of a `Following` hears of Jobs and pods; what is to be read goes to the readers. It is over when
every Job of the group has ended and what their pods wrote has been asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from expander.manifests.selection import Object, owner_of, uid_of
from expander.pipeline.group.attempts import index_of
from expander.pipeline.group.logs import Start, Wanted
from expander.pipeline.group.records import record_of
from expander.pipeline.group.source import Change, Reader
from expander.pipeline.group.standing import has_ended

QUIET: Final = 0.2
"""Seconds the caller should wait for something to print before it looks whether all is over."""


class Following:
    """Tells ``begin`` of each log that is there or comes up. ``error`` says why it ended early, if it did."""

    def __init__(self, reader: Reader, wanted: Wanted, begin: Callable[[Start], None]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._begin = begin
        self._jobs: dict[str, Object] = {}
        self._open: set[str] = set()
        self._pods: dict[str, dict[int, dict[str, Object]]] = {}
        self._begun: set[tuple[str, str, int]] = set()
        self._stopped = threading.Event()
        self.over = threading.Event()
        self.error: BaseException | None = None

    @property
    def empty(self) -> bool:
        """Whether there was no Job at all."""
        return not self._jobs

    def start(self) -> None:
        """Begin to follow, in a thread that nobody waits for at exit."""
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Begin no further log."""
        self._stopped.set()

    def _work(self) -> None:
        try:
            for change in self._reader.changes(self._stopped.is_set):
                if change is not None:
                    self._see(change)
                elif not self._open and self._is_over():
                    break
        except BaseException as error:  # whoever looks at `over` raises it
            self.error = error
        finally:
            self.over.set()

    def _see(self, change: Change) -> None:
        uid = uid_of(change.object)
        if change.object.get("kind") != "Job":
            if change.type != "DELETED":
                self._look(owner_of(change.object), self._keep(change.object))
            return
        over = change.type == "DELETED" or has_ended(change.object)
        (self._open.discard if over else self._open.add)(uid)
        if change.type == "DELETED":
            return
        news = uid not in self._jobs or self._wanted.failed
        self._jobs[uid] = change.object
        for index in list(self._pods.get(uid, ())) if news else ():
            self._look(uid, index)

    def _keep(self, pod: Object) -> int:
        """Note how a pod is now; gives its index, -1 when it has none."""
        index = index_of(pod)
        self._pods.setdefault(owner_of(pod), {}).setdefault(index, {})[uid_of(pod)] = pod
        return index

    def _look(self, uid: str, index: int) -> None:
        """Begin what is new of an item."""
        job = self._jobs.get(uid)
        if job is None:
            return
        record = record_of(job, list(self._pods[uid][index].values()), index)
        for start in self._wanted.starts(record):
            if start.key not in self._begun:
                self._begun.add(start.key)
                self._begin(start)

    def _is_over(self) -> bool:
        """Whether there is no unfinished Job; then what the pods have now is begun as well."""
        jobs = list(self._reader.jobs())
        if not all(map(has_ended, jobs)):
            return False
        self._jobs.update((uid_of(job), job) for job in jobs)
        for pod in self._reader.pods(jobs):
            self._look(owner_of(pod), self._keep(pod))
        return True
