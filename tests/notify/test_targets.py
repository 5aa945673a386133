"""Webhooks, commands and functions: what arrives, what is tried again, and what messages do not tell."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import UsageError
from expander.local.apiserver.certificates import server_certificate
from expander.notify import webhook
from expander.notify.notification import Counts, NotDelivered, Notification
from expander.notify.targets import shown, target_of, targets_of
from tests.notify.hook import hook


def notification() -> Notification:
    return Notification.now(
        "done",
        command="run",
        group="night",
        namespace=None,
        local=True,
        counts=Counts(complete=1, unfinished=2),
        seconds=1.0,
        outcome="complete",
    )


def deliver(given: Any, seconds: float = 30.0) -> Notification:
    made = notification()
    target_of(given).deliver(made, time.monotonic() + seconds)
    return made


def refusal(given: Any, seconds: float = 30.0) -> str:
    """Why a notification did not arrive."""
    with pytest.raises(NotDelivered) as error:
        deliver(given, seconds)
    return str(error.value)


def is_secret(words: str) -> bool:
    return not any(part in words for part in ("services", "T0001", "B0002", "s3cr3t", "qu3ry"))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE_SECONDS", 0.01)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_webhook_gets_the_json_by_post() -> None:
    with hook() as there:
        made = deliver(there.url)
    (got,) = there.got
    assert (got.method, there.base + got.path) == ("POST", there.url)
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("expander/")
    assert got.json == made.data()


@pytest.mark.parametrize("code", [400, 413, 422])
def test_who_takes_the_text_alone_gets_it_alone(code: int) -> None:
    with hook() as there:
        there.will_answer(code)
        made = deliver(there.url)
    assert [each.json for each in there.got] == [made.data(), {"text": made.text}]


def test_who_does_not_take_that_either_is_told_of() -> None:
    with hook() as there:
        there.will_answer(400, 400, 400)
        there.says = b"invalid_payload"
        assert refusal(there.url) == "HTTP 400: invalid_payload"
    assert len(there.got) == 2


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_tried_again_and_then_given_up(code: int) -> None:
    with hook() as there:
        there.will_answer(code, code)
        deliver(there.url)
        assert len(there.got) == 3
        assert len({each.json["id"] for each in there.got}) == 1
        there.will_answer(code, code, code, 200)
        assert refusal(there.url) == f"HTTP {code}: ok"
    assert len(there.got) == 6


def test_retry_after_counts_unless_it_is_later_than_the_delivery_may_last() -> None:
    with hook() as there:
        there.will_answer(429, Retry_After="0")
        deliver(there.url)
        there.will_answer(429, Retry_After="3600")
        assert refusal(there.url).startswith("HTTP 429")
    assert len(there.got) == 3


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_not_repeated_and_its_words_lose_what_is_secret(code: int) -> None:
    with hook() as there:
        there.will_answer(code)
        there.says = b"no hook /services/T0001/B0002/s3cr3t with qu3ry"
        words = refusal(there.url)
    assert words == f"HTTP {code}: no hook /.../.../.../... with ..."
    assert is_secret(words)
    assert len(there.got) == 1


def test_a_page_of_html_is_not_shown() -> None:
    with hook() as there:
        there.will_answer(404)
        there.says = b"<html><body>nothing here</body></html>"
        assert refusal(there.url) == "HTTP 404"


@pytest.mark.parametrize("code", [301, 307, 308])
def test_a_redirect_is_followed_with_the_same_request(code: int) -> None:
    with hook() as there, hook() as elsewhere:
        there.will_answer(code, Location=elsewhere.base + "/new")
        made = deliver(there.url)
    (got,) = elsewhere.got
    assert (got.method, got.path, got.json) == ("POST", "/new", made.data())


@pytest.mark.parametrize("code", [302, 303])
def test_after_a_redirect_to_an_answer_that_is_fetched(code: int) -> None:
    with hook() as there, hook() as elsewhere:
        there.will_answer(code, Location=elsewhere.base + "/answer")
        deliver(there.url)
    (got,) = elsewhere.got
    assert (got.method, got.path, got.body) == ("GET", "/answer", b"")


def test_redirects_without_an_end_and_to_other_schemes_are_refused_without_their_url() -> None:
    with hook() as there:
        there.will_answer(*[308] * 20, Location=there.url)
        words = refusal(there.url)
        assert words == "HTTP 308: it redirects to where notifications are not sent"
    with hook() as there:
        there.will_answer(302, Location="file:///etc/passwd")
        assert refusal(there.url) == "HTTP 302: it redirects to where notifications are not sent"


def test_no_redirect_leads_to_ftp() -> None:
    with hook() as there:
        there.will_answer(307, Location="ftp://127.0.0.1:1/x")
        assert refusal(there.url) == "HTTP 307: it redirects to where notifications are not sent"
    assert len(there.got) == 1


@contextmanager
def raw(*parts: bytes, then: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with ``parts``, and with ``then`` again and again until all is over."""
    got: list[bytes] = []
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            got.append(self.request.recv(1 << 16))
            with suppress(OSError):
                for part in parts:
                    self.request.sendall(part)
                while not over.wait(0.02):
                    self.request.sendall(then)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/services/s3cr3t", got
        finally:
            over.set()
            server.shutdown()


