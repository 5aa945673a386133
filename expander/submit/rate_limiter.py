"""Limits requests under way (AIMD) and requests a second (token bucket). Pure: time is an argument.

The limit grows by one with each response until the first refusal (429, 5xx, lost connections): it doubles in
each round trip. It does so up to a few times the rate of responses multiplied by the shortest round trip:
what is under way beyond that only waits in a queue (Little's law). From then on it grows slowly, so that a
server which becomes slower, or whose shortest round trip was an exception, is found out as well, and is
halved when a large share is refused. A halving is a trial: when as large a share is refused at half the load,
the refusals are not about our load, so that share, up to a half, becomes the baseline and the limit goes back
to what it was. A larger share is looked at with one request under way: refusals then are about others, so
that share becomes the baseline unless next to nothing is taken. A smaller one that lasts, though the limit
has fallen, becomes it as well.

A 429 says that the seats of our priority level are taken (API Priority and Fairness,
apiserver/pkg/util/flowcontrol): those that were under way beside it are what fits. The limit falls to their
number at once, and one more is tried no sooner than the server's Retry-After.

A server that takes nothing, by whatever response, is soon asked for one thing a second, or as seldom as its
Retry-After says. With its first answer the limit doubles again.
"""

from __future__ import annotations

import math
from typing import Final

from expander.base.log import Log

log = Log("submit")

INITIAL_LIMIT: Final = 16
"""The limit before anything is known of the server: three round trips from the most."""

MIN_SAMPLE_SECONDS: Final = 0.2
"""The shortest time over which responses are judged together."""

MIN_SAMPLE_RESPONSES: Final = 24
"""The fewest responses that are judged together."""

MAX_QUEUEING: Final = 4.0
"""How many times what the rate and the shortest round trip need is under way while the limit doubles.

The own times of a server differ that much. One that answers after 5 ms, at most 10,000 times a second, comes
to it at 200 requests, one that answers at once at a handful.
"""

MAX_BASELINE: Final = 0.45
"""The largest share of refusals that can become the baseline by a halving that did not help."""

MAX_ALONE: Final = 0.9
"""The largest share that can become the baseline with one request under way.

Where a server takes some requests a second, a larger share is refused of those sent one after the other.
"""

NOISE_MARGIN: Final = 0.15
"""A share this much above the baseline is chance."""

MAX_PROBE_SECONDS: Final = 10.0
"""The longest time until one more request than was taken before is tried."""

MANY_REFUSALS: Final = 8
"""So many in a row, at least, are no chance; with nothing of ours under way the server is full without us."""

MAX_CHANCE: Final = 0.95
"""The largest share that may be chance."""

UNLIKELY: Final = 1e-5
"""As many refusals in a row as are less likely are no chance."""

LASTING_SAMPLES: Final = 3
"""So many samples in a row have refusals about our load in none: the limit falls at the first."""

