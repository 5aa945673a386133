"""Which Jobs are synced, and when: now, after a while, or as soon as there is room to start them.

A Job waits until the pods of those before it are scheduled, unless it rests; then it is synced whenever
something about it changes and whenever it asked for it, until it is finished; then, if it is to be deleted,
until it expires.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from expander.local.controllers.job import conditions
from expander.local.controllers.job.controller import EXPIRY_NOTE, SyncResult, rests
from expander.local.controllers.jobs import JobControllers
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.job_states import RUNNING, SUSPENDED, UNFINISHED
from expander.local.store.objects import ObjectStore
from expander.local.timers import Timers

MAX_STARTED_PER_SYNC: Final = 16
"""Jobs that begin in one sync at most: the first containers start, and requests are answered, before the last
Job is synced.
"""

READ_AT_A_TIME: Final = 64
"""Waiting Jobs that are read from the file at a time."""

STATUS_BATCH_SECONDS: Final = 1.0
"""Seconds until a Job's status follows what is no more than news of its pods (syncJobBatchPeriod)."""


class PriorityQueue:
    """Uids: the highest priority comes first, and of one priority who came first."""

    def __init__(self) -> None:
        self._by_priority: dict[int, deque[str]] = {}

    def add(self, uid: str, priority: int) -> None:
        """Put it behind those of its priority."""
        self._by_priority.setdefault(priority, deque()).append(uid)

    def pop(self) -> str:
        """Take the first one."""
        highest = max(self._by_priority)
        uids = self._by_priority[highest]
        uid = uids.popleft()
        if not uids:
            del self._by_priority[highest]
        return uid

    def first(self, count: int) -> list[str]:
        """So many that come first, or fewer."""
        highest = max(self._by_priority)
        return [*islice(self._by_priority[highest], count)]

    def __len__(self) -> int:
        return sum(map(len, self._by_priority.values()))

    def __bool__(self) -> bool:
        return bool(self._by_priority)


