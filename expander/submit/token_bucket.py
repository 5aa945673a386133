"""A bound of requests a second, as client-go's flowcontrol.RateLimiter. Pure: time is an argument."""

from __future__ import annotations


class TokenBucket:
    """``qps`` requests begin in a second on average, ``burst`` at once after a pause; None for no bound."""

    def __init__(self, qps: float | None, burst: int | None = None) -> None:
        self._qps = qps
        self._burst = float(burst if burst is not None else max(1, round(qps or 1)))
        self._tokens = self._burst
        self._filled: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until there is a token, at the time ``now`` of a monotonic clock in seconds."""
        if self._qps is None:
            return 0.0
        if self._filled is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._qps)
        self._filled = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._qps

    def acquire(self) -> None:
        """A request begins and takes a token."""
        if self._qps is not None:
            self._tokens -= 1
