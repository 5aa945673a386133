"""Limits requests under way (AIMD). Pure: time is an argument.

The limit grows by one with each response until the first refusal (429, 5xx, lost connections): it doubles in
each round trip. It does so up to a few times the rate of responses multiplied by the shortest round trip:
what is under way beyond that only waits in a queue (Little's law). From then on it grows slowly, so that a
server which becomes slower, or whose shortest round trip was an exception, is found out as well.

When a large share is refused, a trial asks for half, or for what was accepted. When as large a share of that
is refused, and fewer are accepted a second, the refusals are not about our load: the share becomes the
baseline, and the limit is again what it was. Otherwise it stays low. Below one request under way there are
pauses: a limit of a half is a pause as long as the request. A small share that lasts, though the limit has
fallen, becomes the baseline as well; a large baseline is put to another trial, ever more seldom.

A 429 says that the seats of our priority level are taken (API Priority and Fairness,
apiserver/pkg/util/flowcontrol): those that were under way beside it are what fits. The limit falls to their
number at once, and one more is tried no sooner than the server's Retry-After.

A server that takes nothing is soon asked for one thing a second, or as seldom as its Retry-After says. With
its first answer the limit doubles again.
"""

from __future__ import annotations

import math
from typing import Final

from expander.base.log import Log
from expander.base.named_tuple import NamedTuple
from expander.client.retry import USUAL_RETRY_AFTER_SECONDS

log = Log("submit")

INITIAL_LIMIT: Final = 16
"""The limit before anything is known of the server: three round trips from the most."""

MIN_SAMPLE_SECONDS: Final = 0.2
MIN_SAMPLE_RESPONSES: Final = 24
"""The shortest time over which responses are judged together, and the fewest."""

MAX_QUEUEING: Final = 4.0
"""How many times what the rate and the shortest round trip need is under way while the limit doubles.

The own times of a server differ that much. One that answers after 5 ms, at most 10,000 times a second, comes
to it at 200 requests, one that answers at once at a handful.
"""

MIN_SAMPLE_ACCEPTED: Final = 6
"""The fewest others among them; in a trial so many would be, if as many are accepted as before."""

NOISE_MARGIN: Final = 0.15
"""A share this much above the baseline is chance."""

MAX_PROBE_SECONDS: Final = 10.0
"""The longest time until one more request than was taken before is tried."""

MANY_REFUSALS: Final = 8
"""So many in a row, at least, are no chance; with nothing of ours under way the server is full without us."""

MUCH: Final = 0.5
"""A larger share is worth another trial."""

MIN_PATIENCE: Final = 2
MAX_PATIENCE: Final = 64
"""After so many samples it is tried again whether refusals are about our load."""

MAX_CHANCE: Final = 0.95
"""The largest share that may be chance."""

UNLIKELY: Final = 1e-5
"""As many refusals in a row as are less likely are no chance."""

LASTING_SAMPLES: Final = 3
"""So many samples in a row have refusals about our load in none: the limit falls at the first."""

NO_BASELINE: Final = 0.015
"""Up to this share refusals are about our load."""

AS_MANY: Final = 0.75
"""A trial helped when at least this part of before is accepted a second, or half the share refused."""

SLACK: Final = 1.1
"""A trial asks for a little more than was accepted."""


class TokenBucket:
    """A bound of requests, as client-go's flowcontrol.RateLimiter: ``qps`` begin in a second on average,
    ``burst`` at once after a pause; None for no bound."""

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


class Trial(NamedTuple):
    """What less asking is compared with: the ``limit``, the ``share`` refused, what is accepted a second."""

    limit: float
    share: float
    rate: float


