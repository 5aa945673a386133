"""Limits requests under way (AIMD) and requests a second (token bucket). Pure: time is an argument.

The limit grows by one with each response until the first refusal (429, 5xx, lost connections): it doubles in
each round trip. From then on it grows slowly, and is halved when the server refuses. A halving is a trial:
when as large a share is refused at half the load, the refusals are not about our load, so that share, up to a
half, becomes the baseline and the limit goes back to what it was.
"""

from __future__ import annotations

from typing import Final

from expander.base.log import Log

log = Log("submit")

INITIAL_LIMIT: Final = 4
"""The limit before anything is known of the server."""

MIN_SAMPLE_SECONDS: Final = 0.2
"""The shortest time over which responses are judged together."""

MIN_SAMPLE_RESPONSES: Final = 24
"""The fewest responses that are judged together."""

MAX_BASELINE: Final = 0.5
"""The largest share of refusals that can become the baseline."""

NOISE_MARGIN: Final = 0.15
"""A share this much above the baseline is chance."""

IMPROVEMENT_RATIO: Final = 0.7
"""A halving helped when it brought the share below this part of what it was."""


class AdaptiveRateLimiter:
    """A limit of requests under way, from 1 to ``most``, and a token bucket.

    ``qps`` requests begin in a second on average, with ``burst`` at once after a pause; None for no bucket.
    Times are seconds of a monotonic clock.
    """

    def __init__(self, most: int, qps: float | None = None, burst: int | None = None) -> None:
        self._most = most
        self._limit = float(min(most, INITIAL_LIMIT))
        self._starting = True
        self._baseline = 0.0
        self._trial: tuple[float, float] | None = None
        self._accepted = 0
        self._refused = 0
        self._since: float | None = None
        self._qps = qps
        self._burst = float(burst if burst is not None else max(1, round(qps or 1)))
        self._tokens = self._burst
        self._filled: float | None = None

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return max(1, int(self._limit))

    def wait(self, now: float) -> float:
        """Seconds until the token bucket lets a request begin; 0 for now."""
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

    def record(self, now: float, refused: bool) -> None:
        """A response, or a request ``refused`` for load: 429, 5xx or no response."""
        if self._since is None:
            self._since = now
        if refused:
            self._refused += 1
            self._starting = False
        else:
            self._accepted += 1
            if self._starting:
                self._limit = min(float(self._most), self._limit + 1)
        responses = self._accepted + self._refused
        all_refused = responses == self._refused >= MIN_SAMPLE_RESPONSES / 2
        if now - self._since < MIN_SAMPLE_SECONDS or (responses < MIN_SAMPLE_RESPONSES and not all_refused):
            return
        limit, share = self.limit, self._refused / responses
        self._judge(share)
        if self.limit != limit:
            log.info(
                "%(share).0f %% of responses were refusals: requests in flight %(before)d -> %(limit)d",
                share=share * 100,
                before=limit,
                limit=self.limit,
            )
        self._accepted = self._refused = 0
        self._since = now

    def _judge(self, share: float) -> None:
        trial, self._trial = self._trial, None
        if trial is not None and share > IMPROVEMENT_RATIO * trial[1] and share <= MAX_BASELINE:
            self._limit, self._baseline = trial[0], (share + trial[1]) / 2
        elif share > self._baseline + NOISE_MARGIN:
            self._trial = (self._limit, share)
            self._baseline = min(self._baseline, share)
            self._limit = max(1.0, self._limit / 2)
        else:
            self._baseline = min(MAX_BASELINE, self._baseline * 0.8 + share * 0.2)
            self._limit = min(float(self._most), self._limit + max(1.0, self._limit / 8))
