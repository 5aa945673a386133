"""Probes and hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]

TRUE: dict[str, Any] = {"exec": {"command": ["true"]}}


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_probe_has_one_handler(in_container: Check, probe: str) -> None:
    assert in_container(**{probe: {}}) == [(probe, "Required value: must specify a handler type")]
    assert in_container(**{probe: {**TRUE, "grpc": {"port": 1}}}) == [
        (f"{probe}.grpc", "Forbidden: may not specify more than 1 handler type")
    ]


def test_one_success_is_enough_unless_it_is_about_readiness(in_container: Check) -> None:
    twice = {**TRUE, "successThreshold": 2}
    assert in_container(livenessProbe=twice, readinessProbe=twice, startupProbe=twice) == [
        ("livenessProbe.successThreshold", "Invalid value: 2: must be 1"),
        ("startupProbe.successThreshold", "Invalid value: 2: must be 1"),
    ]


def test_seconds_and_counts_are_not_negative(in_container: Check) -> None:
    found = in_container(readinessProbe={**TRUE, "periodSeconds": -1, "failureThreshold": -1})
    assert found == [
        ("readinessProbe.periodSeconds", "Invalid value: -1: must be greater than or equal to 0"),
        ("readinessProbe.failureThreshold", "Invalid value: -1: must be greater than or equal to 0"),
    ]


def test_the_grace_period_of_a_probe_is_positive_and_not_for_readiness(in_container: Check) -> None:
    assert in_container(livenessProbe={**TRUE, "terminationGracePeriodSeconds": 0}) == [
        ("livenessProbe.terminationGracePeriodSeconds", "Invalid value: 0: must be greater than 0")
    ]
    assert in_container(readinessProbe={**TRUE, "terminationGracePeriodSeconds": 5}) == [
        (
            "readinessProbe.terminationGracePeriodSeconds",
            "Invalid value: 5: must not be set for readinessProbes",
        )
    ]


def test_a_port_is_a_number_or_a_name(in_container: Check) -> None:
    assert in_container(livenessProbe={"httpGet": {"port": "http"}}) == []
    assert in_container(livenessProbe={"httpGet": {}}) == [
        ("livenessProbe.httpGet.port", "Invalid value: 0: must be between 1 and 65535, inclusive")
    ]
    assert in_container(livenessProbe={"tcpSocket": {"port": "8080"}}) == [
        ("livenessProbe.tcpSocket.port", 'Invalid value: "8080": must contain at least one letter (a-z)')
    ]


def test_requests_have_a_known_scheme_and_good_headers(in_container: Check) -> None:
    request = {"port": 80, "scheme": "ftp", "httpHeaders": [{"name": "X Y"}]}
    found = in_container(livenessProbe={"httpGet": request})
    assert [path for path, _ in found] == [
        "livenessProbe.httpGet.scheme",
        "livenessProbe.httpGet.httpHeaders",
    ]


def test_a_hook_sleeps_no_longer_than_the_pod_has(in_container: Check) -> None:
    def sleep(seconds: int, **pod: int) -> list[tuple[str, str]]:
        return in_container(pod, lifecycle={"preStop": {"sleep": {"seconds": seconds}}})

    assert sleep(0) == sleep(30) == sleep(40, terminationGracePeriodSeconds=60) == []
    assert sleep(31) == [
        (
            "lifecycle.preStop.sleep",
            "Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
        )
    ]


def test_the_signal_to_stop_is_dropped_before_rules_apply(in_container: Check) -> None:
    assert in_container(lifecycle={"stopSignal": "SIGODD"}) == []