NO_BASELINE: Final = 0.015
"""Up to this share refusals are about our load."""

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
        self._peak = self._before = self._limit
        """The highest limit of the sample, and the one it began with."""
        self._shortest = math.inf
        """The seconds of the shortest round trip."""
        self._gap = 0.0
        """The seconds between responses: the mean of about as many as the limit."""
        self._last = 0.0
        self._in_a_row = 0
        """Refusals since the last response that was none."""
        self._many = MANY_REFUSALS
        """So many of them are no chance."""
        self._waits = 0
        """The waits for a server that is full without us, since that response."""
        self._samples = 0
        """How many samples in a row had refusals, but not many."""
        self._lately = [0.0, 0.0]
        """Refused and other responses, of which the earlier count less."""
        self._full_until = 0.0
        self._takes_nothing = False
        """Whether there was no other response than refusals, too many for chance."""
        self._probing = False
        self._ceiling: float | None = None
        """What the server took when more was refused."""
        self._probe_seconds = 0.0
        self._probe_at = 0.0
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

    @property
    def _top(self) -> float:
        """The most that may be under way: fewer where most of it is in vain."""
        return max(1.0, self._most * min(1.0, 2 * (1 - self._baseline)))

    def wait(self, now: float) -> float:
        """Seconds until a request may begin: there is a token, and the server is not full without us."""
        full = max(0.0, self._full_until - now)
        if self._qps is None:
            return full
        if self._filled is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._qps)
        self._filled = now
        return max(full, 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._qps)

    def acquire(self) -> None:
        """A request begins and takes a token."""
        if self._qps is not None:
            self._tokens -= 1

    @property
    def refuses_by_chance(self) -> bool:
        """Whether a refusal says nothing about the load, so that its item may go again at once."""
        return self._baseline > NO_BASELINE and self._in_a_row < self._many

    def record(
        self,
        now: float,
        refused: bool,
        full: bool = False,
        beside: int = 0,
        asked: float | None = None,
        took: float | None = None,
    ) -> None:
        """A response, or a request ``refused`` for load: 429, 5xx or no response.

        ``full`` is a 429. ``beside`` is how many requests were under way when it was sent, ``asked`` its
        Retry-After in seconds; ``took`` are the seconds of the round trip.
        """
        is_outage = False
        if self._since is None:
            self._since = self._last = now
        self._gap += (now - self._last - self._gap) / self._limit
        self._last = now
        if refused:
            self._refused += 1
            self._in_a_row += 1
            is_outage = self._in_a_row >= self._many + beside
            if beside == 0 and is_outage:
                self._full_until = now + (asked or 1.0)
                self._in_a_row = self._many - max(1, MANY_REFUSALS >> self._waits)
                self._waits += 1
            if self._baseline <= NO_BASELINE:
                self._starting = False
                if full and self._trial is None:
                    self._lower(now, beside, asked or 1.0)
        else:
            if self._takes_nothing:
                self._takes_nothing = False
                self._begin_again(1.0, 0.0)
                self._begin_sample(now)
            self._accepted += 1
            self._in_a_row, self._waits, self._full_until = 0, 0, 0.0
            if took is not None:
                self._shortest = min(self._shortest, took)
            if self._starting and self._limit * self._gap <= MAX_QUEUEING * self._shortest:
                self._limit = min(self._top, self._limit + 1)
                self._peak = max(self._peak, self._limit)
        responses = self._accepted + self._refused
        self._takes_nothing |= is_outage and responses == self._refused >= MIN_SAMPLE_RESPONSES / 2
        is_long = now - self._since >= MIN_SAMPLE_SECONDS and responses >= MIN_SAMPLE_RESPONSES
        if not (is_long or self._takes_nothing):
            return
        share = self._refused / responses
        self._judge(now, share)
        if self.limit != int(self._before):
            log.info(
                "%(share).0f %% of responses were refusals: requests in flight %(before)d -> %(limit)d",
                share=share * 100,
                before=int(self._before),
                limit=self.limit,
            )
        self._begin_sample(now)

    def _begin_sample(self, now: float) -> None:
        self._accepted = self._refused = 0
        self._since, self._peak, self._before = now, self._limit, self._limit

    def _lower(self, now: float, seats: int, asked: float) -> None:
        """The server takes ``seats`` requests; in one sample the limit falls to no less than half."""
        limit = max(1.0, float(seats), self._peak / 2)
        if limit >= self._limit:
            return
        self._probe_seconds = min(MAX_PROBE_SECONDS, self._probe_seconds * 2) if self._probing else asked
        self._probe_at = now + self._probe_seconds
        self._probing = False
        self._limit = self._ceiling = limit

    def _judge(self, now: float, share: float) -> None:
        trial, self._trial = self._trial, None
        margin = min(NOISE_MARGIN, (1 - self._baseline) / 2)
        was_alone = self._peak < 2 and share <= MAX_ALONE
        if trial is not None and share > IMPROVEMENT_RATIO * trial[1] and share <= MAX_BASELINE:
            self._begin_again(trial[0], (share + trial[1]) / 2)
        elif was_alone and share > self._baseline + margin:
            self._begin_again(1.0, share)
        elif share > self._baseline + margin:
            self._trial = (self._peak, share)
            self._baseline = min(self._baseline, share)
            self._starting = False
            if self._limit == self._peak:
                self._limit = max(1.0, self._limit / 2)
        else:
            most = MAX_BASELINE if self._baseline <= MAX_BASELINE else MAX_ALONE
            self._baseline = min(most, self._baseline * 0.8 + share * 0.2)
            self._samples = self._samples + 1 if share > 0 else 0
            is_lasting = self._samples >= LASTING_SAMPLES and self._baseline > NO_BASELINE
            if is_lasting and self._ceiling is not None:
                self._begin_again(self._limit, self._baseline)
            self._raise(now)
        self._many = MANY_REFUSALS
        self._lately = [self._lately[0] / 2 + self._refused, self._lately[1] / 2 + self._accepted]
        if 0 < (lately := self._lately[0] / sum(self._lately)) <= MAX_CHANCE:
            self._many = max(MANY_REFUSALS, math.ceil(math.log(UNLIKELY, lately)))

    def _begin_again(self, limit: float, baseline: float) -> None:
        """The refusals are not about our load."""
        self._limit, self._baseline = limit, baseline
        self._ceiling = None
        self._starting = True

    def _raise(self, now: float) -> None:
        """Allow a little more, but of what was refused before only one more when its time has come."""
        limit = min(self._top, self._limit + max(1.0, self._limit / 8))
        if self._probing and self._peak == self._limit:
            self._ceiling, self._probing = None, False  # one more was taken throughout a sample
        if self._ceiling is not None and limit > self._ceiling:
            self._probing = now >= self._probe_at
            limit = min(limit, self._ceiling + self._probing)
        self._limit = limit
