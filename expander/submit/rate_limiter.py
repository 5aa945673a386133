"""How many requests may be under way, and how many may begin in a second.

The number under way grows by one with each answer until the first refusal (429, 5xx, lost connections): it
doubles in the time of a round trip. From then on it grows slowly, and is halved when the server refuses. A
halving is a trial: when as large a share is refused at half the load, refusals are not about our load, so
that share, up to a half, is taken as given and the number goes back to what it was.
"""

from __future__ import annotations

from typing import Final

from expander.base.log import Log

log = Log("submit")

INITIAL_LIMIT: Final = 4
"""Requests under way before anything is known of the server."""

MIN_SAMPLE_SECONDS: Final = 0.2
"""Seconds over which answers are judged together, at least."""

MIN_SAMPLE_RESPONSES: Final = 24
"""Answers that are judged together, at least."""

MAX_BASELINE: Final = 0.5
"""The largest share of refusals that is taken as given."""

NOISE_MARGIN: Final = 0.15
"""A share this much above the given one is chance."""

IMPROVEMENT_RATIO: Final = 0.7
"""A halving helped when it brought the share down to this part of what it was."""


class AdaptiveRateLimiter:
    """A limit of requests under way between 1 and ``most``, and a token bucket.

    ``qps`` requests begin in a second on average, with ``burst`` at once after a pause; None for no such
    limit. Times are seconds of any clock that never goes back.
    """

    def __init__(self, most: int, qps: float | None = None, burst: int | None = None) -> None:
        self._most = most
        self._limit = float(min(most, INITIAL_LIMIT))
        self._starting = True
        self._given = 0.0
        self._trial: tuple[float, float] | None = None
        self._taken = 0
        self._refused = 0
        self._since: float | None = None
        self._qps = qps
        self._burst = float(burst if burst is not None else max(1, round(qps or 1)))
        self._tokens = self._burst
        self._filled: float | None = None

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return max(1, int(self._limit))

    def wait(self, now: float) -> float:
        """Seconds until the token bucket lets a request begin; 0 when it does now."""
        if self._qps is None:
            return 0.0
        if self._filled is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._qps)
        self._filled = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._qps

    def begin(self) -> None:
        """A request begins: it takes a token."""
        if self._qps is not None:
            self._tokens -= 1

    def answered(self, now: float, refused: bool) -> None:
        """A request was answered, or was ``refused`` for load: 429, 5xx or no answer."""
        if self._since is None:
            self._since = now
        if refused:
            self._refused += 1
            self._starting = False
        else:
            self._taken += 1
            if self._starting:
                self._limit = min(float(self._most), self._limit + 1)
        answers = self._taken + self._refused
        nothing = answers == self._refused >= MIN_SAMPLE_RESPONSES / 2
        if now - self._since < MIN_SAMPLE_SECONDS or (answers < MIN_SAMPLE_RESPONSES and not nothing):
            return
        limit, share = self.limit, self._refused / answers
        self._judge(share)
        if self.limit != limit:
            log.info(
                "%(share).0f %% of answers were refusals: requests in flight %(before)d -> %(limit)d",
                share=share * 100,
                before=limit,
                limit=self.limit,
            )
        self._taken = self._refused = 0
        self._since = now

    def _judge(self, share: float) -> None:
        trial, self._trial = self._trial, None
        if trial is not None and share > IMPROVEMENT_RATIO * trial[1] and share <= MAX_BASELINE:
            self._limit, self._given = trial[0], (share + trial[1]) / 2
        elif share > self._given + NOISE_MARGIN:
            self._trial = (self._limit, share)
            self._given = min(self._given, share)
            self._limit = max(1.0, self._limit / 2)
        else:
            self._given = min(MAX_BASELINE, self._given * 0.8 + share * 0.2)
            self._limit = min(float(self._most), self._limit + max(1.0, self._limit / 8))
