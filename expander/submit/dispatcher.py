"""Decides which item is sent next and what follows from its response. Pure: time and jitter are arguments."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from expander.base.log import Log
from expander.base.option_names import option
from expander.client.retry import USUAL_RETRY_AFTER_SECONDS
from expander.client.transport import CREDENTIAL_RETRY_SECONDS
from expander.submit.active_window import ActiveWindow
from expander.submit.delivery import (
    SPLIT,
    Action,
    Continue,
    Delivery,
    Finished,
    Outcome,
    QuotaExceeded,
    RetryAfter,
    Stage,
    Unauthorized,
)
from expander.submit.options import SubmitOptions
from expander.submit.quota_gate import Excess, QuotaGate, summarize_quota
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request import PreparedRequest

log = Log("submit")

MAX_UNAUTHORIZED: Final = 3
"""401 responses in a row, for each request under way, after which the submission ends."""


class WorkQueue:
    """Deliveries in the order in which they may be sent, as client-go's delaying workqueue.

    A retry that is due goes before what was never tried; one after a failure takes turns with it.
    """

    def __init__(self) -> None:
        self._urgent: deque[Delivery] = deque()
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._refused: list[tuple[float, int, Delivery]] = []
        self._failed: list[tuple[float, int, Delivery]] = []
        self._failed_is_next = False
        self._number = count()

    @property
    def ready(self) -> int:
        """Deliveries that may be sent at once, for all that is known here."""
        return len(self._urgent) + len(self._ready)

    @property
    def waiting(self) -> int:
        """Deliveries that wait for their time."""
        return len(self._waiting) + len(self._refused) + len(self._failed)

    def add(self, delivery: Delivery) -> None:
        """A delivery that was never tried."""
        self._ready.append(delivery)

    def add_first(self, delivery: Delivery) -> None:
        """A delivery that goes on at once."""
        self._urgent.append(delivery)

    def add_after(self, delivery: Delivery, at: float) -> None:
        """A delivery that is tried again at the time ``at``."""
        heapq.heappush(self._waiting, (at, next(self._number), delivery))

    def add_refused(self, delivery: Delivery, at: float) -> None:
        """A delivery that is tried again when a seat is free, at the time ``at`` at the latest."""
        heapq.heappush(self._refused, (at, next(self._number), delivery))

    def add_failed(self, delivery: Delivery, at: float) -> None:
        """A delivery that is tried again when nothing else is to be sent, or in turn from ``at`` on."""
        heapq.heappush(self._failed, (at, next(self._number), delivery))

    def seats_are_free(self, seats: int, begun_only: bool = False) -> None:
        """Another request was answered: as many of those that were refused may go, one at least.

        What failed goes where nothing else would: the reason may be the item, which fails again.
        """
        for _ in range(min(len(self._refused), max(1, seats - len(self._urgent)))):
            self._urgent.append(heapq.heappop(self._refused)[2])
        if not self.has_ready(begun_only):
            for _ in range(min(len(self._failed), seats)):
                self._urgent.append(heapq.heappop(self._failed)[2])

    def take(self, now: float, begun_only: bool = False) -> Delivery | None:
        """The next delivery whose time has come; with ``begun_only`` none that was never tried."""
        for later in (self._waiting, self._refused):
            while later and later[0][0] <= now:
                self._urgent.append(heapq.heappop(later)[2])
        if self._urgent:
            return self._urgent.popleft()
        if (
            self._failed
            and self._failed[0][0] <= now
            and (self._failed_is_next or not self._ready or begun_only)
        ):
            self._failed_is_next = False
            return heapq.heappop(self._failed)[2]
        self._failed_is_next = True
        return self._ready.popleft() if self._ready and not begun_only else None

    def next_due(self, now: float) -> float | None:
        """Seconds until the first waiting delivery may go; None when none waits."""
        times = [later[0][0] for later in (self._waiting, self._refused, self._failed) if later]
        return max(0.0, min(times) - now) if times else None

    def has_ready(self, begun_only: bool = False) -> bool:
        """Whether `take` has a delivery at once, without those that wait for their time."""
        return bool(self._urgent or (self._ready and not begun_only))


class Dispatcher:
    """All deliveries of a submission. Not safe for threads: the caller holds a lock.

    ``settled`` are outcomes that were not taken yet; ``pending`` deliveries are not settled, of which
    ``under_way`` wait for a response, and ``refused`` requests in a row were refused for load or got none.
    ``unauthorized`` is why the submission ends for want of credentials, ``why`` what the last delivery that
    waits is waiting for; ``paths`` are the API paths of pending items.
    """

    def __init__(
        self, limiter: AdaptiveRateLimiter, options: SubmitOptions, window: ActiveWindow | None = None
    ) -> None:
        self.window = window
        self.gate: QuotaGate[Delivery] = QuotaGate()
        self.settled: list[Outcome] = []
        self.paths: set[str] = set()
        self.pending = 0
        self.under_way = 0
        self.refused = 0
        self.unauthorized: Unauthorized | None = None
        self.why = ""
        self._limiter = limiter
        self._options = options
        self._retry = options.retry
        self._queue = WorkQueue()
        self._held_at: dict[int, float] = {}
        self._unauthorized_in_a_row = 0
        self._namespaces: set[str] = set()
        """Those of items but for the `_lost` ones, which have why nothing can be created there."""
        self._lost: dict[str, str] = {}
        self._unsent_since: float | None = None
        """When it was first found that there are no credentials."""

    @property
    def lacks_credentials(self) -> bool:
        """Whether nothing can be sent until credentials are renewed."""
        return self._unsent_since is not None

    @property
    def hopeless(self) -> str:
        """Why nothing that is left can be created: no namespace of an item is there. Empty where one is."""
        is_over = self._lost and not self._namespaces and self.pending > self.under_way
        return next(iter(self._lost.values())) if is_over else ""

    @property
    def ready(self) -> int:
        """Deliveries that wait for nothing but a free place."""
        return self._queue.ready

    @property
    def is_full(self) -> bool:
        """Whether as many requests are under way as may be."""
        return self.under_way >= self._limiter.limit

    def counts(self) -> dict[str, int]:
        """What pending deliveries are doing: ``sending``, ``retrying`` or ``held`` for quota."""
        return {"sending": self.under_way, "retrying": self._queue.waiting, "held": len(self.gate)}

    def waits_for(self, now: float) -> str:
        """What deliveries wait for, for people; empty when none waits."""
        if not (self.refused or self._queue.waiting or len(self.gate)):
            return ""
        due = self.next_due(now) if self.refused else None
        times = f"{self.why}: refused {self.refused:,} times in a row" if self.refused > 1 else self.why
        return f"{times}, next try in {math.ceil(due)} s" if due and self.refused else times

    def add(
        self, prepared: PreparedRequest, known_version: str | None = "", if_absent: Finished | None = None
    ) -> None:
        """Deliver an item; ``known_version`` is the resourceVersion it has in the cluster, None for unknown.

        With ``if_absent`` that becomes of it unless it exists.
        """
        self.pending += 1
        self.paths.add(prepared.path)
        self._note_namespace(prepared)
        stage: Stage = "delete" if prepared.replaces else "create"
        if if_absent is not None or (known_version is None and not prepared.replaces):
            stage = "compare"  # no list of the group tells what is there
        delivery = Delivery(
            prepared, stage, uid=prepared.replaces, known_version=known_version or "", if_absent=if_absent
        )
        self._queue.add(delivery)

    def replace(self, prepared: PreparedRequest, found: Mapping[str, Any], propagation: str) -> None:
        """Deliver the next attempt at an item, whose Job ``found`` is deleted first.

        It does not wait for a place in the window when that Job has one.
        """
        self.pending += 1
        self.paths.add(prepared.path)
        self._note_namespace(prepared)
        delivery = Delivery(prepared, "delete", uid=prepared.replaces, found=found, propagation=propagation)
        if self.window is not None and self.window.has(prepared):
            self._queue.add_first(delivery)
        else:
            self._queue.add(delivery)

    def _note_namespace(self, prepared: PreparedRequest) -> None:
        if prepared.namespace and prepared.namespace not in self._lost:
            self._namespaces.add(prepared.namespace)

    def take(self, now: float) -> Delivery | None:
        """A delivery whose next request is to be sent now, if there is one."""
        while not self.is_full and self._limiter.wait(now) == 0:
            delivery = self._released(now) or self._queue.take(now, begun_only=self._window_is_full)
            if delivery is None:
                return None
            if self._may_go(delivery, now):
                self._limiter.acquire()
                delivery.beside, delivery.sent_at = self.under_way, now
                self.under_way += 1
                if delivery.first_attempt_at is None:
                    delivery.first_attempt_at = now
                return delivery
        return None

    def next_due(self, now: float) -> float | None:
        """Seconds until `take` may find something without news before; None for never, 0 for at once."""
        if self.is_full:
            return None
        due = [each for each in (self._queue.next_due(now), self.gate.next_due(now)) if each is not None]
        if self._queue.has_ready(self._window_is_full):
            due.append(0.0)
        return max(min(due), self._limiter.wait(now)) if due else None

    def handle(
        self, delivery: Delivery, action: Action, asked: float | None, now: float, chance: float
    ) -> None:
        """The request of a delivery came to ``action``; the server ``asked`` to wait so many seconds."""
        self.under_way -= 1
        refusal = action if isinstance(action, RetryAfter) and action.busy else None
        full = refusal is not None and refusal.full
        self._limiter.record(now, refusal is not None, full, delivery.beside, asked, delivery.sent_at)
        self.refused = 0 if refusal is None else self.refused + 1
        if refusal is None:
            self._queue.seats_are_free(self._limiter.limit - self.under_way, self._window_is_full)
        if delivery.released and isinstance(action, Finished | QuotaExceeded):
            created = isinstance(action, Finished) and action.outcome == "created"
            self.gate.release_done(delivery.collection, delivery, now, created)
            delivery.released = False
        if not (isinstance(action, Unauthorized) and action.is_unsent):
            self._unsent_since = None
        if not isinstance(action, Unauthorized):
            self._unauthorized_in_a_row = 0
        absent = delivery.if_absent
        if absent is not None and delivery.stage == "create" and not isinstance(action, Finished):
            delivery.if_absent = None  # it was looked for, and does not exist
            if isinstance(absent, Finished):
                self._settle(delivery, absent)
            else:
                self._refused(delivery, absent.message, now)
        else:
            self._follow(delivery, action, asked, now, chance)

    @property
    def _window_is_full(self) -> bool:
        return self.window is not None and self.window.is_full

    def _released(self, now: float) -> Delivery | None:
        if self._window_is_full:
            return None
        for collection in self.gate.collections():
            delivery = self.gate.release(collection, now)
            if delivery is not None:
                log.info("quota has room: sending %(path)s", path=delivery.prepared.path)
                delivery.first_attempt_at = None  # the time it was held is no failure of the server
                delivery.released = True
                return delivery
        return None

    def _may_go(self, delivery: Delivery, now: float) -> bool:
        """Whether a delivery does not have to wait for a quota: it may exist, so that it needs no room."""
        if delivery.stage == "delete" and self.window is not None and delivery.prepared.is_workload:
            self.window.replace(delivery.prepared, delivery.uid)
        if delivery.stage != "create":
            return True
        if not delivery.released and self.gate.is_closed(delivery.collection):
            if delivery.checked_absent:
                self._wait_for_room(delivery, now)
                return False
            delivery.stage, delivery.if_absent = "compare", QuotaExceeded(Excess("", {}), self.why)
        elif self.window is not None and delivery.prepared.is_workload:
            self.window.reserve(delivery.prepared)
        return True

    def _follow(
        self, delivery: Delivery, action: Action, asked: float | None, now: float, chance: float
    ) -> None:
        if isinstance(action, Finished):
            self._settle(delivery, action)
        elif isinstance(action, Continue):
            delivery.failures = 0
            self._queue.add_first(delivery)
        elif isinstance(action, QuotaExceeded):
            self._hold(delivery, action, now)
        elif isinstance(action, RetryAfter):
            self._retry_later(delivery, action, asked, now, chance)
        elif action.is_unsent:
            self._wait_for_credentials(delivery, action, now)
        else:
            self._log_retry(delivery, action.message, 0.0)
            self._unauthorized_in_a_row += 1
            if self._unauthorized_in_a_row > MAX_UNAUTHORIZED * self._limiter.limit:
                self.unauthorized = action
            self._queue.add_after(delivery, now + self._retry.wait(1, None, chance))

    def _wait_for_credentials(self, delivery: Delivery, action: Unauthorized, now: float) -> None:
        """Nothing was sent, which is no failure of the item; all wait as long as one may be tried."""
        self.why = action.message
        self._unsent_since = now if self._unsent_since is None else self._unsent_since
        if self._retry.is_over(self._unsent_since, now, CREDENTIAL_RETRY_SECONDS):
            self.unauthorized = action
        self._log_retry(delivery, action.message, CREDENTIAL_RETRY_SECONDS)
        delivery.first_attempt_at = None
        self._queue.add_after(delivery, now + CREDENTIAL_RETRY_SECONDS)

    def _retry_later(
        self, delivery: Delivery, action: RetryAfter, asked: float | None, now: float, chance: float
    ) -> None:
        self.why = action.why
        asked = action.after if action.after is not None else asked
        delivery.failures += asked is None
        may_go = action.full or (action.busy and not self._queue.has_ready(self._window_is_full))
        at_once = may_go and self._limiter.refuses_by_chance
        wait = 0.0 if at_once else self._retry.wait(delivery.failures, asked, chance)
        if may_go and asked is None:
            wait = min(wait, USUAL_RETRY_AFTER_SECONDS)  # the limiter makes longer waits, of all together
        if self._retry.is_over(delivery.first_attempt_at or now, now, wait):
            attempts = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
            words = f"given up after {attempts}: {action.why}" + (action.message and f": {action.message}")
            words += "; it may have been created" if delivery.maybe_created else ""
            self._settle(delivery, Finished("failed", "RetryBudget", words, passed=False))
        else:
            self._log_retry(delivery, action.why, wait)
            if at_once:
                self._queue.add_first(delivery)
            elif action.full:
                self._queue.add_refused(delivery, now + wait)
            elif action.busy:
                self._queue.add_failed(delivery, now + wait)
            else:
                self._queue.add_after(delivery, now + wait)

    def _log_retry(self, delivery: Delivery, why: str, wait: float) -> None:
        log.info(
            "%(stage)s %(path)s: %(why)s, attempt %(attempt)d, retry in %(wait).1f s",
            stage=delivery.stage,
            path=delivery.prepared.path,
            why=why,
            attempt=delivery.attempts,
            wait=wait,
        )

    def _hold(self, delivery: Delivery, action: QuotaExceeded, now: float) -> None:
        """A quota has no room. Since it is checked before names are, the object may exist all the same."""
        if self._options.on_quota == "wait":
            self.why = summarize_quota(action.message)
            if "count/jobs.batch" in self.why and not self._options.delete_finished:
                ways = f"{option('--delete-finished', True)}, {option('--ttl')}"
                self.why += f"; finished Jobs count until they are deleted ({ways})"
            self.gate.refuse(delivery.collection, action.excess, now)
        log.info("%(path)s refused: %(why)s", path=delivery.prepared.path, why=action.message)
        if delivery.stage == "create" and not delivery.checked_absent:
            delivery.stage, delivery.if_absent = "compare", action
            self._queue.add_first(delivery)
        else:
            self._refused(delivery, action.message, now)

    def _refused(self, delivery: Delivery, message: str, now: float) -> None:
        """A quota refused an item that does not exist."""
        if self._options.on_quota != "wait":
            self._settle(delivery, Finished("refused", "QuotaExceeded", message, passed=False))
        elif self.gate.is_closed(delivery.collection):
            self._wait_for_room(delivery, now)
        else:
            self._leave_window(delivery)
            self._queue.add(delivery)

    def _wait_for_room(self, delivery: Delivery, now: float) -> None:
        self._leave_window(delivery)
        log.debug("%(path)s waits: %(why)s", path=delivery.prepared.path, why=self.why)
        held_before = id(delivery) in self._held_at
        self._held_at.setdefault(id(delivery), now)
        self.gate.enqueue(delivery.collection, delivery, first=held_before)

    def _leave_window(self, delivery: Delivery) -> None:
        if self.window is not None:
            self.window.confirm(delivery.prepared, unfinished=False)

    def give_up_held(self, now: float) -> None:
        """Settle what was held for quota longer than the options allow."""
        timeout = self._options.quota_timeout
        if timeout is None:
            return
        for delivery in self.gate.expire(now - timeout, self._held_at):
            words = f"no room in the quota within {timeout:g} s"
            self._settle(delivery, Finished("failed", "QuotaExceeded", words, passed=False))

    def _settle(self, delivery: Delivery, result: Finished) -> None:
        prepared = delivery.prepared
        if result.has_no_namespace:
            self._namespaces.discard(prepared.namespace)
            self._lost[prepared.namespace] = result.message
        elif result.outcome in ("created", "changed") and self._lost.pop(prepared.namespace, ""):
            self._note_namespace(prepared)
        if self.window is not None and prepared.is_workload:
            exists = result.outcome in ("created", "changed", "unchanged")
            self.window.confirm(prepared, unfinished=exists and not delivery.ended)
        self.pending -= 1
        self.paths.discard(prepared.path)
        self._held_at.pop(id(delivery), None)
        log.debug(
            "%(path)s %(outcome)s, attempts %(attempts)d",
            path=prepared.path,
            outcome=result.outcome,
            attempts=delivery.attempts,
        )
        found = delivery.found if result.reason == SPLIT else None
        self.settled.append(Outcome(prepared, result, delivery.attempts, found))
