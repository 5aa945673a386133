"""A thread that sends the requests of a `Dispatcher` and follows up on their responses.

One lock guards the dispatcher; the thread holds it only between requests. It sleeps until a response comes, a
delivery is due, or it is woken: of a new item, or a change in the cluster.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from expander.base.errors import ClusterError, ExpanderError
from expander.base.log import Log
from expander.client.exchanges import Answer, Exchanges
from expander.client.retry import retry_after
from expander.client.transport import ConnectionLost, NoCredentials, Response, Transport
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

MAX_READY: Final = 256
"""Items that may be sent at once; more are not read, so that those are sent meanwhile."""

MAX_WARNINGS: Final = 1000
"""Different Warning headers that are counted."""

PREREQUISITE_KINDS: Final = frozenset(each.kind for each in KINDS if each.created_first)
"""Kinds that must exist before what follows them is sent."""


class Workers:
    """Sends items over ``transport``, up to ``options.max_in_flight`` at once.

    ``window`` bounds unfinished Jobs, None for no bound; ``on_replace`` is called before a Job of an earlier
    submission is deleted to be made anew. ``lock`` guards ``dispatcher``; ``quota_held`` is notified when an
    item is held for quota. ``warnings`` counts the Warning headers of responses by text.
    """

    def __init__(
        self,
        transport: Transport,
        options: SubmitOptions,
        window: ActiveWindow | None = None,
        on_replace: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.quota_held = threading.Condition(self.lock)
        limiter = AdaptiveRateLimiter(options.max_in_flight, options.qps, options.burst)
        self.dispatcher = Dispatcher(limiter, options, window)
        self.warnings: Counter[str] = Counter()
        self._transport = transport
        self._options = options
        self._retry = options.retry
        self._on_replace = on_replace
        self._exchanges: Exchanges[Delivery] | None = None
        self._outcomes: SimpleQueue[Sequence[Outcome]] = SimpleQueue()
        """Also none, for whoever waits is to look again."""
        self._stopped = False
        self._failure: ExpanderError | None = None
        self._prerequisite = False
        self._room_wanted = False

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

    def waits_for(self) -> str:
        """What pending items wait for, for people; empty when none waits."""
        with self.lock:
            return self.dispatcher.waits_for(time.monotonic())

    def stop(self) -> None:
        """Send nothing more; responses under way are waited for. Safe in a signal handler."""
        self._stopped = True
        self._outcomes.put(())
        if self._exchanges is not None:
            self._exchanges.wake()

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
        if self._exchanges is not None:
            self._exchanges.wake()
        self._outcomes.put(())

    def has_room(self) -> bool:
        """Whether `add` may be called: the backlog is bounded, and prerequisites go first."""
        with self.lock:
            found = self._has_room(MAX_READY)
            self._room_wanted = not found
        return found

    def _has_room(self, most: int) -> bool:
        if self.pending >= MAX_BACKLOG or (self._prerequisite and self.pending):
            return False
        return self.dispatcher.ready < most

    def add(
        self, prepared: PreparedRequest, known_version: str | None = "", if_absent: Finished | None = None
    ) -> None:
        """Deliver an item; see `Dispatcher.add`."""
        with self.lock:
            self._prerequisite = prepared.kind in PREREQUISITE_KINDS
            self.dispatcher.add(prepared, known_version, if_absent)
            self._has_more()

    def replace(self, prepared: PreparedRequest, found: Mapping[str, Any], propagation: str) -> None:
        """Deliver the next attempt at an item; see `Dispatcher.replace`."""
        with self.lock:
            self.dispatcher.replace(prepared, found, propagation)
            self._has_more()

    def take(self, wait: bool) -> list[Outcome]:
        """The outcomes that are known; with ``wait`` after something has happened, which may be none.

        After `stop` it does not wait unless a response is under way.
        """
        found: list[Outcome] = []
        if wait and not (self._stopped and not self.dispatcher.under_way):
            found += self._outcomes.get()
        while not self._outcomes.empty():
            found += self._outcomes.get()
        return found

    def is_over(self) -> bool:
        """Whether no further outcome will come: all items are settled, or it was stopped."""
        with self.lock:
            busy = self.dispatcher.under_way if self._stopped else self.pending
            return not busy and not self.dispatcher.settled and self._outcomes.empty()

    def give_up_held(self) -> None:
        """Settle what was held for quota longer than the options allow."""
        with self.lock:
            self.dispatcher.give_up_held(time.monotonic())
            self._publish()

    def _publish(self) -> None:
        if self._stopped:
            self._outcomes.put(())  # whoever waits for the last response is to look again
        if self.dispatcher.settled:
            self._outcomes.put(self.dispatcher.settled)
            self.dispatcher.settled = []

    def _has_more(self) -> None:
        """There is a delivery: have it sent if it may be."""
        if self._exchanges is None:
            self._exchanges = Exchanges(self._transport)
            threading.Thread(target=self._work, args=(self._exchanges,), daemon=True).start()
        elif not self.dispatcher.is_full:
            self._exchanges.wake()

    def _work(self, exchanges: Exchanges[Delivery]) -> None:
        answers: list[Answer[Delivery]] = []
        while True:
            actions = [self._interpret(answer) for answer in answers]
            with self.lock:
                for answer, action in zip(answers, actions, strict=True):
                    self._handle(answer, *action)
                if len(self.dispatcher.gate):
                    self.quota_held.notify_all()
                deliveries, due = self._next()
            unsent = [each for each in map(partial(self._send, exchanges), deliveries) if each is not None]
            with self.lock:
                self._publish()
                if self._stopped and not self.dispatcher.under_way:
                    break
                if self._room_wanted and self._has_room(MAX_READY // 2):
                    self._room_wanted = False
                    self._outcomes.put(())
            answers = unsent or exchanges.wait(due)
        exchanges.close()

    def _next(self) -> tuple[list[Delivery], float | None]:
        """The deliveries that may be sent now, and in how many seconds there may be more."""
        found: list[Delivery] = []
        if (why := self.dispatcher.hopeless) and not self._stopped:
            self.fail(ClusterError(why))
        if self._stopped:
            return found, None
        now = time.monotonic()
        while (delivery := self.dispatcher.take(now)) is not None:
            found.append(delivery)
        return found, self.dispatcher.next_due(now)

    def _send(self, exchanges: Exchanges[Delivery], delivery: Delivery) -> Answer[Delivery] | None:
        """Send the next request of a delivery; an answer only when that is not possible."""
        delivery.attempts += 1
        before = None
        if delivery.stage == "delete" and delivery.found is not None:
            before = partial(self._replaced, delivery)
        try:
            request = next_request(delivery, self._options)
        except Exception as error:
            return Answer(delivery, error, None)
        left = self._retry.left(delivery.first_attempt_at or delivery.sent_at, delivery.sent_at)
        exchanges.start(delivery, *request, before, left)
        return None

    def _replaced(self, delivery: Delivery) -> None:
        if self._on_replace is not None:
            self._on_replace(delivery)
        delivery.found = None

    def _interpret(self, answer: Answer[Delivery]) -> tuple[Action, float | None]:
        """What follows from an answer, and the seconds the server asks to wait."""
        response, delivery = answer.response, answer.key
        try:
            if not isinstance(response, Response):
                raise response
            asked = None
            if response.status >= 400:
                asked = retry_after(response.headers, response.body, time.time())
            return interpret_response(delivery, response, self._options), asked
        except NoCredentials as error:
            return Unauthorized(str(error), is_unsent=True), None
        except ConnectionLost as error:
            return lost_response(delivery, str(error)), None
        except ExpanderError as error:
            self.fail(error)
            return RetryAfter(str(error), busy=False), None
        except Exception as error:
            log.info("unexpected response: %(error)r", error=error)
            return Finished("failed", type(error).__name__, "unexpected response", passed=False), None

    def _handle(self, answer: Answer[Delivery], action: Action, asked: float | None) -> None:
        if isinstance(action, Unauthorized) and not action.is_unsent:
            self._transport.refresh(answer.encoder)
        if isinstance(answer.response, Response) and "warning" in answer.response.headers:
            for text in answer.response.warnings:
                if text in self.warnings or len(self.warnings) < MAX_WARNINGS:
                    self.warnings[text] += 1
        self.dispatcher.handle(answer.key, action, asked, time.monotonic(), random.random())
        if self.dispatcher.unauthorized is not None and not self._stopped:
            last, server = self.dispatcher.unauthorized, self._transport.server
            refused = f"{server} does not accept the credentials: {last.message}"
            self.fail(ClusterError(last.message if last.is_unsent else refused))
