"""Who may ask the server of the live page, and what it answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from expander.group.open import GroupSelector
from expander.ui.actions import Actions
from expander.ui.feed import GroupFeed
from expander.ui.page import Page
from expander.ui.places import GroupPlace, Places
from tests.cli.program import EXPANDER, run
from tests.ui.page_server import PageServer, make_group, run_group, until

GROUP = "/api/group?local=true&group=small"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server that knows one group of two items, of which one failed."""
    folder = tmp_path_factory.mktemp("ui")
    run_group(folder, folder / "state", "small", 'test "$1" != b', "a", "b")
    with PageServer(folder / "state") as found:
        yield found


def test_the_page_is_for_everybody_and_holds_no_secret(server: PageServer) -> None:
    for path, media in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        code, headers, text = server.ask(path)
        assert (code, headers["content-type"]) == (200, f"{media}; charset=utf-8")
        assert server.token not in text
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy


@pytest.mark.parametrize("path", [GROUP, "/api/groups", "/api/log?group=small", "/api/nothing"])
def test_nothing_else_is_answered_without_the_token(server: PageServer, path: str) -> None:
    wrong = "x" * len(server.token)
    assert server.ask(path)[0] == 401
    assert server.ask(path, token=wrong)[0] == 401
    assert server.ask(path, headers={"Authorization": f"Basic {server.token}"})[0] == 401
    assert server.ask(f"{path}{'&' if '?' in path else '?'}token={server.token}")[0] == 401
    assert server.ask("/api/action", method="POST", token=wrong, body={"action": "cleanup"})[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "attacker.example:80"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_for_another_host_or_from_another_page_is_refused(
    server: PageServer, headers: dict[str, str]
) -> None:
    for path in ("/", "/page.js", "/api/groups"):
        assert server.ask(path, token=server.token, headers=headers)[0] == 403
    assert server.ask("/api/action", method="POST", token=server.token, headers=headers, body={})[0] == 403


def test_groups_and_items_are_streams_of_json(server: PageServer) -> None:
    code, headers, line = server.ask("/api/groups", token=server.token)
    assert (code, headers["content-type"]) == (200, "application/x-ndjson")
    (group,) = json.loads(line)["groups"]
    assert (group["group"], group["local"], group["counts"]["Failed"]) == ("small", True, 1)
    line = server.ask(GROUP, token=server.token, until="snapshot")[2]
    assert [(item[0], item[2]) for item in json.loads(line)["snapshot"]["items"]] == [("a", 0), ("b", 1)]


def test_what_cannot_be_is_refused_with_its_reason(server: PageServer) -> None:
    def act(body: object) -> tuple[int, str]:
        code, _, text = server.ask("/api/action", method="POST", token=server.token, body=body)
        return code, json.loads(text)["error"]

    assert act("[]") == (400, "a JSON object is expected")
    assert act("{") == (400, "a JSON object is expected")
    assert act("[" * 100_000) == (400, "a JSON object is expected")
    assert act('"' + "x" * (2 << 20) + '"') == (400, "a JSON object is expected")
    for name in ("nul\0", "\ud800", "x" * 200_000):
        assert act({"group": name, "local": "true", "action": "retry"}) == (409, "no such group")
    assert act({"group": "small", "local": "true", "action": "run"}) == (409, "no such action: run")
    assert server.ask("/api/nothing", token=server.token)[0] == 404
    assert server.ask("/api/groups", method="POST", token=server.token)[0] == 404
    for query in ("generation=1&item=99&pod=0", "generation=x&item=-1&pod=", "generation=1&item=0&pod=7", ""):
        code, _, text = server.ask(f"/api/log?local=true&group=small&{query}", token=server.token)
        assert (code, json.loads(text)["error"]) == (404, "there is no such pod any more")


def test_an_action_is_the_command_and_only_tells_unless_it_is_said_to_act(server: PageServer) -> None:
    body = {"group": "small", "local": "true", "action": "cleanup"}
    code, _, text = server.ask("/api/action", method="POST", token=server.token, body=body)
    messages = [json.loads(line) for line in text.splitlines()]
    assert (code, messages[-1]) == (200, {"exit": 0})
    assert messages[0]["command"].startswith("expander cleanup --group=small --local --state=")
    assert messages[1] == {"line": "2 Jobs, 2 Pods would be deleted"}
    body = {"group": "--yes", "local": "true", "action": "cleanup"}  # a name is never an option
    messages = [
        json.loads(line)
        for line in server.ask("/api/action", method="POST", token=server.token, body=body)[2].splitlines()
    ]
    assert messages[-1] == {"exit": 2}


def test_of_two_actions_at_one_moment_only_one_is_started(tmp_path: Path) -> None:
    place = GroupPlace(True, "", "none")

    async def act() -> list[object]:
        actions = Actions(Places(GroupSelector(state=str(tmp_path))))
        runs = [actions.run(place, "retry", dry=True) for _ in range(3)]
        found: list[object] = [*await asyncio.gather(*map(anext, runs), return_exceptions=True)]
        for messages in runs:
            async for _ in messages:
                pass
        return found

    first, *others = asyncio.run(act())
    assert isinstance(first, dict)
    assert [str(each) for each in others] == ["another command is at work on group none"] * 2


def test_to_ask_for_logs_of_groups_that_are_not_there_starts_nothing(server: PageServer) -> None:
    def threads() -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/task"))

    query = "local=true&generation=1&item=0&pod=0"
    before = threads()
    for number in range(40):
        assert server.ask(f"/api/log?{query}&group=none{number}", token=server.token)[0] == 404
    assert threads() < before + 40


def test_the_server_ends_in_order_and_each_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    with PageServer(tmp_path, "--group", "none") as found:
        assert found.address.endswith("&local=true&namespace=&group=none")
        first = found.token
        assert found.stop() == 0
        found.start()
        assert found.token != first
        assert found.ask("/api/groups", token=first)[0] == 401
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_or_a_closed_terminal_ends_the_server_also_while_pages_are_open(
    number: signal.Signals, tmp_path: Path
) -> None:
    run_group(tmp_path, tmp_path / "state", "small", "exit 0", "a")
    with PageServer(tmp_path / "state") as server, ExitStack() as pages:
        for path in ("/api/groups", GROUP):
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.address).port or 0)
            pages.callback(connection.close)
            connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
            assert connection.getresponse().readline().startswith(b"{")
        server.process.send_signal(number)
        assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % (b"a" * 70_000),
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n",
        b"\0\1\2\xff\xfe\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_without_a_word_on_the_terminal(
    tmp_path: Path, request_bytes: bytes
) -> None:
    command = [EXPANDER, "ui", "--state", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = urlsplit(process.stdout.readline().strip()).port
            with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port or 0)) as sock:
                sock.sendall(request_bytes)
                assert sock.recv(100).startswith(b"HTTP/1.0 400")
        finally:
            process.terminate()
        _, said = process.communicate()
    assert said.splitlines() == ["open this address in a browser; Ctrl-C stops the server"]


