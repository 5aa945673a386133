"""The probes of a running container: when each is tried and what its results mean (pkg/kubelet/prober).

An attempt at a handler never waits: `Attempt.poll` says what came of it so far, ``due`` when to ask again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.time import duration
from expander.local.logs import last_output
from expander.local.runtime.runtime import Exit, Launch

NEVER = float("inf")
MAX_OUTPUT_BYTES = 10 * 1024


class Result(NamedTuple):
    """Whether a handler succeeded, and what it said if not. ``ok`` of None: it could not be tried."""

    ok: bool | None
    message: str = ""


class Attempt(Protocol):
    """One try of a handler."""

    due: float

    def poll(self, now: float) -> Result | None:
        """What came of it; None while it is under way."""

    def cancel(self) -> None:
        """Give it up and what it holds."""


class Processes(Protocol):
    """What is needed of `SupervisorClient`."""

    def start(self, launch: Launch) -> None: ...

    def signal(self, key: str, number: int = ..., *, whole: bool = ...) -> None: ...


class SleepAttempt:
    """The sleep handler."""

    def __init__(self, seconds: float, now: float) -> None:
        self.due = now + seconds

    def poll(self, now: float) -> Result | None:
        return Result(True) if now >= self.due else None

    def cancel(self) -> None:
        self.due = NEVER


class ExecAttempt:
    """A command run like the container's own, beside it."""

    def __init__(self, processes: Processes, launch: Launch, timeout: float, now: float) -> None:
        self.key = launch.key
        self.due = now + timeout
        self._timeout = timeout
        self._processes = processes
        self._launch = launch
        self._exit: Exit | None = None
        self._given_up = False
        processes.start(launch)

    def ended(self, exit_: Exit) -> None:
        """The supervisor's word on it."""
        self._exit = exit_

    def poll(self, now: float) -> Result | None:
        if self._exit is not None:
            if self._exit.exit_code == 0:
                return Result(True)
            output = last_output(self._launch.log, MAX_OUTPUT_BYTES).decode(errors="replace")
            return Result(False, self._exit.error or output or f"exit status {self._exit.exit_code}")
        if now < self.due:
            return None
        self.cancel()
        command = " ".join(self._launch.argv)
        return Result(False, f'command timed out: "{command}" timed out after {duration(self._timeout)}')

    def cancel(self) -> None:
        if self._exit is None and not self._given_up:
            self._given_up = True
            self._processes.signal(self.key, signal.SIGKILL)


Kind = Literal["startup", "liveness", "readiness"]
KINDS: tuple[Kind, ...] = ("startup", "liveness", "readiness")


@dataclass(slots=True)
class Probe:
    """One probe of a running container.

    ``verdict`` is None until its thresholds are met for the first time.
    """

    kind: Kind
    spec: Mapping[str, Any]
    next_at: float
    verdict: bool | None = None
    last: bool | None = None
    run: int = 0

    @classmethod
    def of(cls, kind: Kind, spec: Mapping[str, Any], started: float) -> Probe:
        """The probe of a container that started at ``started``."""
        return cls(kind, spec, started + (spec.get("initialDelaySeconds") or 0))

    @property
    def period(self) -> float:
        """Seconds from one attempt to the next."""
        return float(self.spec.get("periodSeconds") or 10)

    @property
    def timeout(self) -> float:
        """Seconds after which an attempt has failed."""
        return float(self.spec.get("timeoutSeconds") or 1)

    def count(self, ok: bool | None, now: float) -> None:
        """Take a result into account. One that could not be had (None) counts for nothing."""
        while self.next_at <= now:
            self.next_at += self.period
        if ok is None:
            return
        self.run = self.run + 1 if ok is self.last else 1
        self.last = ok
        threshold = self.spec.get("successThreshold") or 1 if ok else self.spec.get("failureThreshold") or 3
        if self.run >= threshold:
            self.verdict = ok


Begin = Callable[[Mapping[str, Any], str, float, float], Attempt]
"""Begins an attempt: the probe (which is a handler too), its name, the seconds it may take, now."""


class Probing:
    """The probes of a container that started at ``started``.

    Others wait until the startup probe is content.
    """

    def __init__(self, spec: Mapping[str, Any], started: float, begin: Begin) -> None:
        self._begin = begin
        self._probes = {
            kind: Probe.of(kind, spec[f"{kind}Probe"], started) for kind in KINDS if spec.get(f"{kind}Probe")
        }
        self._attempts: dict[Kind, Attempt] = {}
        self._tries = 0

    @property
    def started(self) -> bool:
        """Whether the startup probe, if there is one, is content."""
        probe = self._probes.get("startup")
        return probe is None or probe.verdict is True

    @property
    def ready(self) -> bool:
        """Whether the container is ready, as far as probes decide."""
        probe = self._probes.get("readiness")
        return self.started and (probe is None or probe.verdict is True)

    @property
    def failed(self) -> Kind | None:
        """The probe for which the container must be killed."""
        kinds: tuple[Kind, ...] = ("startup", "liveness")
        return next(
            (kind for kind in kinds if kind in self._probes and self._probes[kind].verdict is False), None
        )

    def spec_of(self, kind: Kind) -> Mapping[str, Any]:
        """The probe as its author wrote it."""
        return self._probes[kind].spec

    def step(self, now: float) -> list[tuple[Kind, str]]:
        """Try what is due, take in what came of it; the failures, each with its message."""
        failures = []
        for kind in self._at_work():
            probe, attempt = self._probes[kind], self._attempts.get(kind)
            if attempt is None and now >= probe.next_at:
                self._tries += 1
                attempt = self._begin(probe.spec, f"{kind}.{self._tries}", probe.timeout, now)
                self._attempts[kind] = attempt
            result = attempt.poll(now) if attempt is not None else None
            if result is not None:
                del self._attempts[kind]
                probe.count(result.ok, now)
                if not result.ok:
                    failures.append((kind, result.message))
        return failures

    def due(self) -> float:
        """When `step` has something to do."""
        times = (
            self._attempts[kind].due if kind in self._attempts else self._probes[kind].next_at
            for kind in self._at_work()
        )
        return min(times, default=NEVER)

    def cancel(self) -> None:
        """Give up what is under way."""
        for attempt in self._attempts.values():
            attempt.cancel()
        self._attempts.clear()
        self._probes.clear()

    def _at_work(self) -> list[Kind]:
        """The probes whose turn it is: the startup probe until it is content, then the others."""
        if not self.started:
            return ["startup"]
        return [kind for kind in self._probes if kind != "startup"]
