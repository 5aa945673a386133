"""Threads that send the requests of a `Dispatcher`.

One lock guards the dispatcher; threads hold it only between requests. An idle thread sleeps until it is
notified: of a new item, a response, or a change in the cluster. One of them sleeps no longer than until the
next delivery is due.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Final

from expander.base.errors import ClusterError, ExpanderError
from expander.base.log import Log
from expander.client.retry import retry_after
from expander.client.transport import ConnectionLost, Transport
from expander.kube.scheme import KINDS
from expander.submit.active_window import ActiveWindow
from expander.submit.delivery import (
    Action,
    Delivery,
    Finished,
    Outcome,
    RetryAfter,
    Unauthorized,
    next_request,
)
from expander.submit.dispatcher import Dispatcher
from expander.submit.options import SubmitOptions
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request import PreparedRequest
from expander.submit.responses import interpret_response, lost_response

log = Log("submit")

MAX_BACKLOG: Final = 2000
"""Items that are pending at a time: sent, waiting for another attempt, or held for quota."""

MAX_WARNINGS: Final = 1000
"""Different Warning headers that are counted."""

PREREQUISITE_KINDS: Final = frozenset(each.kind for each in KINDS if each.created_first)
"""Kinds that must exist before what follows them is sent."""


class Workers:
    """Sends items over ``transport`` in up to ``options.max_in_flight`` threads.

    ``window`` bounds unfinished Jobs, None for no bound; ``on_replace`` is called before a Job of an earlier
    submission is deleted to be made anew. ``lock`` guards ``dispatcher``, with ``mutex``; ``quota_held`` is
    notified when an item is held for quota. ``warnings`` counts the Warning headers of responses by text.
    """

    def __init__(
        self,
        transport: Transport,
        options: SubmitOptions,
        window: ActiveWindow | None = None,
        on_replace: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.mutex = threading.RLock()
        self.lock = threading.Condition(self.mutex)
        self.quota_held = threading.Condition(self.mutex)
        limiter = AdaptiveRateLimiter(options.max_in_flight, options.qps, options.burst)
        self.dispatcher = Dispatcher(limiter, options, window)
        self.warnings: Counter[str] = Counter()
        self._transport = transport
        self._options = options
        self._on_replace = on_replace
        self._outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        self._stopped = False
        self._failure: ExpanderError | None = None
        self._prerequisite = False
        self._threads = 0
        self._idle = 0
        self._deadline = math.inf

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more will be sent."""
        return self._stopped

    @property
    def pending(self) -> int:
        """Items that were added and are not settled."""
        return self.dispatcher.pending

    @property
    def window(self) -> ActiveWindow | None:
        """The bound of unfinished Jobs."""
        return self.dispatcher.window

    def counts(self) -> dict[str, int]:
        """What pending items are doing: ``sending``, ``retrying`` or ``held`` for quota."""
        with self.lock:
            return self.dispatcher.counts()

    def stop(self) -> None:
        """Send nothing more; responses under way are waited for. Safe in a signal handler."""
        self._stopped = True
        self._outcomes.put(None)

    def fail(self, error: ExpanderError) -> None:
        """`stop`, and let `raise_failure` raise ``error``."""
        self._failure = self._failure or error
        self.stop()

    def raise_failure(self) -> None:
        """Raise the error of `fail`, if there was one."""
        if self._failure is not None:
            raise self._failure

    def wake(self) -> None:
        """Something that deliveries wait for has changed."""
        with self.lock:
            self._wake_one()
        self._outcomes.put(None)

    def has_room(self) -> bool:
        """Whether `add` may be called: the backlog is bounded, and prerequisites go first."""
        return self.pending < MAX_BACKLOG and not (self._prerequisite and self.pending)

    def add(
        self, prepared: PreparedRequest, known_version: str | None = "", if_absent: Finished | None = None
    ) -> None:
        """Deliver an item; see `Dispatcher.add`."""
        with self.lock:
            self._prerequisite = prepared.kind in PREREQUISITE_KINDS
            self.dispatcher.add(prepared, known_version, if_absent)
            self._wake_one()

    def replace(self, prepared: PreparedRequest, found: Mapping[str, Any], propagation: str) -> None:
        """Deliver the next attempt at an item; see `Dispatcher.replace`."""
        with self.lock:
            self.dispatcher.replace(prepared, found, propagation)
            self._wake_one()

    def take(self, wait: bool) -> list[Outcome]:
        """The outcomes that are known; with ``wait`` after something has happened, which may be none.

        After `stop` it does not wait unless a response is under way.
        """
        found: list[Outcome | None] = []
        if wait and not (self._stopped and not self.dispatcher.under_way):
            found.append(self._outcomes.get())
        while True:
            try:
                found.append(self._outcomes.get_nowait())
            except Empty:
                break
        if self._stopped:
            with self.lock:
                self._idle = 0
                self.lock.notify_all()
        return [outcome for outcome in found if outcome is not None]

    def is_over(self) -> bool:
        """Whether no further outcome will come: all items are settled, or it was stopped."""
        with self.lock:
            busy = self.dispatcher.under_way if self._stopped else self.pending
            return not busy and self._outcomes.empty()

    def give_up_held(self) -> None:
        """Settle what was held for quota longer than the options allow."""
        with self.lock:
            self.dispatcher.give_up_held(time.monotonic())
            self._publish()

    def _publish(self) -> None:
        while self.dispatcher.settled:
            self._outcomes.put(self.dispatcher.settled.popleft())

    def _work(self) -> None:
        while True:
            with self.lock:
                delivery = self._next()
            if delivery is None:
                return
            self._attempt(delivery)

    def _wake_one(self) -> None:
        """Have one thread look for a delivery; it wakes the next one when it finds one."""
        self.lock.notify()
        if self._idle > 0:
            self._idle -= 1
        elif self._threads < self._options.max_in_flight:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _next(self) -> Delivery | None:
        """Wait for a delivery that may be sent now; None after `stop`."""
        while not self._stopped:
            now = time.monotonic()
            delivery = self.dispatcher.take(now)
            due = self.dispatcher.next_due(now)
            unwatched = due is not None and now + due < self._deadline
            if delivery is not None:
                if unwatched:
                    self._wake_one()
                return delivery
            self._wait(due if unwatched else None, now)
        return None

    def _wait(self, seconds: float | None, now: float) -> None:
        """Sleep until notified; at most ``seconds``, and then no other thread needs to wake before."""
        self._idle += 1
        deadline = math.inf if seconds is None else now + seconds
        self._deadline = min(self._deadline, deadline)
        if not self.lock.wait(seconds):
            self._idle -= 1  # whoever notifies has done it else
        if self._deadline == deadline:
            self._deadline = math.inf

    def _attempt(self, delivery: Delivery) -> None:
        """Send one request, and follow up on its response."""
        delivery.attempts += 1
        asked: float | None = None
        warnings: tuple[str, ...] = ()
        action: Action
        try:
            if delivery.stage == "delete" and delivery.found is not None:
                if self._on_replace is not None:
                    self._on_replace(delivery)
                delivery.found = None
            request = next_request(delivery, self._options)
            response = self._transport.request(
                request.method, request.path, request.body, request.content_type
            )
            warnings = response.warnings
            asked = retry_after(response.headers, response.body, time.time())
            action = interpret_response(delivery, response, self._options)
        except ConnectionLost as error:
            action = lost_response(delivery, str(error))
        except ExpanderError as error:
            self.fail(error)
            action = RetryAfter(str(error), busy=False)
        except Exception as error:
            log.info("unexpected response: %(error)r", error=error)
            action = Finished("failed", type(error).__name__, "unexpected response", passed=False)
        with self.lock:
            if isinstance(action, Unauthorized):
                self._transport.refresh()
            for text in warnings:
                if text in self.warnings or len(self.warnings) < MAX_WARNINGS:
                    self.warnings[text] += 1
            self.dispatcher.handle(delivery, action, asked, time.monotonic(), random.random())
            if self.dispatcher.unauthorized is not None and not self._stopped:
                server, why = self._transport.server, self.dispatcher.unauthorized
                self.fail(ClusterError(f"{server} does not accept the credentials: {why}"))
            self._publish()
            if self._stopped:
                self._outcomes.put(None)  # whoever waits for the last response is to look again
            if len(self.dispatcher.gate):
                self.quota_held.notify_all()