class AdaptiveRateLimiter:
    """A limit of requests under way, up to ``most``, with pauses below 1, and a `TokenBucket`.

    Times are seconds of a monotonic clock.
    """

    def __init__(self, most: int, qps: float | None = None, burst: int | None = None) -> None:
        self._most = most
        self._limit = float(min(most, INITIAL_LIMIT))
        self._starting = True
        self._peak = self._limit
        """The highest limit of the sample."""
        self._shortest = math.inf
        """The seconds of the shortest round trip."""
        self._gap = 0.0
        """The seconds between responses: the mean of about as many as the limit."""
        self._last = 0.0
        self._in_a_row = 0
        """Refusals since the last response that was none."""
        self._waits = 0
        """The waits for a server that is full without us, since that response."""
        self._samples = 0
        """How many samples in a row had refusals, but not many."""
        self._lately = [0.0, 0.0]
        """Refused and other responses, of which the earlier count less."""
        self._wait_until = 0.0
        self._takes_nothing = False
        """Whether there were too many refusals in a row for chance."""
        self._probing = False
        self._ceiling: float | None = None
        """What the server took when more was refused."""
        self._probe_seconds = self._probe_at = 0.0
        self._baseline = 0.0
        self._trial: Trial | None = None
        self._untried, self._patience = 0, MIN_PATIENCE
        """The samples since the last trial, and how many that may be."""
        self._accepted = self._refused = 0
        self._since = math.inf
        self._bucket = TokenBucket(qps, burst)

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return max(1, int(self._limit))

    @property
    def _top(self) -> float:
        """The most that may be under way: fewer where most of it is in vain."""
        return max(1.0, self._most * min(1.0, 2 * (1 - self._baseline)))

    def wait(self, now: float) -> float:
        """Seconds until a request may begin: there is a token, and no pause."""
        return max(0.0, self._wait_until - now, self._bucket.wait(now))

    def acquire(self) -> None:
        """A request begins."""
        self._bucket.acquire()

    @property
    def _many(self) -> int:
        """So many refusals in a row are no chance."""
        refused, accepted = self._lately[0] + self._refused, self._lately[1] + self._accepted
        is_known = accepted and not self._takes_nothing
        share = min(MAX_CHANCE, refused / (refused + accepted)) if is_known else 0.0
        return max(MANY_REFUSALS, math.ceil(math.log(UNLIKELY, share))) if share else MANY_REFUSALS

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
        sent: float | None = None,
    ) -> None:
        """A response, or a request ``refused`` for load: 429, 5xx or no response.

        ``full`` is a 429. ``beside`` is how many requests were under way when it was sent, ``asked`` its
        Retry-After in seconds; ``sent`` is the time when it was.
        """
        took = None if sent is None else now - sent
        if self._since == math.inf:
            self._since = now - (took or 0.0)
            self._last = now
        self._gap += (now - self._last - self._gap) / self.limit
        self._last = now
        if sent is None or sent >= self._since:
            self._refused += refused
            self._accepted += not refused
        if refused:
            self._in_a_row += 1
            if self._in_a_row >= self._many + beside:
                self._takes_nothing = True
                if beside == 0:
                    self._wait_until = now + (asked or USUAL_RETRY_AFTER_SECONDS)
                    self._in_a_row = self._many - max(1, MANY_REFUSALS >> self._waits)
                    self._waits += 1
            if self._baseline <= NO_BASELINE:
                self._starting = False
                if full and self._trial is None:
                    self._lower(now, beside, asked or USUAL_RETRY_AFTER_SECONDS)
        else:
            if self._takes_nothing:
                self._takes_nothing = False
                self._begin_again(min(1.0, self._limit), 0.0)
                self._begin_sample(now)
            self._in_a_row, self._waits, self._wait_until = 0, 0, 0.0
            if took is not None:
                self._shortest = min(self._shortest, took)
            if self._starting and self._limit * self._gap <= MAX_QUEUEING * self._shortest:
                self._limit = min(self._top, self._limit + min(1.0, self._limit))
                self._peak = max(self._peak, self._limit)
        if self._limit < 1 and took is not None:
            pause = min(USUAL_RETRY_AFTER_SECONDS, took * (1 / self._limit - 1))
            self._wait_until = max(self._wait_until, now + pause)
        if self._takes_nothing or self._is_enough(now):
            self._end_sample(now)

    def _end_sample(self, now: float) -> None:
        self._judge(now)
        if self._limit != self._peak:
            limits = f"{self._peak:.3g} -> {self._limit:.3g}"
            words = "%(refused)d responses were refusals, %(accepted)d not: requests in flight %(limits)s"
            log.info(words, refused=self._refused, accepted=self._accepted, limits=limits)
        self._begin_sample(now)

    def _is_enough(self, now: float) -> bool:
        """Whether there are responses enough to judge: half as many in a trial, or with pauses."""
        seconds, responses = now - self._since, self._accepted + self._refused
        least = MIN_SAMPLE_RESPONSES if self._trial is None and self._limit >= 1 else MIN_SAMPLE_RESPONSES / 2
        accepted = self._accepted if self._trial is None else seconds * self._trial.rate
        return seconds >= MIN_SAMPLE_SECONDS and responses >= least and accepted >= MIN_SAMPLE_ACCEPTED

    def _begin_sample(self, now: float) -> None:
        self._lately = [self._lately[0] / 2 + self._refused, self._lately[1] / 2 + self._accepted]
        self._accepted = self._refused = 0
        self._since, self._peak = now, self._limit

    def _lower(self, now: float, seats: int, asked: float) -> None:
        """The server takes ``seats`` requests; in one sample the limit falls to no less than half."""
        limit = max(1.0, float(seats), self._peak / 2)
        if limit >= self._limit:
            return
        self._probe_seconds = min(MAX_PROBE_SECONDS, self._probe_seconds * 2) if self._probing else asked
        self._probe_at = now + self._probe_seconds
        self._probing = False
        self._limit = self._ceiling = limit

    def _judge(self, now: float) -> None:
        trial, self._trial = self._trial, None
        if self._takes_nothing:
            self._baseline, self._starting = 0.0, False
            self._limit = min(self._limit, max(1.0, self._peak / 2))
            return
        share = self._refused / (self._refused + self._accepted)
        rate = self._accepted / (now - self._since)
        margin = min(NOISE_MARGIN, (1 - self._baseline) / 2)
        if trial and share > trial.share / 2 and rate < AS_MANY * trial.rate:
            self._begin_again(trial.limit, trial.share)
        elif share > self._baseline + margin or (share > MUCH and self._untried >= self._patience):
            self._try_less(share, rate)
        elif trial:
            self._limit, self._baseline = max(self._limit, trial.limit * (1 - trial.share)), 0.0
            self._untried, self._patience = 0, MIN_PATIENCE
        else:
            self._untried += 1
            most = max(self._baseline, NOISE_MARGIN)
            self._baseline = min(most, self._baseline * 0.8 + share * 0.2)
            self._samples = self._samples + 1 if share > 0 else 0
            if self._samples >= LASTING_SAMPLES and self._baseline > NO_BASELINE:
                self._begin_again(self._limit, self._baseline)
            self._raise(now)

    def _try_less(self, share: float, rate: float) -> None:
        """Ask for half, or for what was accepted, but from more than one request to no less than one."""
        was_less = self._limit < self._peak and share <= MUCH  # the rate is that of less already
        self._trial = Trial(self._peak, share, math.inf if was_less else rate)
        least = 1.0 if self._peak >= 2 else 0.0
        self._limit = min(self._limit, max(least, self._peak * min(0.5, SLACK * (1 - share))))
        self._baseline = min(self._baseline, share)
        self._starting = False
        self._untried, self._patience = 0, min(MAX_PATIENCE, self._patience * 2)

    def _begin_again(self, limit: float, baseline: float) -> None:
        """The refusals are not about our load."""
        self._limit, self._baseline = limit, baseline
        self._ceiling = None
        self._starting = True

    def _raise(self, now: float) -> None:
        """Allow a little more, but of what was refused before only one more when its time has come."""
        step = max(1.0, self._limit / 8)
        if self._limit < 1:
            step = self._limit / (4 if self._refused else 2)
        limit = min(self._top, self._limit + step)
        if self._probing and self._peak == self._limit:
            self._ceiling, self._probing = None, False  # one more was taken throughout a sample
        if self._ceiling is not None and limit > self._ceiling:
            self._probing = now >= self._probe_at
            limit = min(limit, self._ceiling + self._probing)
        self._limit = limit
