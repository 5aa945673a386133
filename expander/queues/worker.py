"""Workers: take an item, run its command, keep the lease while it runs, say how it went."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.errors import BrokerError, UsageError
from expander.base.regex import regex
from expander.base.text import cut
from expander.queues.queue import Fate, Lease, LeaseLost, Queue, text_of
from expander.queues.signals import Signals

MAX_VARIABLE_BYTES = 64 << 10
"""Bytes of an item that is also put into a variable; a system takes some 128 KiB for one."""

_HOLE = regex(r"\{([A-Za-z_][A-Za-z0-9_]*)?\}")
_OTHER = regex(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Call:
    """A command ready to run: its words, its whole environment, and what it reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdin: bytes


class NotOfTheBatch(ValueError):
    """A message that the worker's Job did not put into the queue; trying again is in vain."""


@dataclass(frozen=True, slots=True)
class ItemCommand:
    """What to run for each item.

    In the words of ``command``, ``{}`` is the item and ``{column}`` a column the item has; ``as_argument``
    adds the item as the last word. Without either the item is on standard input.

    ``root`` stands for the messages of a batch (`expander.base.merkle`), None when the worker is for any. A
    message of the batch may bring words and variables: they are added, and without a ``command`` the words
    are the command. Any other message is refused. Without a ``root`` what messages bring is ignored, since
    whoever can write to the broker would choose what runs here.
    """

    command: tuple[str, ...]
    as_argument: bool
    queue: str
    root: str | None = None

    def check(self) -> None:
        """Raise UsageError for a command that is not there: no item should be taken for nothing."""
        if not self.command and self.root is None:
            raise UsageError("no command to run", hint="specify it after --: -- CMD [ARG]...")
        if self.command and "{" not in self.command[0] and shutil.which(self.command[0]) is None:
            raise UsageError(
                f"no program {self.command[0]!r} to run",
                hint="the command follows --; its first word is a program on PATH or a path",
            )

    def call(self, lease: Lease, environment: Mapping[str, str]) -> Call:
        """The call for an item.

        Raises ValueError when the item cannot be given to a program so, NotOfTheBatch for a message that is
        not of the batch.
        """
        message = lease.message
        if self.root is not None and not message.belongs_to(self.root):
            raise NotOfTheBatch("not a message of this Job's batch, or changed since: it is not run")
        own_words = (message.argv or ()) if self.root is not None else ()
        own_env = message.env if self.root is not None else {}
        text, columns = message.text, {name: text_of(value) for name, value in message.columns.items()}
        words = [_HOLE.sub(lambda hole: _filled(hole, text, columns), word) for word in self.command]
        given = self.as_argument or words != list(self.command) or bool(own_words)
        if self.as_argument:
            words.append(text)
        words += own_words
        if not words:
            raise ValueError("the message has no command, and none was given after --")
        env = {
            **environment,
            "EXPANDER_QUEUE": self.queue,
            "EXPANDER_ITEM_ID": message.id,
            "EXPANDER_ATTEMPT": str(lease.attempt),
            **_variables(text, columns),
            **own_env,
        }
        if any("\0" in part for part in (*words, *own_env.values())):
            raise ValueError("the item has a NUL character, which no argument or variable can hold")
        return Call(tuple(words), env, b"" if given else text.encode("utf-8", "surrogateescape"))


def _filled(hole: re.Match[str], text: str, columns: Mapping[str, str]) -> str:
    return text if hole[1] is None else columns.get(hole[1], hole[0])


def _variables(text: str, columns: Mapping[str, str]) -> dict[str, str]:
    """``EXPANDER_ITEM``, and ``EXPANDER_ITEM_NAME`` for each column; not what no variable can hold."""
    found = {"EXPANDER_ITEM": text}
    found |= {"EXPANDER_ITEM_" + _OTHER.sub("_", name.upper()): value for name, value in columns.items()}
    return {
        name: value for name, value in found.items() if "\0" not in value and len(value) <= MAX_VARIABLE_BYTES
    }


LOST_LEASE_GRACE_SECONDS = 10.0
"""Seconds that a command has to end after its lease was lost."""

MAX_RENEW_SECONDS = 5.0
"""Seconds after which the broker hears of us again at the latest."""

_PR_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: its exit code as a shell gives it, in words, and whether its lease was lost."""

    code: int
    words: str
    lost: bool = False


def run(call: Call, signals: Signals, keep: Callable[[], None], lease: float) -> CommandResult:
    """Run a command to its end, passing on the signals that arrive.

    ``keep`` is called well within ``lease`` seconds, again and again. The command is a process group of its
    own and dies with this process, however that ends. Raises OSError when it cannot be started.
    """
    every = min(lease / 3, MAX_RENEW_SECONDS)
    with tempfile.TemporaryFile() as stdin:
        stdin.write(call.stdin)
        stdin.seek(0)
        child = subprocess.Popen(
            call.argv, env=dict(call.env), stdin=stdin, start_new_session=True, preexec_fn=_die_with_us
        )
    passed_on = 0
    lost: float | None = None
    kept = time.monotonic()
    while child.poll() is None:
        for number in signals.received[passed_on:]:
            _send(child, number)
        passed_on = len(signals.received)
        now = time.monotonic()
        if lost is not None and now - lost > LOST_LEASE_GRACE_SECONDS:
            _send(child, signal.SIGKILL)
        elif lost is None and now - kept >= every:
            kept = now
            try:
                keep()
            except LeaseLost:
                lost = now
                _send(child, signal.SIGTERM)
        signals.wait(1.0 if lost is not None else max(0.0, kept + every - time.monotonic()))
    return _ended(child.returncode, lost is not None)


def _ended(code: int, lost: bool) -> CommandResult:
    if code >= 0:
        return CommandResult(code, f"exit code {code}", lost)
    with suppress(ValueError):
        return CommandResult(128 - code, f"killed by {signal.Signals(-code).name}", lost)
    return CommandResult(128 - code, f"killed by signal {-code}", lost)


def _send(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _prctl() -> Callable[[int, int], object] | None:
    if not sys.platform.startswith("linux"):
        return None
    with suppress(OSError, AttributeError):
        found: Callable[[int, int], object] = ctypes.CDLL(None).prctl
        return found
    return None


_call_prctl = _prctl()


def _die_with_us() -> None:
    """In the child: the kernel kills it when its parent dies, also by kill -9."""
    if _call_prctl is not None:
        _call_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


EMPTY_EXIT_CODE = 3
"""Exit code of `consume` when there is no item."""

IDLE_TIMEOUT_SECONDS = 10.0
"""Seconds for which nothing must have come when the broker cannot say whether the queue is empty."""

_POLL_SECONDS = (0.02, 0.5)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker holds to.

    ``lease`` is in seconds; ``attempts`` are how many an item has before it is given up, None for as many as
    it takes. When the queue has been empty for ``timeout`` seconds the worker ends, None: it never does; with
    ``strict`` it waits no longer than that for an item, even when others have some that may come back.
    """

    lease: float
    attempts: int | None
    timeout: float | None
    strict: bool = False


