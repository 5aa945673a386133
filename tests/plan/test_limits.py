"""Which batches come near what clusters are tested with."""

from collections.abc import Callable
from typing import Any

import pytest

from expander.plan.limits import indexed_warning, minutes, warnings_of
from expander.plan.plan import DEFAULT_QPS, Plan, Rate


def plan(**facts: Any) -> Plan:
    return Plan(**facts)


def test_a_small_batch_has_nothing_to_warn_of() -> None:
    facts = {"objects": {"Job": 500}, "pods_at_once": 500, "pods_in_all": 500}
    assert warnings_of(plan(**facts, pods_by_namespace={"default": 500}, etcd_bytes=1 << 20)) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"objects": {"Job": 3_001}}, "3,001 Jobs at once"),
        ({"pods_at_once": 150_001}, "clusters are tested with up to 150,000"),
        ({"pods_by_namespace": {"a": 10, "b": 3_300}}, "3,300 pods at once in one namespace"),
        ({"pods_by_namespace": {"b": 3_300}}, "30 nodes at 110 pods each"),
        ({"pods_in_all": 12_501, "expires": False}, "once 12,500 have ended"),
        ({"pods_in_all": 60_000}, "at least 50 min"),
        ({"etcd_bytes": 300 << 20}, "300 MiB of objects: etcd holds 2,048 MiB"),
    ],
)
def test_a_figure_beyond_what_is_tested_is_told(facts: dict[str, Any], words: str) -> None:
    assert any(words in each for each in warnings_of(plan(**facts)))


def test_a_window_keeps_the_number_of_jobs_from_being_a_worry() -> None:
    found = warnings_of(plan(objects={"Job": 50_000}, rate=Rate(max_active=500)))
    assert not any("Jobs at once" in each for each in found)


def test_an_indexed_job_is_warned_of_only_above_both_limits() -> None:
    assert indexed_warning(100_001, 10_001)
    assert not indexed_warning(100_000, 100_000)
    assert not indexed_warning(1_000_000, 10_000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (200.0, "3 min 20 s"), (5_000, "1 h 23 min"), (0, "0 s")],
)
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        (lambda: Rate(), 1000 / DEFAULT_QPS),
        (lambda: Rate(qps=50), 950 / 50),
        (lambda: Rate(qps=50, burst=200), 800 / 50),
        (lambda: Rate(qps=0.5), 999 / 0.5),
        (lambda: Rate(qps=5000), 0),
    ],
)
def test_sending_takes_what_the_token_bucket_allows(rate: Callable[[], Rate], seconds: float) -> None:
    assert rate().seconds(1000) == pytest.approx(seconds)
