"""What ``submit`` does with refusals of every form, against a server that says what the test wants."""

import json
import signal
import subprocess
import threading
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import template
from tests.cli.program import EXPANDER, Answer, run
from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import FakeCluster, kubeconfig
from tests.submit.fake_cluster import status as refused

PLAIN = b"Too many requests, please try again later.\n"
HOUR = 3600


class Api(FakeCluster):
    """A cluster whose first answers to creations are ``first``, one after the other; nothing is created."""

    def __init__(self, *first: Response) -> None:
        super().__init__()
        self._first = list(first)

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method == "POST" and self._first:
            return self._first.pop(0)
        return super().__call__(method, path, headers, body)


def submitted(folder: Path, api: Api, *arguments: str) -> Answer:
    with stub(api) as server:
        options = ["--kubeconfig", kubeconfig(folder, server.port), "--state", str(folder / "journals")]
        return run("submit", template(folder), *arguments, *options, "-o", "json")


def only(answer: Answer) -> dict[str, Any]:
    """The outcome of the one item."""
    line, _ = answer.out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def status(seconds: int) -> bytes:
    details = {"retryAfterSeconds": seconds}
    return json.dumps(
        {
            "kind": "Status",
            "reason": "TooManyRequests",
            "message": "come back tomorrow",
            "code": 429,
            "details": details,
        }
    ).encode()


@pytest.mark.parametrize(
    "refusal",
    [
        (429, PLAIN),
        (429, PLAIN, {"Retry-After": "0"}),
        (429, PLAIN, {"Retry-After": formatdate(0, usegmt=True)}),
        (503, b"upstream connect error"),
        (500, b""),
        (504, json.dumps({"kind": "Status", "reason": "Timeout", "code": 504}).encode()),
    ],
)
def test_a_refusal_for_load_is_tried_again(tmp_path: Path, refusal: Response) -> None:
    api = Api(refusal)
    answer = submitted(tmp_path, api, "a")
    assert answer.code == 0, answer.err
    assert only(answer)["outcome"] == "created"
    assert only(answer)["attempts"] >= 2
    assert api.created == {"item-a": 1}


def test_silence_after_a_creation_ends_with_the_budget_and_what_was_done_is_found(tmp_path: Path) -> None:
    over = threading.Event()

    class Silent(Api):
        def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
            answer = super().__call__(method, path, headers, body)
            if method == "POST" and b"item-b" in body:
                over.wait()
            return answer

    api = Silent()
    with stub(api) as server:
        options = ["--kubeconfig", kubeconfig(tmp_path, server.port), "--state", str(tmp_path / "journals")]
        answer = run("submit", template(tmp_path), "a", "b", "c", "--retry-budget", "2s", *options)
        over.set()
    assert answer.code == 1
    assert "given up after 1 attempt: timed out; it may have been created" in answer.err
    again = submitted(tmp_path, api, "a", "b", "c", "--resume")
    assert again.code == 0, again.err
    assert api.created == {"item-a": 1, "item-b": 1, "item-c": 1}


@pytest.mark.parametrize(
    "refusal",
    [
        (429, PLAIN, {"Retry-After": str(HOUR)}),
        (503, PLAIN, {"Retry-After": "Fri, 31 Dec 2199 23:59:59 GMT"}),
        (429, status(HOUR)),
    ],
)
def test_an_item_whose_wait_is_longer_than_its_budget_is_given_up_and_resumed(
    tmp_path: Path, refusal: Response
) -> None:
    api = Api(refusal)
    answer = submitted(tmp_path, api, "a", "--retry-budget", "1m")
    assert answer.code == 1
    assert only(answer) | {"message": ""} == {
        "name": "item-a",
        "namespace": "default",
        "item": "a",
        "outcome": "failed",
        "reason": "RetryBudget",
        "attempts": 1,
        "message": "",
    }
    assert "item 'a'" in answer.err
    said = ": 429 TooManyRequests: come back tomorrow" if b"tomorrow" in refusal[1] else ""
    assert f"given up after 1 attempt{said}" in answer.err
    again = submitted(tmp_path, api, "a", "--resume")
    assert again.code == 0, again.err
    assert only(again)["outcome"] == "created"


def test_warnings_of_the_server_are_shown_once_with_a_count(tmp_path: Path) -> None:
    class Warns(Api):
        def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
            code, answer = super().__call__(method, path, headers, body)[:2]
            text = '299 - "env[1]: hides previous definition of \\"A\\""'
            return (code, answer, {"Warning": text}) if method == "POST" else (code, answer)

    answer = submitted(tmp_path, Warns(), "a", "b", "c")
    assert answer.code == 0, answer.err
    words = 'env[1]: hides previous definition of "A"'
    assert json.loads(answer.out.splitlines()[-1])["warnings"] == [{"message": words, "count": 3}]
    assert answer.err.count(f"warning: {words} (3 times)") == 1


def test_an_unchanged_batch_is_listed_and_not_asked_for_item_by_item(tmp_path: Path) -> None:
    api = Api()
    assert submitted(tmp_path, api, "-i", "1-1200").code == 0
    api.requests.clear()
    again = submitted(tmp_path, api, "-i", "1-1200")
    assert json.loads(again.out.splitlines()[-1])["summary"] == {"unchanged": 1200}
    assert api.requests.total() < 20


@pytest.mark.parametrize("path", ["/version", "/apis/batch/v1"])
@pytest.mark.parametrize("code", [403, 404])
def test_a_user_who_may_not_discover_the_server_can_submit(tmp_path: Path, path: str, code: int) -> None:
    class Hides(Api):
        def __call__(self, method: str, asked: str, headers: Mapping[str, str], body: bytes) -> Response:
            if asked == path:
                return refused(code, "Forbidden" if code == 403 else "NotFound")
            return super().__call__(method, asked, headers, body)

    answer = submitted(tmp_path, Hides(), "a")
    if (path, code) == ("/apis/batch/v1", 404):
        assert 'no matches for kind "Job"' in answer.err
    else:
        assert (answer.code, only(answer)["outcome"]) == (0, "created"), answer.err


@pytest.mark.parametrize(
    ("number", "held", "advice"),
    [
        (signal.SIGINT, "POST", "Repeat the command to resume."),
        (signal.SIGTERM, "GET", "Nothing was recorded: repeat the command."),
    ],
)
def test_the_second_signal_ends_it_though_a_request_has_no_answer(
    tmp_path: Path, number: signal.Signals, held: str, advice: str
) -> None:
    asked, over = threading.Event(), threading.Event()

    class Holds(Api):
        def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
            if method == held:
                if method == "POST" or "/events" in path:  # others are asked before signals are heeded
                    asked.set()
                over.wait(60)
            return super().__call__(method, path, headers, body)

    with stub(Holds()) as server:
        options = ["--kubeconfig", kubeconfig(tmp_path, server.port), "--state", str(tmp_path / "journals")]
        command = [EXPANDER, "submit", template(tmp_path), "a", "b", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert asked.wait(60)
                process.send_signal(number)
                assert process.stderr is not None
                assert "Ctrl-C again" in process.stderr.readline()
                process.send_signal(number)
                rest = process.stderr.read()
                assert not over.is_set(), "no answer has come yet"
                assert process.wait() == 130
            finally:
                over.set()
                process.kill()
    assert f"Interrupted, 2 items left. {advice}" in rest
