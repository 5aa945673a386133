"""Sends the events of one command, each once, and never holds it up: every target has a thread of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ExpanderError
from expander.base.log import Log
from expander.notify.notification import (
    Counts,
    Event,
    FailedItem,
    NotDelivered,
    Notification,
    Outcome,
    Waiting,
)

if TYPE_CHECKING:
    from expander.notify.targets import Target

DELIVERY_SECONDS: Final = 20.0
"""How long the delivery of one notification may take, with all its attempts."""

EXIT_SECONDS: Final = 30.0
"""How long the end of a command waits for deliveries."""

QUIET_SECONDS: Final = 2.0
"""How long it waits without a word."""

log = Log("notify")


class Notifier:
    """The notifications of one command; without ``targets`` nothing is sent.

    ``command`` is its name, ``group`` and ``namespace`` those of its Jobs (None: several), ``local`` whether
    they run on this machine. ``say`` gets one line for each notification that does not arrive, in any thread.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        say: Callable[[str], None],
        *,
        command: str,
        local: bool,
        group: str = "",
        namespace: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = [_Line(target, say, clock) for target in targets]
        self._say = say
        self._command = command
        self._local = local
        self._clock = clock
        self._since = clock()
        self._sent: set[Event] = set()
        self._first: FailedItem | None = None
        self.group = group
        self.namespace = namespace
        self.counts: Callable[[], Counts] = Counts
        """How the Jobs are now."""

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._lines)

    @property
    def wants_failure(self) -> bool:
        """Whether nothing has failed yet, and somebody wants to know of what does."""
        return self.is_on and self._first is None

    def failed(self, item: FailedItem) -> None:
        """An item has failed for good; the first is told."""
        if self.wants_failure:
            self._first = item
            self._send("first-failure")

    def stalled(self, waiting: Sequence[Waiting]) -> None:
        """Nothing has moved for a while; told once."""
        self._send("stalled", waiting=waiting)

    def done(self, outcome: Outcome, counts: Counts | None = None, *, error: str = "") -> None:
        """The command has ended; told once."""
        if counts is not None:
            self.counts = lambda: counts
        self._send("done", outcome=outcome, error=error)

    def close(self) -> None:
        """Wait until everything was delivered, up to `EXIT_SECONDS`."""
        until, told = self._clock() + EXIT_SECONDS, False
        for line in self._lines:
            line.end(until - EXIT_SECONDS / 10)  # no command outlives this one
        for line in self._lines:
            if not told and not line.wait(QUIET_SECONDS):
                told = True
                self._say("waiting until notifications are delivered (Ctrl-C leaves)")
            if not line.wait(until - self._clock()):
                line.give_up()

    def _send(self, event: Event, **fields: Any) -> None:
        if not self.is_on or event in self._sent:
            return
        self._sent.add(event)
        notification = Notification.now(
            event,
            command=self._command,
            group=self.group,
            namespace=self.namespace,
            local=self._local,
            counts=self.counts(),
            seconds=self._clock() - self._since,
            failed=self._first,
            **fields,
        )
        for line in self._lines:
            line.put(notification)


@contextmanager
def notifying(notifier: Notifier) -> Iterator[Notifier]:
    """Within it a command is at work; an exception ends it as an error. At the end deliveries are awaited."""
    ending = ExitStack()
    if notifier.is_on:
        from expander.base.child_processes import ended_by_signals

        ending.enter_context(ended_by_signals())
    ending.callback(notifier.close)
    try:
        yield notifier
    except KeyboardInterrupt:
        notifier.done("interrupted")
        raise
    except ExpanderError as error:
        if not error.silent:
            notifier.done("error", error=error.problems[0].message)
        raise
    except Exception as error:
        notifier.done("error", error=type(error).__name__)
        raise
    finally:
        ending.close()


class _Line:
    """The notifications to one target, one after the other; its thread starts with the first."""

    def __init__(self, target: Target, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._target = target
        self._say = say
        self._clock = clock
        self._waiting: SimpleQueue[Notification | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._over = Flag()
        self._until = math.inf

    def put(self, notification: Notification) -> None:
        self._waiting.put(notification)
        if self._thread is None:
            self._thread = Thread(target=self._work, daemon=True, name="notify")
            self._thread.start()

    def end(self, until: float) -> None:
        """Nothing follows, and what is not delivered ``until`` then is not."""
        self._until = until
        self._waiting.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until all is delivered; whether it is."""
        if self._thread is None:
            return True
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Nobody waits any longer."""
        self._over.set()
        self._say(f"warning: notifications to {self._target.name}: not delivered within {EXIT_SECONDS:.0f} s")

    def _work(self) -> None:
        while (notification := self._waiting.get()) is not None:
            try:
                self._target.deliver(notification, min(self._clock() + DELIVERY_SECONDS, self._until))
            except NotDelivered as error:
                self._failed(notification, str(error))
            except Exception as error:  # its words may have a secret
                self._failed(notification, type(error).__name__)
            else:
                log.info("%(event)s notification to %(to)s", event=notification.event, to=self._target.name)

    def _failed(self, notification: Notification, why: str) -> None:
        if not self._over.is_set():
            self._say(f"warning: {notification.event} notification to {self._target.name}: {why}")
