"""When a probe is tried, and what its results mean (pkg/kubelet/prober/worker.go), as pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
        return float(self.spec.get("periodSeconds") or 10)

    @property
    def timeout(self) -> float:
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
