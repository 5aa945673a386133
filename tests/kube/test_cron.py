"""Cron schedules."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from expander.kube.cron import Interval, next_times, parse
from expander.kube.time import parse_duration

NEW_YORK = "America/New_York"


def times(schedule: str, zone: str, after: str, count: int = 3) -> list[str]:
    """The next times on the zone's own clock, with its offset."""
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = next_times(schedule, zone, start, count)
    return [
        datetime.fromtimestamp(time, ZoneInfo(zone)).isoformat(" ", "minutes").removeprefix("2026-")
        for time in found
    ]


def test_every_recorded_schedule_has_the_times_of_the_controllers_library(reference: Path) -> None:
    cases = [json.loads(line) for line in (reference / "cron-schedules.jsonl").read_text().splitlines()]
    assert len(cases) >= 1750
    for case in cases:
        start = datetime.fromisoformat(case["after"]).replace(tzinfo=ZoneInfo(case["timeZone"]))
        if case["valid"]:
            found = next_times(case["schedule"], case["timeZone"], start.timestamp(), 6)
            assert found == case["next"], case
        else:
            with pytest.raises(ValueError):
                parse(case["schedule"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* 22-2 * * *", "beginning of range (22) beyond end of range (2): 22-2"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
        ("-1 * * * *", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        (
            "99999999999999999999 * * * *",
            "failed to parse int from 99999999999999999999: "
            'strconv.Atoi: parsing "99999999999999999999": value out of range',
        ),
        (
            "* * * january *",
            'failed to parse int from january: strconv.Atoi: parsing "january": invalid syntax',
        ),
        ("@HOURLY", "unrecognized descriptor: @HOURLY"),
        ("@every day", 'failed to parse duration @every day: time: invalid duration "day"'),
        ("TZ=Mars/Olympus * * * * *", "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"),
        ("TZ=UTC", "expected exactly 5 fields, found 0: []"),
    ],
)
def test_what_is_no_schedule_is_refused_in_the_servers_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("@hourly", "0 * * * *"),
        ("@annually", "0 0 1 jan *"),
        ("@weekly", "0 0 ? * Sun"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("1,,2 * * * *", "1-2 * * * *"),
        ("\t0  0 * * *\n", "@midnight"),
        ("0 0 * * *-3", "0 0 * * *"),
    ],
)
def test_ways_to_write_the_same_schedule(one: str, other: str) -> None:
    assert parse(one) == parse(other)


def test_a_day_matches_by_either_field_unless_one_is_a_star() -> None:
    assert times("0 0 13 * 5", "UTC", "2026-01-01T00:00:00") == [
        "01-02 00:00+00:00",
        "01-09 00:00+00:00",
        "01-13 00:00+00:00",
    ]
    assert times("0 0 */2 * 5", "UTC", "2026-01-01T00:00:00")[0] == "01-02 00:00+00:00"
    assert times("0 0 * * 5", "UTC", "2026-01-02T00:00:00")[0] == "01-09 00:00+00:00"


def test_a_time_that_a_clock_change_skips_is_skipped() -> None:
    assert times("30 2 * * *", NEW_YORK, "2026-03-07T12:00:00", 2) == [
        "03-09 02:30-04:00",
        "03-10 02:30-04:00",
    ]


def test_a_time_that_a_clock_change_repeats_comes_twice() -> None:
    assert times("30 1 * * *", NEW_YORK, "2026-10-31T12:00:00") == [
        "11-01 01:30-04:00",
        "11-01 01:30-05:00",
        "11-02 01:30-05:00",
    ]


def test_a_midnight_that_a_clock_change_skips_leaves_the_rest_of_the_day() -> None:
    assert times("0 * * * *", "America/Santiago", "2026-09-05T22:30:00") == [
        "09-05 23:00-04:00",
        "09-06 01:00-03:00",
        "09-06 02:00-03:00",
    ]


def test_a_day_that_does_not_exist_has_no_times() -> None:
    assert next_times("0 0 31 2 *", "UTC", 0, 3) == []


def test_a_zone_in_the_schedule_wins() -> None:
    assert times("TZ=Asia/Tokyo 0 6 * * *", "UTC", "2026-01-01T00:00:00", 1) == ["01-01 21:00+00:00"]


def test_an_interval_counts_from_the_second_it_starts_in() -> None:
    assert next_times("@every 1h30m", "UTC", 100.7, 2) == [5500, 10900]
    assert parse("@every 10ms") == Interval(1)
    assert parse("@every -5m") == Interval(1)


def test_a_zone_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown time zone Mars"):
        next_times("* * * * *", "Mars", 0, 1)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0", 0), ("1h30m", 5400 * 10**9), ("-1.5s", -15 * 10**8), (".5ms", 500_000), ("1µs2ns", 1002)],
)
def test_durations_as_go_writes_them(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid duration"),
        ("5", "missing unit"),
        ("5d", 'unknown unit "d"'),
        (".s", "invalid duration"),
        ("1h ", 'unknown unit "h "'),
        ("300000000000h", "invalid duration"),
    ],
)
def test_what_is_no_duration(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"time: {problem}"):
        parse_duration(text)
