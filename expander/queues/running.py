"""Runs the command of one item and keeps the lease while it runs."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from expander.queues.faults import LeaseLost
from expander.queues.feeding import Call
from expander.queues.signals import Signals

GRACE = 10.0
"""Seconds that a command has to end after its lease was lost."""

LATEST = 5.0
"""Seconds after which the broker hears of us again at the latest."""

_DEATH = 1  # PR_SET_PDEATHSIG of prctl


@dataclass(frozen=True, slots=True)
class End:
    """How a command ended: its exit code as a shell gives it, in words, and whether its lease was lost."""

    code: int
    words: str
    lost: bool = False


def run(call: Call, signals: Signals, keep: Callable[[], None], lease: float) -> End:
    """Run a command to its end, passing on the signals that arrive.

    ``keep`` is called well within ``lease`` seconds, again and again. The command is a process group of its
    own and dies with this process, however that ends. Raises OSError when it cannot be started.
    """
    every = min(lease / 3, LATEST)
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
        if lost is not None and now - lost > GRACE:
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


def _ended(code: int, lost: bool) -> End:
    if code >= 0:
        return End(code, f"exit code {code}", lost)
    with suppress(ValueError):
        return End(128 - code, f"killed by {signal.Signals(-code).name}", lost)
    return End(128 - code, f"killed by signal {-code}", lost)


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
        _call_prctl(_DEATH, signal.SIGKILL)
