"""Faults for testing clients, and the limit of requests."""

import http.client
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.local.apiserver.fault_injection import Fault, Faults
from tests.local.apiserver.serving import Server

JOBS = "/apis/batch/v1/namespaces/default/jobs"


def test_a_text_says_what_happens_how_often() -> None:
    faults = Faults.parse("429=0.3,500=0.05,reset=0.02,lost=0.01,latency=50ms")
    assert faults == Faults(((429, 0.3), (500, 0.05)), 0.02, 0.05, 0.01)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "429",
        "600=1",
        "200=1",
        "429=1.5",
        "429=0.6,reset=0.5",
        "latency=1h",
        "429=0.1,429=0.3",
        "lost=0,lost=0",
    ],
)
def test_other_texts_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        Faults.parse(text)


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (0.0, Fault(0, 429)),
        (0.29, Fault(0, 429)),
        (0.31, Fault(0, 500)),
        (0.36, Fault(0, 0, True)),
        (0.38, Fault(lost=True)),
        (0.4, Fault()),
    ],
)
def test_a_number_between_0_and_1_picks_the_fault(number: float, fault: Fault) -> None:
    assert Faults.parse("429=0.3,500=0.05,reset=0.02,lost=0.02").draw(lambda: number) == fault


def test_a_throttled_request_gets_plain_text_and_a_time_to_wait(state: Path) -> None:
    server = Server(state, ("--runtime", "process", "--inject", "429=1")).start()
    try:
        answer = server.request("GET", JOBS)
        assert (answer.code, answer.headers["Retry-After"]) == (429, "1")
        assert answer.data == b"Too many requests, please try again later.\n"
        assert answer.headers["Content-Type"].startswith("text/plain")
    finally:
        server.stop()


def test_a_reset_cuts_the_connection(state: Path) -> None:
    server = Server(state, ("--runtime", "process", "--inject", "reset=1")).start()
    try:
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            server.request("GET", JOBS)
    finally:
        server.stop()


def test_a_lost_answer_is_one_of_a_request_that_took_effect(state: Path) -> None:
    server = Server(state, ("--runtime", "process", "--inject", "lost=1")).start()
    body = b'{"metadata": {"name": "kept"}}'
    path = "/api/v1/namespaces/default/configmaps"
    try:
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            server.request("POST", path, body)
    finally:
        server.stop()
    server = Server(state, ("--runtime", "process")).start()
    try:
        assert server.request("GET", f"{path}/kept").code == 200
    finally:
        server.stop()