@pytest.mark.parametrize("headers", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
def test_what_is_accepted_is_delivered_even_if_the_answer_never_ends(headers: bytes) -> None:
    with raw(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n") as (url, got):
        deliver(url)
    assert len(got) == 1


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\n", b"", b"HTTP/1.1 404 No\r\nContent-Length: 2000\r\n\r\n"]
)
def test_an_answer_that_comes_drop_by_drop_takes_no_longer_than_a_delivery_may(begun: bytes) -> None:
    drop = b"HTTP/1.1 100 Continue\r\n\r\n" if not begun else b"X: y\r\n"
    with raw(begun, then=drop) as (url, _):
        assert refusal(url, seconds=0.3).startswith("no answer within ")


def test_letters_beyond_ascii_in_a_url_are_sent_encoded() -> None:
    with hook() as there:
        deliver(f"{there.base}/x/\u00fc?a=%2F&b=\u00fc&c={{[^|]}}")
    assert there.got[0].path == "/x/%C3%BC?a=%2F&b=%C3%BC&c={[^|]}"


def test_a_redirect_never_leaves_https() -> None:
    request = urllib.request.Request("https://a.example/x", b"{}", method="POST")
    redirects = webhook._Redirects()
    for code in (301, 302, 303, 307, 308):
        headers: Any = {}
        assert redirects.redirect_request(request, None, code, "", headers, "http://a.example/x") is None  # type: ignore[arg-type]


def test_credentials_go_to_their_host_only() -> None:
    with hook() as there, hook() as elsewhere:
        url = there.url.replace("http://", "http://me:p%40ss@")
        there.will_answer(307, Location=elsewhere.url.replace("127.0.0.1", "localhost"))
        deliver(url)
        deliver(url)
    assert there.got[1].headers["Authorization"] == "Basic bWU6cEBzcw=="
    assert "Authorization" not in elsewhere.got[0].headers
    assert shown(url) == there.base


def test_a_server_that_is_not_there_or_says_nothing_is_named_without_the_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hook() as there:
        pass
    assert refusal(there.url) == "Connection refused"
    with hook() as slow:
        slow.gate = threading.Event()
        words = refusal(slow.url, seconds=0.3)
        assert words.startswith("no answer within ")
        assert is_secret(words)


def test_a_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hook() as proxy, hook() as there:
        monkeypatch.setenv("http_proxy", proxy.base)
        deliver("http://hooks.example/services/x")
        assert proxy.got[0].path == "http://hooks.example/services/x"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        deliver(there.url)
        assert (len(proxy.got), len(there.got)) == (1, 1)


def test_https_is_verified_by_the_systems_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = server_certificate(tmp_path, ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with hook(context) as there:
        assert refusal(there.url).startswith("certificate verify failed: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        deliver(there.url)
    assert len(there.got) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ftp://host/secret", "ftp:// is not supported"),
        ("slack://secret", "slack:// is not supported"),
        ("https:///secret", "the URL is not valid"),
        ("https://host:port/secret", "the URL is not valid"),
        ("https://host/sec ret", "the URL is not valid"),
        ("https:/host/secret", "the URL is not valid"),
        ('"https://host/secret"', "the URL is not valid"),
        ("hooks.example.com/services/secret", "the URL is not valid"),
        ("http://[::1/secret", "the URL is not valid"),
        ("", "expected a URL or a command"),
        (" \n", "expected a URL or a command"),
        ("echo \0", "expected a URL or a command"),
        (3, "found int, expected a URL, a command or a function"),
    ],
)
def test_what_is_no_target_is_refused_without_its_secret(given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        target_of(given)
    assert "secret" not in str(error.value)


def test_several_targets_are_each_one_once() -> None:
    assert [each.name for each in targets_of(["true", "https://h/a", "true", "https://h/b"])] == [
        "command true",
        "https://h",
        "https://h",
    ]
    assert targets_of(None) == []


def test_a_script_whose_name_resembles_a_host_is_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "on.d").mkdir()
    (tmp_path / "on.d" / "done").write_text("")
    assert shown("on.d/done") == "command on.d/done"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("curl -H 'Authorization: secret' https://h/secret", "command curl"),
        ("TOKEN=secret notify", "command sh"),
        ("'unbalanced", "command 'unbalanced"),
        ("HTTPS://Hooks.Slack.com/services/secret", "https://Hooks.Slack.com"),
        ("https://me:secret@h:8443/x", "https://h:8443"),
    ],
)
def test_lists_show_the_server_or_the_program_alone(given: str, name: str) -> None:
    assert shown(given) == name


