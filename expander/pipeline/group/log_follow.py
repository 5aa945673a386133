"""Follows the logs of a group: each start of a container is read as soon as it is there.

The thread of a `Following` hears of Jobs and pods; what is to be read goes to the readers. It is over when
every Job of the group has ended and what their pods wrote has been asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from expander.kube.objects import Change, Object, owner_of, uid_of
from expander.pipeline.group.attempts import index_of
from expander.pipeline.group.logs import Start, Wanted
from expander.pipeline.group.records import record_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.standing import has_ended

GLANCE: Final = 0.3
"""Seconds for which changes are gathered when they do not stop coming, so that attempts are in order."""

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
        self._news: set[tuple[str, int]] = set()
        """Items of which something has changed: a Job's uid, and an index or -1."""
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
            looked = time.monotonic()
            for change in self._reader.changes(self._stopped.is_set):
                if change is not None:
                    self._see(change)
                if change is None or time.monotonic() - looked > GLANCE:
                    self._look_at_news()
                    looked = time.monotonic()
                if change is None and not self._open and self._is_over():
                    break
        except BaseException as error:  # whoever looks at `over` raises it
            self.error = error
        finally:
            self.over.set()

    def _see(self, change: Change) -> None:
        uid = uid_of(change.object)
        if change.object.get("kind") != "Job":
            if change.type != "DELETED":
                self._keep(change.object)
            return
        over = change.type == "DELETED" or has_ended(change.object)
        (self._open.discard if over else self._open.add)(uid)
        if change.type == "DELETED":
            return
        news = uid not in self._jobs or self._wanted.failed
        self._jobs[uid] = change.object
        if news:
            self._news.update((uid, index) for index in self._pods.get(uid, ()))

    def _keep(self, pod: Object) -> None:
        """Note how a pod is now."""
        key = owner_of(pod), index_of(pod)
        self._pods.setdefault(key[0], {}).setdefault(key[1], {})[uid_of(pod)] = pod
        self._news.add(key)

    def _look_at_news(self) -> None:
        """Begin what is new of the items whose Job is known."""
        for uid, index in sorted(self._news):
            if (job := self._jobs.get(uid)) is None:
                continue
            record = record_of(job, list(self._pods[uid][index].values()), index)
            for start in self._wanted.starts(record):
                if start.key not in self._begun:
                    self._begun.add(start.key)
                    self._begin(start)
        self._news.clear()

    def _is_over(self) -> bool:
        """Whether there is no unfinished Job; then what the pods have now is begun as well."""
        jobs = list(self._reader.jobs())
        if not all(map(has_ended, jobs)):
            return False
        self._jobs.update((uid_of(job), job) for job in jobs)
        for pod in self._reader.pods(jobs):
            self._keep(pod)
        self._look_at_news()
        return True
