"""Lists that end, and those that do not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from expander.base.errors import ClusterError, Unreachable
from expander.client import client
from expander.client.client import ApiClient
from expander.client.retry import Retry
from expander.client.transport import Transport
from tests.client.stubs import Respond, Response, stub
from tests.submit.fake_cluster import JOBS, kubeconfig, status


def names(respond: Respond, folder: Path, budget: float = 0.1) -> list[str]:
    """The names of the objects on all pages."""
    with stub(respond) as server, closing(Transport(kubeconfig(folder, server.port))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=budget), lambda: False)
        return [each["metadata"]["name"] for page in api.pages(JOBS, "a=b") for each in page["items"]]


def compact(*found: str, more: object = "", ahead: bool = True) -> Response:
    """`page`, written as an API server does: without spaces, the metadata ``ahead`` of the items or behind."""
    tree = json.loads(page(*found, more=more)[1])
    order = ("metadata", "items") if ahead else ("items", "metadata")
    text = json.dumps({"kind": "JobList", **{name: tree[name] for name in order}}, separators=(",", ":"))
    return 200, text.encode()


def page(*found: str, more: object = "") -> Response:
    spec = {"template": {"spec": {"containers": [{"name": "c"}]}}}
    items = [
        {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec} for name in found
    ]
    return 200, json.dumps({"metadata": {"continue": more}, "items": items}).encode()


def token(path: str) -> str:
    return parse_qs(urlsplit(path).query).get("continue", [""])[0]


@pytest.mark.parametrize("period", [1, 2, 7])
def test_a_list_whose_pages_come_again_is_an_error(tmp_path: Path, period: int) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        return page("a", more=str((int(token(path) or 0) + 1) % period + 1))

    with pytest.raises(ClusterError, match="does not end"):
        names(respond, tmp_path)


def test_a_list_of_empty_pages_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_EMPTY_PAGES", 20)

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        return page(more=token(path) + "x")

    with pytest.raises(ClusterError, match="does not end"):
        names(respond, tmp_path)


@pytest.mark.parametrize("write", [page, compact])
def test_null_in_place_of_items_is_an_empty_page(tmp_path: Path, write: Callable[..., Response]) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        found = {"": write("a", more="x"), "x": write(more="y"), "y": write("b", more="z"), "z": write()}
        code, text, *_ = found[token(path)]
        return code, text.replace(b'"items": []', b'"items": null').replace(b'"items":[]', b'"items":null')

    assert names(respond, tmp_path) == ["a", "b"]
    with stub(respond) as server, closing(Transport(kubeconfig(tmp_path, server.port))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=0.1), lambda: False)
        assert api.get_list(f"{JOBS}?continue=z")["items"] == []


def test_an_answer_without_items_is_no_list(tmp_path: Path) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        return 200, b'{"kind": "Status", "metadata": {}}'

    with pytest.raises(ClusterError, match="no API object"):
        names(respond, tmp_path)


def test_a_list_that_expires_is_read_again_as_one_page(tmp_path: Path) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if token(path):
            return status(410, "Expired")
        return page("a", more="x") if "limit=" in path else page("a", "b", "c")

    assert names(respond, tmp_path) == ["a", "a", "b", "c"]


@pytest.mark.parametrize("write", [page, compact, partial(compact, ahead=False)])
def test_a_page_is_asked_for_before_the_one_ahead_of_it_is_looked_at(
    tmp_path: Path, write: Callable[..., Response]
) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        asked.put(token(path))
        return write("b") if token(path) else write("a", more="x")

    asked: SimpleQueue[str] = SimpleQueue()
    with stub(respond) as server, closing(Transport(kubeconfig(tmp_path, server.port))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=0.1), lambda: False)
        pages = api.pages(JOBS, "a=b")
        assert next(pages)["items"][0]["metadata"]["name"] == "a"
        assert [asked.get(timeout=60), asked.get(timeout=60)] == ["", "x"]
        assert [each["metadata"]["name"] for found in pages for each in found["items"]] == ["b"]
        assert len(server.asked) == 2


def test_a_page_is_asked_for_before_the_one_ahead_of_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if not token(path):
            return compact("a", more="x")
        asked.set()
        return compact("b")

    def decode(body: bytes) -> dict[str, object] | None:
        assert asked.wait(60)
        found: dict[str, object] = json.loads(body)
        return found

    asked = threading.Event()
    monkeypatch.setattr(client, "decode_object", decode)
    assert names(respond, tmp_path) == ["a", "b"]


@pytest.mark.parametrize("more", ["x", ""])
def test_what_only_looks_like_a_continue_token_is_not_followed(tmp_path: Path, more: str) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if token(path) == "other":
            return compact("wrong")
        if token(path):
            return compact("b")
        text = compact("a", more=more)[1]
        return 200, text.replace(b',"items"', b',"more":{"metadata":{"continue":"other"}},"items"')

    assert names(respond, tmp_path) == (["a", "b"] if more else ["a"])


@pytest.mark.parametrize("write", [page, compact])
@pytest.mark.parametrize("bad", [b"", b"<html>", page("c", more=7)[1], compact("c", more="y")[1][:-1]])
def test_a_page_that_did_not_come_is_asked_for_again(
    tmp_path: Path, bad: bytes, write: Callable[..., Response]
) -> None:
    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if not token(path):
            return write("a", more="x")
        if token(path) == "y":
            return write("wrong")
        tries.append(path)
        return write("b") if len(tries) > 2 else (200, bad)

    tries: list[str] = []
    assert names(respond, tmp_path, budget=60) == ["a", "b"]
    assert len(tries) == 3


@pytest.mark.parametrize("code", [410, 403])
def test_a_list_that_is_refused_from_the_start_is_an_error(tmp_path: Path, code: int) -> None:
    with pytest.raises(ClusterError):
        names(lambda *_: status(code, "Expired"), tmp_path)


@pytest.mark.parametrize("more", [7, ["x"], {"a": "b"}, True])
def test_a_continue_token_that_is_no_text_is_no_list(tmp_path: Path, more: object) -> None:
    with pytest.raises(ClusterError, match="no API object"):
        names(lambda *_: page("a", more=more), tmp_path)


def test_a_wait_ends_when_it_is_stopped_and_is_told_of_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    told: list[str] = []

    def busy(*_: object) -> Response:
        return (*status(429, "TooManyRequests", "slow down"), {"Retry-After": "100"})

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        told.append(str(transport.waits.longest(0.0)))

    monkeypatch.setattr(time, "sleep", sleep)
    with stub(busy) as server, closing(Transport(kubeconfig(tmp_path, server.port))) as transport:
        api = ApiClient(transport, Retry(budget=1000), lambda: len(slept) >= 3)
        with pytest.raises(ClusterError, match="slow down"):
            api.get("/version")
        assert transport.waits.longest(0.0) is None
    assert max(slept) <= client.STOP_SECONDS
    assert len(slept) == 3
    assert all("slow down" in each for each in told)


def test_a_server_that_says_nothing_is_waited_for_as_long_as_requests_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MIN_ANSWER_SECONDS", 0.0)
    asked = 0
    over = threading.Event()

    def silent(*_: object) -> Response:
        nonlocal asked
        asked += 1
        over.wait()
        return 200, b"{}"

    with stub(silent) as server, closing(Transport(kubeconfig(tmp_path, server.port))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=1.5), lambda: False)
        with pytest.raises(Unreachable, match="does not answer: timed out"):
            api.get("/version")
        over.set()
    assert asked == 1


def test_a_busy_server_is_waited_for_beyond_the_time_for_a_silent_one(tmp_path: Path) -> None:
    answers = [status(429, "TooManyRequests")] * 3 + [(200, b"{}")]

    def respond(*_: object) -> Response:
        code, body = answers.pop(0)[:2]
        return (code, body, {"Retry-After": "0"}) if code == 429 else (code, body)

    with stub(respond) as server, closing(Transport(kubeconfig(tmp_path, server.port))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=100, silence=0.001), lambda: False)
        assert api.get("/version") == {}
        answers += [status(500, "InternalError"), status(500, "InternalError"), status(500, "InternalError")]
        with pytest.raises(ClusterError, match="cannot answer now: InternalError"):
            api.get("/version")


def test_a_few_refusals_in_a_row_cost_no_retry_after_where_that_is_wanted(tmp_path: Path) -> None:
    busy = (*status(429, "TooManyRequests"), {"Retry-After": "1"})
    answers: list[Response] = [*[busy] * 6, (200, b"{}"), *[busy] * 6, (200, b"{}")]
    with (
        stub(lambda *_: answers.pop(0)) as server,
        closing(Transport(kubeconfig(tmp_path, server.port))) as transport,
    ):
        api = ApiClient(transport, Retry(budget=5, soon=6), lambda: False)
        assert [api.get("/version") for _ in range(2)] == [{}, {}]


def kubeconfig_of_serve(folder: Path, port: int) -> Path:
    path = Path(kubeconfig(folder, port))
    config = yaml.safe_load(path.read_text())
    extension = {"name": "expander", "extension": {"state": "/my state"}}
    config["clusters"][0]["cluster"]["extensions"] = [extension]
    path.write_text(json.dumps(config))
    return path


def test_a_server_of_serve_that_breaks_off_is_not_said_to_be_gone(tmp_path: Path) -> None:
    def cut(*_: object) -> Response:
        raise ConnectionResetError

    with (
        stub(cut) as server,
        closing(Transport(str(kubeconfig_of_serve(tmp_path, server.port)))) as transport,
    ):
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=0.1), lambda: False)
        with pytest.raises(Unreachable, match="connection lost") as raised:
            api.get("/version")
    assert "starts it again" not in str(raised.value.problems[0].hint)


def test_a_server_of_serve_that_is_gone_is_named_with_the_way_to_start_it(tmp_path: Path) -> None:
    path = kubeconfig_of_serve(tmp_path, 1)
    with closing(Transport(str(path))) as transport:
        api = ApiClient(transport, Retry(base=0.001, cap=0.01, budget=0.1), lambda: False)
        with pytest.raises(Unreachable, match="expander serve --state '/my state' --detach starts it again"):
            api.get("/version")
