"""Back-off, and what servers ask for."""

import json

from expander.client.retry import Retry, retry_after


def test_waits_double_up_to_the_cap_and_never_less_than_half_of_it() -> None:
    retry = Retry(base=1.0, cap=8.0)
    assert [retry.wait(n, None, 1.0) for n in (1, 2, 3, 4, 5, 2000)] == [1, 2, 4, 8, 8, 8]
    assert retry.wait(3, None, 0.0) == 2


def test_what_the_server_asks_for_is_the_least_that_is_waited() -> None:
    for chance in (0.0, 0.5, 1.0):
        assert 5.0 <= Retry().wait(1, 5.0, chance) <= 6.0


def test_the_first_refusals_are_taken_for_chance_where_that_is_wanted() -> None:
    retry = Retry(soon=3)
    waits = [retry.wait(0, 1.0, 1.0, refused) for refused in (1, 2, 3, 4)]
    assert waits[:3] == [0.1] * 3
    assert waits[3] >= 1.0
    assert retry.wait(0, 2.0, 0.5, 1) >= 2.0
    assert retry.wait(0, 0.0, 0.5, 1) == 0.0
    assert Retry().wait(0, 1.0, 0.5, 1) >= 1.0


def test_an_item_is_given_up_when_the_next_attempt_would_be_after_the_budget() -> None:
    retry = Retry(budget=10)
    assert not retry.is_over(first=100, now=105, wait=5)
    assert retry.is_over(first=100, now=105, wait=5.1)


def test_a_server_that_asks_to_come_again_is_tried_for_longer_than_a_silent_one() -> None:
    retry = Retry(budget=100, silence=10)
    assert retry.is_over(first=0, now=11, wait=2)
    assert not retry.is_over(first=0, now=50, wait=2, asked_at=49)
    assert not retry.is_over(first=0, now=50, wait=30, asked_at=50)
    assert retry.is_over(first=0, now=60, wait=2, asked_at=49)
    assert retry.is_over(first=0, now=99, wait=2, asked_at=99)


def test_a_response_is_waited_for_as_long_as_the_budget_lasts_and_a_moment_at_least() -> None:
    retry = Retry(budget=10)
    assert [retry.left(first=100, now=now) for now in (100, 103, 109.5, 200)] == [10, 7, 1, 1]


def test_retry_after_may_be_seconds_a_date_or_in_the_status() -> None:
    status = json.dumps({"kind": "Status", "details": {"retryAfterSeconds": 3}}).encode()
    assert retry_after({"retry-after": "7"}, status, 0.0) == 7
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, b"", 100.0) == 20
    assert retry_after({}, status, 0.0) == 3
    assert retry_after({}, b"Too many requests, please try again later.\n", 0.0) is None
    assert retry_after({"retry-after": "soon"}, b"{", 0.0) is None
