"""Delivers prepared items with several threads, and says what became of each.

One lock guards the pure parts; threads hold it only between requests. The caller's thread feeds items and
takes outcomes, so that what is in memory is bounded by `LARGEST_BACKLOG`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from expander.base.errors import ClusterError, ExpanderError
from expander.client.retry import retry_after
from expander.client.transport import ConnectionLost, Transport
from expander.kube.scheme import KINDS
from expander.submit.active_window import ActiveWindow
from expander.submit.delivery import (
    Action,
    Delivery,
    Finished,
    RetryAfter,
    Unauthorized,
    interpret_response,
    next_request,
)
from expander.submit.dispatcher import Dispatcher
from expander.submit.options import Outcome, SubmitOptions
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request import PreparedRequest

MAX_BACKLOG: Final = 2000
"""Items that are on their way at a time: sent, waiting for another attempt, or held for quota."""

GLANCE: Final = 0.2
"""Seconds a thread sleeps at most before it looks whether it was told to stop."""

PREREQUISITE_KINDS: Final = frozenset(each.kind for each in KINDS if each.created_first)
"""Kinds that have to be there before what follows them is sent."""


class Workers:
    """One delivery over ``transport``; ``window`` bounds unfinished Jobs, None for no bound."""

    def __init__(
        self,
        transport: Transport,
        pace: AdaptiveRateLimiter,
        options: SubmitOptions,
        window: ActiveWindow | None = None,
    ) -> None:
        mutex = threading.RLock()
        self.lock = threading.Condition(mutex)
        self.books = Dispatcher(pace, options, window)
        self._news = threading.Condition(mutex)
        self._transport = transport
        self._options = options
        self._stopped = False
        self._is_watched = False
        self._failure: ExpanderError | None = None
        self.is_fed = False
        """Whether there are no other items."""
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(options.max_in_flight)
        ]

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more will be sent."""
        return self._stopped

    @property
    def on_the_way(self) -> int:
        """Items that were taken and are not settled."""
        return self.books.on_the_way

    def counts(self) -> dict[str, int]:
        """What the items on their way are doing: ``sending``, ``retrying`` or ``held`` for quota."""
        with self.lock:
            return self.books.counts()

    def stop(self) -> None:
        """Send nothing more; answers that are due are waited for. Safe in a signal handler."""
        self._stopped = True

    def fail(self, error: ExpanderError) -> None:
        """End it as `stop` does, and let `deliver` raise ``error``."""
        self._failure = self._failure or error
        self._stopped = True

    def deliver(self, items: Iterable[PreparedRequest | Outcome]) -> Iterator[Outcome]:
        """Send the items that are not settled; gives what became of each as it is known, in any order.

        Raises ClusterError when the credentials are not accepted, and what ``items`` raises, both after the
        answers that are due.
        """
        for thread in self._threads:
            thread.start()
        try:
            yield from self._feed(items)
            self.is_fed = not self._stopped
        except ExpanderError as error:
            self.fail(error)
        yield from self._until(lambda: self.books.on_the_way == 0)
        with self.lock:
            self._stopped = True
            self.lock.notify_all()
        if self.books.denied is not None:
            server = self._transport.server
            raise ClusterError(f"{server} does not accept the credentials: {self.books.denied}")
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise the error of `fail`, if there was one."""
        if self._failure is not None:
            raise self._failure

    def _feed(self, items: Iterable[PreparedRequest | Outcome]) -> Iterator[Outcome]:
        for prepared in items:
            if isinstance(prepared, Outcome):
                yield prepared
                if self._stopped:
                    break
                continue
            yield from self._until(lambda: self.books.on_the_way < MAX_BACKLOG)
            if self._stopped:
                break
            with self.lock:
                self.books.add(prepared)
                self.lock.notify()
            if prepared.kind in PREREQUISITE_KINDS:
                yield from self._until(lambda: self.books.on_the_way == 0)
            elif self.books.settled:
                yield from self._take()

    def _until(self, reached: Callable[[], bool]) -> Iterator[Outcome]:
        """Give outcomes until ``reached``, or until it is stopped and no answer is due any more."""
        while True:
            yield from self._take()
            with self.lock:
                over = reached() or (self._stopped and not self.books.under_way)
                if over and not self.books.settled:
                    return
                if not self.books.settled:
                    self._news.wait(GLANCE)

    def _take(self) -> Iterator[Outcome]:
        while self.books.settled:
            yield self.books.settled.popleft()

    def _work(self) -> None:
        while True:
            with self.lock:
                task = self._next()
                if task is None:
                    return
            self._attempt(task)

    def _next(self) -> Delivery | None:
        """Wait for a task that may be sent now; None when it is over.

        One thread watches for the time when a task becomes due, and hands that over when it has one: all of
        them would wake for each. The others wait to be notified.
        """
        while not self._stopped:
            now = time.monotonic()
            task = self.books.take(now)
            if task is not None:
                if not self._is_watched:
                    self.lock.notify()
                return task
            if self._is_watched:
                self.lock.wait(GLANCE)
            else:
                self._is_watched = True
                self.lock.wait(min(GLANCE, self.books.wait(now)))
                self._is_watched = False
        return None

    def _attempt(self, task: Delivery) -> None:
        """One request, and what follows from its answer."""
        asked = next_request(task, self._options.is_server_dry_run)
        task.attempts += 1
        wait = None
        verdict: Action
        try:
            reply = self._transport.request(asked.method, asked.path, asked.body, asked.content_type)
            verdict = interpret_response(
                task, reply.status, reply.body, self._options.on_exists, self._options.is_server_dry_run
            )
            wait = retry_after(reply.headers, reply.body, time.time())
        except ConnectionLost as lost:
            task.unsure = task.unsure or task.stage == "create"
            verdict = RetryAfter(str(lost))
        except Exception as error:
            verdict = Finished("failed", type(error).__name__, "the answer makes no sense", passed=False)
        with self.lock:
            now = time.monotonic()
            if isinstance(verdict, Unauthorized):
                self._transport.refresh()
            self.books.answered(task, verdict, wait, now, random.random())
            self._stopped = self._stopped or self.books.denied is not None
            if self.books.settled:
                self._news.notify_all()
            self.lock.notify()