FAILURE_WORDS: Final = {
    "again": "requeued",
    "failed": "given up",
    "lost": "another worker has it or will get it",
}
"""What becomes of an item, in words."""


class Worker:
    """Works on ``queue``. ``report`` gets a line for each item that did not go well."""

    def __init__(
        self,
        queue: Queue,
        command: ItemCommand,
        options: WorkerOptions,
        signals: Signals,
        report: Callable[[str], None],
    ) -> None:
        self._queue = queue
        self._command = command
        self._options = options
        self._signals = signals
        self._report = report
        self._told_ignored = False
        self._taken_away: tuple[Fate, str] = ("lost", "")
        self.counts: Counter[str] = Counter()
        """Items by what became of them: done, duplicates, again, failed, lost, returned."""

    def one(self) -> int:
        """Work on one item. The exit code of its command; `EMPTY_EXIT_CODE` when there was none.

        1 when the command went well but the item was another worker's by then.
        """
        lease = self._next()
        if lease is None:
            return self.stopped or EMPTY_EXIT_CODE
        return self._work(lease)

    def all(self) -> int:
        """Work until the queue is empty. 0, or 128 and the number of the signal that ended it."""
        while (lease := self._next()) is not None:
            self._work(lease)
            if self.stopped:
                break
        return self.stopped

    def given_up(self) -> int:
        """How many items of the queue were given up, by any worker."""
        return self._queue.status().failed

    @property
    def stopped(self) -> int:
        """128 and the number of the signal that came; 0 without one."""
        return 128 + self._signals.received[0] if self._signals.received else 0

    def _next(self) -> Lease | None:
        """The next item, None when the queue is empty for as long as was asked for, or a signal came."""
        try:
            return self._await()
        except BrokerError:
            if self.stopped:
                return None
            raise

    def _await(self) -> Lease | None:
        least, most = _POLL_SECONDS
        pause = least
        began = time.monotonic()
        since: float | None = None
        while not self.stopped:
            lease = self._queue.take(self._options.lease, self._options.attempts)
            if lease is not None:
                return lease
            now = time.monotonic()
            empty = self._queue.empty()
            if self._options.strict:
                since = began
            elif empty is False:
                since = None
            elif since is None:
                since = now
            if since is not None and self._over(now - since, known=empty is True):
                return None
            self._signals.wait(pause)
            pause = min(pause * 2, most)
        return None

    def _over(self, seconds: float, *, known: bool) -> bool:
        timeout = self._options.timeout
        if timeout is None:
            return False
        return seconds >= (timeout if known or self._options.strict else max(timeout, IDLE_TIMEOUT_SECONDS))

    def _work(self, lease: Lease) -> int:
        attempts = self._options.attempts
        if self._command.root is None and lease.message.has_command and not self._told_ignored:
            self._told_ignored = True
            self._report("warning: messages contain commands or variables (argv, env), which are ignored")
        try:
            call = self._command.call(lease, os.environ)
            end = run(call, self._signals, lambda: self._keep(lease), lease.seconds)
        except (OSError, ValueError) as error:
            end = CommandResult(126, str(error))
            attempts = lease.attempt if isinstance(error, NotOfTheBatch) else attempts
        if end.lost:
            fate, reason = self._taken_away
            self._note(fate, lease, f"{reason or 'the lease was lost'}: {FAILURE_WORDS[fate]}")
            return 1
        if end.code == 0:
            if self._queue.complete(lease):
                self.counts["done"] += 1
                return 0
            self._note("duplicates", lease, "done, but another worker had it by then: a duplicate")
            return 1
        if self.stopped:
            self._queue.release(lease)
            self._note("returned", lease, f"{end.words} after a signal: the item is back in the queue")
            return end.code
        fate = self._queue.fail(lease, end.words, attempts)
        self._note(fate, lease, f"{end.words} in attempt {lease.attempt}: {FAILURE_WORDS[fate]}")
        return end.code

    def _keep(self, lease: Lease) -> None:
        """Renew the lease. An item that the broker took away for good reason is given up at once."""
        try:
            self._queue.keep(lease)
        except LeaseLost as error:
            reason = str(error)
            fate: Fate = self._queue.fail(lease, reason, lease.attempt) if reason else "lost"
            self._taken_away = fate, reason
            raise

    def _note(self, count: str, lease: Lease, words: str) -> None:
        self.counts[count] += 1
        self._report(f"{cut(lease.message.text, 60)}: {words}")