def test_many_readers_of_a_group_are_told_the_same(server: PageServer) -> None:
    with ThreadPoolExecutor(50) as pool:
        ask = partial(server.ask, GROUP, token=server.token, until="snapshot")
        told = [future.result()[2] for future in [pool.submit(ask) for _ in range(50)]]
    assert {str(json.loads(each)["snapshot"]["items"]) for each in told} == {
        str(json.loads(told[0])["snapshot"]["items"])
    }
    listed = [server.ask("/api/groups", token=server.token)[2] for _ in range(3)]
    assert len({*listed}) == 1


def test_what_was_started_here_ends_in_order_with_the_server(tmp_path: Path) -> None:
    again, begun = tmp_path / "again", tmp_path / "begun"
    script = f"[ -e {again} ] && touch {begun} && exec sleep 600; exit 1"
    run_group(tmp_path, tmp_path / "state", "g", script, "a")
    again.touch()
    with PageServer(tmp_path / "state") as server, ThreadPoolExecutor() as pool:
        body = {"group": "g", "local": "true", "action": "retry", "dry": False}
        ask = partial(server.ask, "/api/action", method="POST", token=server.token, body=body)
        answer = pool.submit(ask)
        until(begun.exists)
        assert json.loads(ask()[2]) == {"error": "another command is at work on group g"}
        assert server.stop() == 0
        assert {"line": "Interrupted. Run the same command to resume."} in [
            json.loads(line) for line in answer.result()[2].splitlines()
        ]


def test_a_command_that_works_on_a_group_is_stopped_when_that_is_asked(tmp_path: Path) -> None:
    again, begun = tmp_path / "again", tmp_path / "begun"
    script = f"[ -e {again} ] && touch {begun} && exec sleep 600; exit 1"
    run_group(tmp_path, tmp_path / "state", "g", script, "a")
    again.touch()
    with PageServer(tmp_path / "state") as server, ThreadPoolExecutor() as pool:
        ask = partial(server.ask, method="POST", token=server.token)
        body = {"group": "g", "local": "true", "action": "retry", "dry": False}
        answer = pool.submit(ask, "/api/action", body=body)
        until(begun.exists)
        assert ask("/api/stop", body="[]")[0] == 400
        assert ask("/api/stop", body={**body, "group": "other"})[0] == 200
        assert not answer.done()
        assert ask("/api/stop", body=body)[0] == 200
        assert json.loads(answer.result()[2].splitlines()[-1]) == {"exit": 130}


def test_the_groups_of_a_cluster_are_on_the_page_of_the_server_too(tmp_path: Path) -> None:
    kubeconfig, template = tmp_path / "kubeconfig", tmp_path / "t.yaml"
    flags = ["serve", "--ui", "--state", str(tmp_path / "serve"), "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(
        [EXPANDER, *flags], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as serve:
        assert serve.stderr is not None
        page = PageServer(tmp_path)
        page.address = next(line for line in serve.stderr if line.startswith("live page: ")).split()[-1]
        make_group(tmp_path, tmp_path, "t", 'test "$1" != b', "a", "b")
        answer = run("submit", str(template), "a", "b", "--group", "t", "--kubeconfig", str(kubeconfig))
        assert answer.code == 0, answer.err
        page.ask("/api/groups", token=page.token, until='"group":"t","namespace":"default","local":false')
        place = {"group": "t", "namespace": "default", "local": "false"}
        page.ask(f"/api/group?{urlencode(place)}", token=page.token, until='"t: 1 of 2 items failed"')
        body = {**place, "action": "cleanup"}
        told = page.ask("/api/action", method="POST", token=page.token, body=body)[2]
        assert json.loads(told.splitlines()[1]) == {"line": "2 Jobs, 2 Pods would be deleted"}
        serve.terminate()
        assert serve.wait() == 0


def test_what_goes_wrong_with_the_figures_is_said_and_the_items_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_group(tmp_path, tmp_path / "state", "small", "exit 0", "a")

    def parts(self: Page, values: object) -> dict[str, str]:
        raise ValueError("a defect")

    monkeypatch.setattr(Page, "parts", parts)
    feed = GroupFeed(GroupSelector(group="small", state=str(tmp_path / "state")), Page(), lambda: None)
    try:
        until(lambda: feed.problem == "the figures cannot be made: ValueError('a defect')")
        assert len(feed.items.shown()[1]) == 1
    finally:
        feed.stop()
