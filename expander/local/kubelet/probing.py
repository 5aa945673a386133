"""The probes of one running container, tried when they are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from expander.local.kubelet.attempts import NEVER, Attempt
from expander.local.kubelet.probes import KINDS, Kind, Probe

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
            result = attempt.look(now) if attempt is not None else None
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
