"""How a batch arrives at a server that is full, or that fails: simulated, the time is a number."""

import heapq
import math
import random
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import SourceLocation
from expander.client.client import Resource
from expander.manifests.manifest import Manifest
from expander.submit.delivery import Delivery, Finished, RetryAfter
from expander.submit.dispatcher import Dispatcher
from expander.submit.options import SubmitOptions
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request_builder import RequestBuilder

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)
TAKES = 0.02
"""Seconds that the server needs for a request in a seat."""
TRIP = 0.002
"""Seconds of the way there, and back."""


@dataclass
class Simulated:
    """What sending a batch came to."""

    seconds: float
    refused: list[float]
    """The times of the refusals."""
    created: list[float]

    def refused_after(self, second: float) -> int:
        return sum(at >= second for at in self.refused)


@dataclass
class Server:
    """A server with ``seats`` and a queue, which refuses a share of requests by chance.

    It refuses all ``down_until`` that second, each ``bad``-th item always, and until ``counts_until`` more
    than ``rate`` a second; with ``fails`` by 500, not 429.
    """

    seats: int = 1000
    queue: int = 0
    chance: float = 0.0
    fails: bool = False
    down_until: float = 0.0
    bad: int = 0
    rate: float = math.inf
    counts_until: float = math.inf
    filled: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.rate

    def refuses(self, delivery: Delivery, now: float, dice: random.Random) -> bool:
        number = int(delivery.prepared.name.removeprefix("j-"))
        if now < self.down_until or dice.random() < self.chance or (self.bad and number % self.bad == 0):
            return True
        if self.rate == math.inf or now > self.counts_until:
            return False
        self.tokens = min(self.rate, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return True
        self.tokens -= 1
        return False


def simulate(jobs: int, server: Server, *, most: int = 32, seed: int = 1, until: float = 1000.0) -> Simulated:
    """Send ``jobs`` to a server, for so many seconds at the most."""
    dispatcher = Dispatcher(AdaptiveRateLimiter(most), SubmitOptions())
    prepare, dice, numbers = RequestBuilder("ns").prepare, random.Random(seed), count()
    for number in range(jobs):
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"j-{number}"}}
        dispatcher.add(prepare(Manifest(tree, SourceLocation("j")), JOBS))
    refusal, asked = (RetryAfter("500"), None) if server.fails else (RetryAfter("429", full=True), 1.0)
    found = Simulated(0.0, [], [])
    events: list[tuple[float, int, str, Delivery | None]] = []
    busy, waiting, now = 0, list[Delivery](), 0.0

    def later(seconds: float, what: str, delivery: Delivery | None = None) -> None:
        heapq.heappush(events, (now + seconds, next(numbers), what, delivery))

    def begin(delivery: Delivery) -> None:
        nonlocal busy
        busy += 1
        later(TAKES, "served", delivery)

    while dispatcher.pending and now < until:
        while (delivery := dispatcher.take(now)) is not None:
            later(TRIP, "arrives", delivery)
        due = dispatcher.next_due(now)
        if due is not None:
            later(due + 1e-6, "due")
        now, _, what, sent = heapq.heappop(events)
        if sent is None:
            continue
        if what == "arrives":
            if server.refuses(sent, now, dice):
                later(TAKES + TRIP, "refused", sent)
            elif busy >= server.seats and len(waiting) >= server.queue:
                later(TRIP, "refused", sent)
            elif busy >= server.seats:
                waiting.append(sent)
            else:
                begin(sent)
        elif what == "served":
            busy -= 1
            later(TRIP, "created", sent)
            if waiting:
                begin(waiting.pop(0))
        elif what == "created":
            found.created.append(now)
            dispatcher.handle(sent, Finished("created"), None, now, dice.random())
        else:
            found.refused.append(now)
            dispatcher.handle(sent, refusal, asked, now, dice.random())
        found.seconds = now
    return found


@pytest.mark.parametrize("seats", [1, 2, 3, 10, 30])
@pytest.mark.parametrize("queue", [0, 50])
def test_the_seats_of_a_server_are_kept_busy_with_few_refusals(seats: int, queue: int) -> None:
    found = simulate(3000, Server(seats, queue))
    ideal = 3000 * (TAKES + 2 * TRIP) / seats
    assert found.seconds <= ideal / 0.9
    assert found.refused_after(1.0) <= 0.02 * 3000


@pytest.mark.parametrize("seed", range(10))
def test_refusals_by_chance_cost_little_more_than_their_requests(seed: int) -> None:
    found = simulate(3000, Server(chance=0.3), seed=seed)
    assert found.seconds <= 3000 / 0.7 * (TAKES + 2 * TRIP) / 32 / 0.95 + 0.6


