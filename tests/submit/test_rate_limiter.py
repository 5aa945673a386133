"""The limiter follows what the server takes."""

import random
from collections.abc import Callable

from expander.submit.rate_limiter import AdaptiveRateLimiter


def limits(refuses: Callable[[int], bool], answers: int, most: int = 32) -> list[int]:
    """The limit after each answer of a server that takes 50 ms for each request."""
    limiter, now, found = AdaptiveRateLimiter(most), 0.0, []
    for _ in range(answers):
        now += 0.05 / limiter.limit
        limiter.record(now, refuses(limiter.limit))
        found.append(limiter.limit)
    return found


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
