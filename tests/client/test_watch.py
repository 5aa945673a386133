"""A collection is followed through broken connections and versions that are too old."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from expander.base.errors import StatusError
from expander.client import watch
from expander.client.transport import ConnectionLost, HttpError
from expander.client.watch import list_and_watch


def named(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def event(kind: str, found: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode()


class Cluster:
    """Answers to lists and watches, in order; what is asked is kept. It is over when no answer is left."""

    server = "http://server"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.refreshed = 0

    def pages(self, path: str, selector: str, fields: str = "") -> Iterator[dict[str, Any]]:
        self.asked.append("list")
        yield from self.answers.pop(0)

    def watch(self, path: str) -> Iterator[bytes]:
        self.asked.append(path.partition("resourceVersion=")[2].partition("&")[0])
        for line in self.answers.pop(0):
            if isinstance(line, Exception):
                raise line
            yield line

    def refresh(self) -> None:
        self.refreshed += 1


class Heard:
    """A listener that keeps what it is told."""

    path, selector, fields = "/things", "a=b", ""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self) -> None:
        self.told.append("begin")

    def page(self, objects: Sequence[Any]) -> None:
        self.told += [each["metadata"]["name"] for each in objects]

    def end(self) -> None:
        self.told.append("end")

    def changed(self, kind: str, found: Any) -> None:
        self.told.append(f"{kind} {found['metadata']['name']}")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MIN_REWATCH_SECONDS", 0.0)


def followed(cluster: Cluster, version: str = "") -> list[str]:
    heard = Heard()
    list_and_watch(cluster, cluster, heard, lambda: not cluster.answers, version)  # type: ignore[arg-type]
    return heard.told


def page(*objects: dict[str, Any], version: int) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)}, "items": objects}


def test_a_list_comes_first_and_then_its_changes() -> None:
    cluster = Cluster([page(named("a", 1), version=5)], [event("ADDED", named("b", 6))])
    assert followed(cluster) == ["begin", "a", "end", "ADDED b"]
    assert cluster.asked == ["list", "5"]


def test_a_lost_watch_goes_on_where_it_was() -> None:
    cluster = Cluster(
        [event("ADDED", named("a", 6)), event("BOOKMARK", named("", 9)), ConnectionLost("cut")],
        [event("MODIFIED", named("a", 10))],
    )
    assert followed(cluster, "5") == ["ADDED a", "MODIFIED a"]
    assert cluster.asked == ["5", "9"]


@pytest.mark.parametrize("answer", [event("ERROR", {"code": 410}), HttpError(410, b"", {})])
def test_a_version_that_is_too_old_leads_to_a_new_list(answer: Any) -> None:
    cluster = Cluster([answer], [page(named("a", 1), version=20)], [event("DELETED", named("a", 21))])
    assert followed(cluster, "5") == ["begin", "a", "end", "DELETED a"]
    assert cluster.asked == ["5", "list", "20"]


def test_credentials_that_are_not_accepted_any_more_are_asked_for_again() -> None:
    cluster = Cluster([HttpError(401, b"", {})], [event("ADDED", named("a", 6))])
    assert followed(cluster, "5") == ["ADDED a"]
    assert cluster.refreshed == 1


def test_a_watch_that_no_seat_was_free_for_goes_on_without_a_list() -> None:
    cluster = Cluster([HttpError(429, b"", {})], [HttpError(429, b"", {})], [event("ADDED", named("a", 6))])
    assert followed(cluster, "5") == ["ADDED a"]
    assert cluster.asked == ["5", "5", "5"]


def test_a_watch_that_is_not_allowed_is_an_error() -> None:
    with pytest.raises(StatusError, match="does not allow to watch /things"):
        followed(Cluster([HttpError(403, b'{"kind": "Status"}', {})], []), "5")


@pytest.mark.parametrize(
    "answer", [[], [ConnectionLost("cut")], [HttpError(500, b"", {})], [b"<html>"], [b"{}"]]
)
def test_after_a_watch_that_told_nothing_comes_a_list(answer: Any) -> None:
    cluster = Cluster(answer, [page(named("a", 1), version=20)], [event("DELETED", named("a", 21))])
    assert followed(cluster, "5") == ["begin", "a", "end", "DELETED a"]
    assert cluster.asked == ["5", "list", "20"]


def test_only_changes_have_a_watch_opened_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a bookmark and ends the watch would be asked 40 times a second."""
    empty: list[int] = []

    def pause(count: int) -> float:
        empty.append(count)
        return 0.0

    monkeypatch.setattr(watch, "rewatch_pause", pause)
    bookmark, change = event("BOOKMARK", named("", 6)), event("ADDED", named("a", 7))
    lists = [[page(version=6)] for _ in range(3)]
    cluster = Cluster(
        [bookmark], [bookmark], lists[0], [bookmark], lists[1], [change], [bookmark, change], [bookmark]
    )
    cluster.answers += [[bookmark], lists[2], [change]]
    followed(cluster, "5")
    assert empty == [1, 2, 3, 0, 0, 1, 2]
    assert cluster.asked == ["5", "6", "list", "6", "list", "6", "7", "7", "6", "list", "6"]


def test_the_pauses_between_watches_without_changes_are_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MIN_REWATCH_SECONDS", 0.5)
    assert [watch.rewatch_pause(each) for each in (0, 1, 2, 3, 4, 9, 10_000)] == [0, 0, 0.5, 1, 2, 15, 15]
