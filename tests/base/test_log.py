"""The log: silent by default, without secrets, text or JSON Lines."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from expander.base import log
from expander.base.errors import UsageError
from expander.base.log import DEBUG, INFO, Log, LogConfig
from expander.base.log_handler import masked


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    yield found
    logger = logging.getLogger("expander")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def test_importing_the_log_and_calling_it_does_not_load_logging() -> None:
    code = (
        "import sys\nfrom expander.base.log import Log\n"
        "Log('x').info('%(a)s', a=1)\nprint('logging' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_a_line_has_time_area_and_message(lines: list[str]) -> None:
    log.listen(LogConfig(INFO), lines.append)
    Log("client").info("%(method)s jobs %(status)d", method="POST", status=429)
    assert len(lines) == 1
    time, rest = lines[0].split(" ", 1)
    assert time.endswith("Z")
    assert rest == "client: POST jobs 429\n"


def test_what_is_below_the_level_is_left_out(lines: list[str]) -> None:
    log.listen(LogConfig(INFO), lines.append)
    Log("client").debug("a request")
    assert not Log("client").enabled(DEBUG)
    assert Log("client").enabled(INFO)
    assert lines == []


def test_a_line_of_json_has_the_fields_by_their_names(lines: list[str]) -> None:
    log.listen(LogConfig(DEBUG, as_json=True), lines.append)
    Log("client").debug("%(method)s jobs %(status)d", method="POST", status=429)
    line = json.loads(lines[0])
    assert line.pop("time")
    assert line == {
        "level": "debug",
        "logger": "expander.client",
        "message": "POST jobs 429",
        "method": "POST",
        "status": 429,
    }


def test_a_message_never_steers_a_terminal_or_breaks_a_line(lines: list[str]) -> None:
    log.listen(LogConfig(INFO), lines.append)
    Log("client").info("%(said)s", said="a\x1b[2J\nb")
    assert lines[0].endswith("client: a\\x1b[2J\\nb\n")


def test_those_who_set_up_logging_in_python_get_the_lines_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(DEBUG, "expander")
    Log("client").debug("a %(what)s", what="request")
    assert caplog.messages == ["a request"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("redis://user:pa:ss@host/0", "redis://user:***@host/0"),
        ("amqp://:secret@host", "amqp://:***@host"),
        ("via http://me:p@ss@proxy:3128 now", "via http://me:***@proxy:3128 now"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': 'Basic ***'}"),
        ("GET /x?access_token=abc&y=1", "GET /x?access_token=***&y=1"),
        ("redis://host?password=abc", "redis://host?password=***"),
        ("got eyJhbGciOi.eyJpc3Mi.c2ln here", "got *** here"),
        ("POST https://host:6443/apis/batch/v1 201", "POST https://host:6443/apis/batch/v1 201"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, wanted: str) -> None:
    assert masked(text) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("", LogConfig()),
        ("info", LogConfig(INFO)),
        ("DEBUG,json", LogConfig(DEBUG, True)),
        ("json", LogConfig(INFO, True)),
    ],
)
def test_the_environment_says_what_to_log(
    value: str, wanted: LogConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(log.VARIABLE, value)
    assert log.config_from_environment() == wanted


def test_an_unknown_word_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(log.VARIABLE, "loud")
    with pytest.raises(UsageError, match="found 'loud', expected info, debug or json"):
        log.config_from_environment()