def test_a_command_gets_the_json_and_variables(tmp_path: Path) -> None:
    made = deliver(f"cat > {tmp_path}/in; env > {tmp_path}/env")
    assert json.loads((tmp_path / "in").read_text()) == made.data()
    variables = dict(
        line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line
    )
    assert {name: text for name, text in variables.items() if name in made.variables()} == {
        "EXPANDER_EVENT": "done",
        "EXPANDER_TEXT": made.text,
        "EXPANDER_COMMAND": "run",
        "EXPANDER_GROUP": "night",
        "EXPANDER_NAMESPACE": "",
        "EXPANDER_OUTCOME": "complete",
        "EXPANDER_COMPLETE": "1",
        "EXPANDER_FAILED": "0",
        "EXPANDER_REMOVED": "0",
        "EXPANDER_REFUSED": "0",
        "EXPANDER_UNFINISHED": "2",
    }
    assert variables["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("exit 3", "exit code 3"),
        ("echo first; echo the last >&2; exit 1", "exit code 1: the last"),
        ("kill -9 $$", "killed by signal 9"),
        ("exec 0<&-; exit 4", "exit code 4"),
        ("yes x | head -c 9000000; echo last; exit 5", "exit code 5: last"),
        (r"head -c 2500 /dev/zero | tr '\0' x; exit 6", "exit code 6: " + "x" * 297 + "..."),
        ("sleep 30 & exit 7", "exit code 7"),
    ],
)
def test_a_command_that_fails_is_told_with_what_it_said_last(words: str, why: str) -> None:
    assert refusal(words) == why


def test_a_command_that_does_not_end_is_killed_with_all_it_has_started(tmp_path: Path) -> None:
    words = refusal(f"sleep 600 & echo $! > {tmp_path}/pid; wait", seconds=0.5)
    assert words.startswith("killed after ")
    assert has_ended(int((tmp_path / "pid").read_text()))


def test_a_command_does_not_outlive_a_program_that_leaves(tmp_path: Path) -> None:
    code = f"""
import threading, time
from tests.notify.test_targets import deliver
threading.Thread(target=deliver, args=("echo $$ > {tmp_path}/new; mv new pid; sleep 600",), daemon=True).start()
while not __import__("os").path.exists("{tmp_path}/pid"):
    time.sleep(0.01)
"""
    code = code.replace("mv new pid", f"mv {tmp_path}/new {tmp_path}/pid")
    subprocess.run([sys.executable, "-c", code], check=True)
    assert has_ended(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_program_ends_its_command(number: int, tmp_path: Path) -> None:
    code = f"""
from expander.notify.notifier import Notifier, notifying
from expander.notify.targets import target_of
target = target_of("echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 600")
with notifying(Notifier([target], print, command="run", local=True)) as notifier:
    notifier.done("complete")
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (tmp_path / "pid").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait() == -number
    assert has_ended(int((tmp_path / "pid").read_text()))


def has_ended(pid: int) -> bool:
    """Whether it ends soon."""
    for _ in range(500):
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_leaves_something_behind_does_not_hold_up(tmp_path: Path) -> None:
    deliver(f"sleep 600 & echo $! > {tmp_path}/pid")
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_function_gets_the_mapping_and_its_error_is_told() -> None:
    got: list[Any] = []
    made = deliver(got.append)
    assert got == [made.data()]

    def broken(data: Any) -> None:
        raise ValueError("no such channel")

    assert refusal(broken) == "ValueError: no such channel"
