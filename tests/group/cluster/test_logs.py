"""Logs whose connection is lost: what is asked for again, and from where."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest

from expander.base.errors import StatusError
from expander.client.client import ApiClient
from expander.client.retry import Retry
from expander.client.transport import ConnectionLost, HttpError, Transport
from expander.client.waits import Waits
from expander.group.cluster import logs
from expander.group.cluster.logs import LogReader
from expander.group.source import LogOptions
from expander.kube.objects import Object


def pod(restarts: int = 0, since: str | None = "10:00", last: str = "") -> Object:
    state = {"running": {"startedAt": since}} if since else {"waiting": {"reason": "ContainerCreating"}}
    ended = {"terminated": {"startedAt": last, "containerID": f"run://{last}"}} if last else {}
    status = {"name": "main", "restartCount": restarts, "containerID": f"run://{since or last}"}
    status |= {"state": state, "lastState": ended}
    metadata = {"name": "p", "namespace": "n", "uid": "u"}
    return {"metadata": metadata, "status": {"phase": "Running", "containerStatuses": [status]}}


class Server:
    """Gives one text an answer; all but the last are cut off. ``pods`` is how the pod is each time."""

    server = "http://here"
    waits = Waits()
    refusals: Iterator[HttpError] = iter(())

    def __init__(self, texts: list[bytes], pods: list[Object | None]) -> None:
        self.texts = texts
        self.pods = pods
        self.asked: list[dict[str, str]] = []

    def stream(self, path: str, _: float) -> Iterator[bytes]:
        self.asked.append(dict(parse_qsl(urlsplit(path).query)))
        if (refusal := next(self.refusals, None)) is not None:
            raise refusal
        text = self.texts.pop(0)
        yield from (text[at : at + 4] for at in range(0, len(text), 4))
        if self.texts:
            raise ConnectionLost("cut")

    def get_object(self, _: str) -> Object:
        if (now := self.pods.pop(0)) is None:
            raise StatusError(404, "gone")
        return now


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_RETRY_SECONDS", 0)


def follow(server: Server, first: Object, **options: Any) -> bytes:
    given = LogOptions(**{"follow": True, **options})
    transport, client = cast(Transport, server), cast(ApiClient, server)
    pieces = LogReader(transport, client, Retry(), first, "main", given).chunks()
    return b"".join(pieces)


def test_a_log_goes_on_where_it_was_cut_off() -> None:
    server = Server([b"one\ntw", b"one\ntwo\nend\n"], [pod()])
    assert follow(server, pod()) == b"one\ntwo\nend\n"


@pytest.mark.parametrize("follows", [True, False])
def test_a_container_begun_anew_in_its_place_is_given_from_its_first_byte(follows: bool) -> None:
    server = Server([b"one\ntwo\n", b"ONE\nTWO\nEND\n"], [pod(since="10:05")])
    assert follow(server, pod(), follow=follows) == b"one\ntwo\nONE\nTWO\nEND\n"


def test_of_a_container_begun_anew_also_those_hear_all_who_wanted_the_end_of_the_one_before() -> None:
    server = Server([b"two\n", b"ONE\nTWO\n"], [pod(since="10:05")])
    assert follow(server, pod(), tail=1) == b"two\nONE\nTWO\n"
    assert "tailLines" not in server.asked[1]


def test_a_container_that_waits_to_begin_anew_is_waited_for() -> None:
    server = Server([b"one\n", b"ONE\n"], [pod(since=None), pod(since=None), pod(since="10:05")])
    assert follow(server, pod()) == b"one\nONE\n"


def test_of_a_container_that_was_restarted_the_rest_of_the_earlier_start_is_fetched() -> None:
    server = Server([b"one\n", b"one\nlast words\n"], [pod(1, "10:05", "10:00")])
    assert follow(server, pod()) == b"one\nlast words\n"
    assert server.asked[1] == {"container": "main", "previous": "true"}


def test_a_container_between_two_starts_is_still_at_its_last_one() -> None:
    server = Server([b"one\n", b"one\nlast words\n"], [pod(0, None, "10:00")])
    assert follow(server, pod()) == b"one\nlast words\n"
    assert "previous" not in server.asked[1]


@pytest.mark.parametrize("now", [None, {**pod(), "metadata": {"uid": "another"}}, pod(2, "10:09", "10:05")])
def test_nothing_more_is_read_when_the_pod_or_the_start_is_gone(now: Object | None) -> None:
    server = Server([b"one\n", b"of somebody else\n"], [now])
    assert follow(server, pod()) == b"one\n"


def busy() -> HttpError:
    return HttpError(429, b"", {"retry-after": "0"})


def ended() -> Object:
    return {**pod(), "status": {**pod()["status"], "phase": "Succeeded"}}


def test_a_server_that_asks_to_come_again_is_asked_until_it_serves() -> None:
    server = Server([b"one\n"], [])
    server.refusals = (busy() for _ in range(40))
    assert follow(server, ended(), follow=False) == b"one\n"


def test_a_log_that_is_refused_is_named_and_said_to_be_there_for_another_try() -> None:
    server = Server([b"one\n"], [pod() for _ in range(9)])
    server.refusals = (HttpError(500, b"", {}) for _ in range(9))
    with pytest.raises(StatusError, match="pod n/p: its log was not read: http://here: HTTP 500") as raised:
        follow(server, pod(), follow=False)
    assert raised.value.problems[0].hint == "the command can be run again"