@pytest.mark.parametrize("chance", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fails", [False, True])
def test_a_few_refusals_by_chance_do_not_slow_down(chance: float, seed: int, fails: bool) -> None:
    found = simulate(3000, Server(chance=chance, fails=fails), seed=seed, most=128)
    assert found.seconds <= 3000 / (1 - chance) * (TAKES + 2 * TRIP) / 128 + 1.5


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("chance", [0.5, 0.6, 0.7, 0.8, 0.87])
@pytest.mark.parametrize("seed", range(6))
def test_where_most_is_refused_by_chance_items_arrive_all_the_same(
    chance: float, seed: int, fails: bool
) -> None:
    found = simulate(300, Server(chance=chance, fails=fails), seed=seed)
    at_a_time = 32 * 2 * (1 - chance)
    assert found.seconds <= 300 / (1 - chance) * (TAKES + 2 * TRIP) / at_a_time / 0.6 + 6


@given(st.floats(0, 1), st.integers(1, 50), st.integers(0, 1 << 32))
def test_no_chance_of_a_refusal_makes_more_requests_than_it_takes(
    chance: float, jobs: int, seed: int
) -> None:
    found = simulate(jobs, Server(chance=min(chance, 0.9)), seed=seed)
    assert len(found.refused) + jobs <= 3 * (jobs + 40) / (1 - min(chance, 0.9))


@pytest.mark.parametrize("chance", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(6))
def test_no_item_that_failed_waits_beside_an_idle_server(chance: float, seed: int) -> None:
    found = simulate(3000, Server(chance=chance, fails=True), seed=seed)
    assert found.seconds <= 3000 / (1 - chance) * (TAKES + 2 * TRIP) / 32 + 1.5


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("jobs", [1, 5, 2000])
def test_what_waits_while_a_server_is_down_is_sent_at_once_when_it_answers(jobs: int, fails: bool) -> None:
    found = simulate(jobs, Server(down_until=20.0, fails=fails))
    assert found.seconds <= 20.0 + 1.2 + jobs * (TAKES + 2 * TRIP) / 32 + 0.5
    assert len(found.refused) <= 80


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("rate", [2, 5, 20, 100])
def test_a_server_that_counts_by_the_second_is_soon_asked_for_little_more_than_it_takes(
    rate: int, fails: bool
) -> None:
    jobs = rate * 60
    found = simulate(jobs, Server(rate=rate, fails=fails), most=128)
    assert found.seconds <= jobs / rate / 0.85
    seconds = found.seconds - 20.0
    assert found.refused_after(20.0) <= rate * seconds


@pytest.mark.parametrize("rate", [5, 50])
@pytest.mark.parametrize("fails", [False, True])
def test_a_server_that_no_longer_counts_is_soon_asked_for_all(rate: int, fails: bool) -> None:
    found = simulate(4000, Server(rate=rate, counts_until=20.0, fails=fails), most=128)
    assert found.seconds <= 40.0


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_server_that_refuses_nineteen_of_twenty_by_chance_is_given_all_items(
    seed: int, fails: bool
) -> None:
    found = simulate(100, Server(chance=0.95, fails=fails), seed=seed, most=128)
    assert found.seconds <= 60.0


@pytest.mark.parametrize("bad", [2, 3, 10, 100])
def test_items_that_fail_each_time_do_not_delay_the_others(bad: int) -> None:
    found = simulate(1500, Server(bad=bad, fails=True), until=60.0)
    good = 1500 - len(range(0, 1500, bad))
    assert len(found.created) == good
    assert found.created[-1] <= 8.0
    assert found.refused_after(20.0) <= 45


@pytest.mark.parametrize("fails", [False, True])
def test_a_server_that_takes_nothing_is_asked_less_and_less(fails: bool) -> None:
    refusal, retry_after = (RetryAfter("500"), None) if fails else (RetryAfter("429", full=True), 1.0)
    dispatcher, now, asked = Dispatcher(AdaptiveRateLimiter(32), SubmitOptions()), 0.0, [0] * 10
    for number in range(100):
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"j-{number}"}}
        dispatcher.add(RequestBuilder("ns").prepare(Manifest(tree, SourceLocation("j")), JOBS))
    while now < 10:
        while (delivery := dispatcher.take(now)) is not None:
            asked[int(now)] += 1
            dispatcher.handle(delivery, refusal, retry_after, now, 0.5)
        now += 0.01
    assert asked[0] <= 60
    assert asked[2:] == sorted(asked[2:], reverse=True)
    assert asked[-1] == 1


def test_while_all_is_refused_it_is_said_how_often_and_when_the_next_try_is() -> None:
    dispatcher, now = Dispatcher(AdaptiveRateLimiter(1), SubmitOptions()), 0.0
    tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    dispatcher.add(RequestBuilder("ns").prepare(Manifest(tree, SourceLocation("j")), JOBS))
    assert dispatcher.waits_for(now) == ""
    for _ in range(10):
        now += dispatcher.next_due(now) or 0.0
        delivery = dispatcher.take(now)
        assert delivery is not None
        assert "next try" not in dispatcher.waits_for(now)
        dispatcher.handle(delivery, RetryAfter("429", full=True), 3.0, now, 0.0)
    assert dispatcher.waits_for(now) == "429: refused 10 times in a row, next try in 3 s"
    delivery = dispatcher.take(now + 3.0)
    assert delivery is not None
    dispatcher.handle(delivery, Finished("created"), None, now, 0.0)
    assert dispatcher.waits_for(now) == ""


def test_a_server_that_takes_nothing_for_a_while_is_asked_now_and_then() -> None:
    dispatcher, now, asked = Dispatcher(AdaptiveRateLimiter(32), SubmitOptions()), 0.0, 0
    for number in range(100):
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"j-{number}"}}
        dispatcher.add(RequestBuilder("ns").prepare(Manifest(tree, SourceLocation("j")), JOBS))
    while now < 60:
        while (delivery := dispatcher.take(now)) is not None:
            asked += now > 10
            dispatcher.handle(delivery, RetryAfter("429", full=True), 1.0, now, 0.5)
        now += 0.01
    assert 20 < asked < 100