class WorkQueue:
    """The looks at the Jobs of one cluster; ``synced`` is told what came of each.

    ``deadlines_wait``: a Job with a deadline begins when there is room for what its pod requests; in a
    cluster it begins before, and its time passes while the pod waits.
    """

    def __init__(
        self,
        jobs: JobControllers,
        scheduler: Scheduler,
        synced: Callable[[SyncResult], None],
        *,
        deadlines_wait: bool,
    ) -> None:
        self._deadlines_wait = deadlines_wait
        self.paused = False
        """Whether no further Job begins."""
        self.keeps_finished = False
        """Whether finished Jobs stay beyond their time, until `expired` is asked for those that are to go."""
        self.finished: deque[str] = deque()
        """Uids of Jobs that have ended, in order; whoever reads them takes them out."""
        self.waiting = PriorityQueue()
        """Uids of Jobs that have not begun; some may be gone, or synced for another reason."""
        self.held: dict[str, int] = {}
        """Unfinished Jobs of an earlier life that do not go on before `release`: their priorities by uid."""
        self._jobs = jobs
        self._scheduler = scheduler
        self._synced = synced
        self._ready: dict[str, None] = {}
        self._resting: deque[str] = deque()
        """Uids of new Jobs, and of those of an earlier life, that need no room: nothing of them is to run."""
        self._later: Timers[str] = Timers()
        self._expiries: Timers[str] = Timers()

    def add_job(self, job: Object, priority: int) -> None:
        """The Job, whose pods have that priority, is new."""
        self._jobs.arrived(job)
        uid = job["metadata"]["uid"]
        if rests(job) and not job["spec"].get("manualSelector"):
            self._resting.append(uid)
        else:
            self.waiting.add(uid, priority)

    def add(self, uid: str) -> None:
        """Sync the Job in the next sync."""
        self._ready[uid] = None

    def add_after(self, uid: str, now: float) -> None:
        """There is news that can wait for more of it."""
        self._later.set(uid, now + STATUS_BATCH_SECONDS)

    def release(self, uid: str) -> None:
        """Let a held Job go on."""
        if uid in self.held:
            self.waiting.add(uid, self.held.pop(uid))

    def expire(self, job: Object) -> None:
        """Note when the Job, which may have changed, is to go."""
        uid, at = job["metadata"]["uid"], conditions.expires_at(job)
        if at is None:
            self._expiries.drop(uid)
        else:
            self._expiries.set(uid, at)

    def expired(self, now: float) -> Iterator[str]:
        """Take the Jobs that are to go."""
        return self._expiries.due(now)

    def forget(self, uid: str) -> None:
        """The Job is gone."""
        self._jobs.forget(uid)
        self.held.pop(uid, None)
        self._later.drop(uid)
        self._expiries.drop(uid)

    def take_due(self, now: float) -> None:
        """The Jobs that asked to be looked at by now are ready.

        One that asks for the same moment again, having created as many pods as one sync may, waits for the
        next call: others have their turn in between.
        """
        for uid in self._later.due(now):
            self._ready[uid] = None

    def sync(self, now: float) -> bool:
        """Look at each Job that is ready; whether there was any."""
        ready, self._ready = self._ready, {}
        for uid in ready:
            self._sync_job(uid, now)
        return bool(ready)

    def sync_resting(self, now: float, *, at_least: int = 0) -> None:
        """Look at Jobs that have come in and of which nothing is to run; ``at_least`` at so many of them."""
        count = min(len(self._resting), max(MAX_STARTED_PER_SYNC, at_least))
        uids = [self._resting.popleft() for _ in range(count)]
        self._jobs.read_ahead(uids, count)
        for uid in uids:
            self._sync_job(uid, now)

    def start_jobs(self, now: float) -> None:
        """Begin Jobs as long as there is room for their pods."""
        begun = 0
        if self._can_begin():
            self._read_ahead(self._scheduler.spare)
        while begun < MAX_STARTED_PER_SYNC and self._can_begin():
            self._sync_job(self.waiting.pop(), now)
            begun += 1

    def prepare_jobs(self, now: float) -> None:
        """Begin as many Jobs as may have their pods before there is room for them."""
        if self._can_prepare():
            self._read_ahead(self._scheduler.spare + self._scheduler.ahead)
        for _ in range(MAX_STARTED_PER_SYNC):
            if not self._can_prepare():
                break
            if (
                self._jobs.deadline_request(self.waiting.first(1)[0]) is not None
            ):  # which is not to pass while it waits
                self._scheduler.ahead = 0
            else:
                self._sync_job(self.waiting.pop(), now, ahead=True)

    def _read_ahead(self, count: int) -> None:
        """Have so many Jobs in memory that are about to begin."""
        self._jobs.read_ahead(self.waiting.first(READ_AT_A_TIME), min(MAX_STARTED_PER_SYNC, count))

    @property
    def urgent(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._ready or self._resting) or self._can_begin() or self._can_prepare()

    def next(self) -> list[float]:
        """When there will be something to do."""
        expiry = None if self.keeps_finished else self._expiries.next()
        return [at for at in (self._later.next(), expiry) if at is not None]

    def restore(self, store: ObjectStore, priority: Callable[[str], int], *, hold: bool = False) -> None:
        """Take up the Jobs of an earlier life: of one ``priority`` those that had begun go first. With
        ``hold`` none goes on before `release`, but for suspended ones, of which nothing runs."""
        for uid, state in sorted(store.states("Job", UNFINISHED), key=lambda pair: pair[1] != RUNNING):
            if state == SUSPENDED:
                self._resting.append(uid)
            elif hold:
                self.held[uid] = priority(uid)
            else:
                self.waiting.add(uid, priority(uid))
        for uid, note in store.notes():
            if EXPIRY_NOTE in note:
                self._expiries.set(uid, note[EXPIRY_NOTE])

    def _can_begin(self) -> bool:
        if not self.waiting or self.paused or self._scheduler.spare <= 0:
            return False
        if not self._deadlines_wait or not self._scheduler.is_used:
            return True
        request = self._jobs.deadline_request(self.waiting.first(1)[0])
        return request is None or self._scheduler.has_room(request)

    def _can_prepare(self) -> bool:
        return bool(self.waiting) and not self.paused and -self._scheduler.ahead < self._scheduler.spare <= 0

    def _sync_job(self, uid: str, now: float, *, ahead: bool = False) -> None:
        found = None if uid in self.held else self._jobs.sync(uid, now, ahead=ahead)
        if found is None:
            return
        self._synced(found)
        if found.over:
            self._later.drop(uid)
            self.finished.append(uid)
            self.expire(found.job)
        elif found.again_at is not None:
            self._later.set(uid, found.again_at)
