"""The limiter follows what the server takes."""

import heapq
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.submit.rate_limiter import AdaptiveRateLimiter


def limits(refuses: Callable[[int], bool], answers: int, most: int = 32) -> list[int]:
    """The limit after each answer of a server that takes 50 ms for each request."""
    limiter, now, found = AdaptiveRateLimiter(most), 0.0, []
    for _ in range(answers):
        now += 0.05 / limiter.limit
        limiter.record(now, refuses(limiter.limit))
        found.append(limiter.limit)
    return found


def over_time(
    trips: Sequence[tuple[float, float]], until: float, most: int = 128, most_a_second: float = 10_000
) -> list[tuple[float, int]]:
    """The limit after each answer of a server that serves one request after the other, and refuses none.

    ``trips`` says from when on a round trip takes how many seconds, beside what the request waits for others.
    """
    limiter, now, free, found = AdaptiveRateLimiter(most), 0.0, 0.0, list[tuple[float, int]]()
    answers: list[tuple[float, float]] = []
    while now < until:
        while len(answers) < limiter.limit:
            trip = next(seconds for since, seconds in reversed(trips) if since <= now)
            free = max(free, now) + 1 / most_a_second
            heapq.heappush(answers, (free + trip, now))
        now, sent = heapq.heappop(answers)
        limiter.record(now, False, sent=sent)
        found.append((now, limiter.limit))
    return found


@pytest.mark.parametrize("trip", [0.01, 0.03, 0.2])
def test_where_round_trips_take_long_the_limit_doubles_in_each(trip: float) -> None:
    found = over_time([(0.0, trip)], until=4 * (trip + 0.02))
    assert found[-1][1] == 128


@given(st.floats(0.0001, 0.0005), st.floats(2000, 20_000))
def test_no_more_than_a_few_times_what_the_rate_needs_is_under_way_soon(
    trip: float, most_a_second: float
) -> None:
    found = over_time([(0.0, trip)], until=0.19, most_a_second=most_a_second)
    assert found[-1][1] <= 24 + 4 * trip * most_a_second


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.0001, 0.1)), max_size=3).map(sorted),
    st.floats(2000, 20_000),
)
def test_a_limit_falls_only_after_a_refusal(changes: list[tuple[float, float]], most_a_second: float) -> None:
    found = [limit for _, limit in over_time([(0.0, 0.01), *changes], 1.0, most_a_second=most_a_second)]
    assert found == sorted(found)


@pytest.mark.parametrize("trips", [(0.0002, 0.05), (0.05, 0.0002), (0.0002, 0.05, 0.0002, 0.05)])
def test_a_server_that_becomes_slower_or_faster_is_soon_given_all_that_is_allowed(trips: list[float]) -> None:
    found = over_time([(number * 0.5, trip) for number, trip in enumerate(trips)], until=6.0)
    assert found[-1][1] == 128


def test_refusals_in_a_row_are_no_chance() -> None:
    limiter, now, dice = AdaptiveRateLimiter(32), 0.0, random.Random(1)
    for _ in range(4000):
        now += 0.05 / limiter.limit
        limiter.record(now, dice.random() < 0.3, full=True, beside=8, asked=1.0)
    limiter.record(now, refused=False)
    assert limiter.refuses_by_chance
    for _ in range(12):
        limiter.record(now, refused=True, full=True, beside=8, asked=1.0)
    assert not limiter.refuses_by_chance
    assert limiter.wait(now) == 0
    limiter.record(now, refused=True, full=True, beside=0, asked=1.0)
    assert limiter.wait(now) == 1.0


def test_a_healthy_server_is_soon_given_all_that_is_allowed() -> None:
    assert limits(lambda _: False, 400)[-1] == 32


def test_the_limiter_doubles_in_each_round_trip_until_the_first_refusal() -> None:
    found = limits(lambda _: False, 28)
    assert [found[count] for count in (0, 7, 15, 27)] == [17, 24, 32, 32]
    assert limits(lambda limit: limit > 20, 14)[-1] <= 21


def test_a_server_that_refuses_everything_is_asked_one_thing_at_a_time() -> None:
    assert limits(lambda _: True, 200)[-1] == 1


def test_refusals_above_a_capacity_keep_the_limiter_near_it() -> None:
    found = limits(lambda limit: limit > 8, 4000)[1000:]
    assert 3 < sum(found) / len(found) < 11


def test_refusals_that_have_nothing_to_do_with_load_do_not_slow_down_for_long() -> None:
    for seed in range(10):
        chance = random.Random(seed)
        found = limits(lambda _, chance=chance: chance.random() < 0.35, 6000)[2000:]  # type: ignore[misc]
        assert sum(found) / len(found) > 24


def test_a_token_bucket_allows_a_burst_and_then_the_rate() -> None:
    limiter, now, begun = AdaptiveRateLimiter(32, qps=10, burst=5), 0.0, []
    while now < 2.0:
        wait = limiter.wait(now)
        if wait == 0:
            limiter.acquire()
            begun.append(now)
        else:
            now += wait + 1e-9
    assert begun[:5] == [0.0] * 5
    assert 24 <= len(begun) <= 25
