"""What is known to be in a cluster, and what it costs to know."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from expander.base.errors import ClusterError, SourceLocation
from expander.client.client import ApiClient, Resource
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.submit import already_submitted
from expander.submit.already_submitted import AlreadySubmitted
from expander.submit.journal import Journal
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder

JOBS = Resource("/apis/batch/v1", "jobs", True)


class Cluster:
    """Lists the objects it was given, in portions of one, after `answers` is set."""

    def __init__(self, *items: PreparedRequest) -> None:
        self.items = items
        self.listed = 0
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def pages(self, path: str, selector: str, **_: object) -> Iterator[dict[str, Any]]:
        assert (path, selector) == ("/apis/batch/v1/namespaces/default/jobs", "jobgroup=load")
        self.listed += 1
        self.asked.set()
        self.answers.wait(60)
        for item in self.items:
            metadata = json.loads(item.body)["metadata"]
            assert metadata["annotations"][DIGEST_ANNOTATION] == item.digest
            failed = [{"type": "Failed", "status": "True"}] * (metadata["name"] == "failed")
            yield {"items": [{"metadata": metadata, "spec": {}, "status": {"conditions": failed}}]}


def job(name: str) -> PreparedRequest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "load"}},
    }
    return RequestBuilder("default").prepare(Manifest(tree, SourceLocation("job.yaml", 1)), JOBS)


def knowing(cluster: Cluster, journal: Journal | None) -> AlreadySubmitted:
    return AlreadySubmitted(
        cast(ApiClient, cluster), "jobgroup", lambda _: None, journal, resumed=journal is not None
    )


def test_an_item_waits_only_for_a_list_that_may_tell_of_it(tmp_path: Path) -> None:
    class Slow(Cluster):
        def pages(self, path: str, selector: str, **_: object) -> Iterator[dict[str, Any]]:
            for page in super().pages(path, selector):
                yield page
                self.asked.set()
                self.answers.wait(60)

    cluster = Slow(job("a"), job("b"))
    cluster.answers.clear()
    one = knowing(cluster, None)
    assert not one.must_wait(job("a"))  # alone it is asked for
    assert one.must_wait(job("b"))
    assert cluster.asked.wait(60)
    cluster.answers.set()
    for name in ("a", "b", "c"):
        one.wait(job(name))
        assert not one.must_wait(job(name))
    assert [one.exists(job(name)) for name in ("a", "b", "c")] == [True, True, False]
    assert cluster.listed == 1


def has(submitted: AlreadySubmitted, name: str) -> bool:
    return submitted.is_delivered(job(name)) or submitted.exists(job(name))


def test_without_a_journal_the_cluster_is_listed_once(tmp_path: Path) -> None:
    cluster = Cluster(job("a"), job("failed"))
    with Journal(tmp_path / "journal") as journal:
        one = knowing(cluster, journal)
        assert [has(one, name) for name in ("a", "failed", "c")] == [True, True, False]
        assert [one.has_failed(job(name)) for name in ("a", "failed", "c")] == [False, True, False]
    assert cluster.listed == 1


def test_with_a_journal_the_cluster_is_not_listed(tmp_path: Path) -> None:
    cluster = Cluster()
    with Journal(tmp_path / "journal") as journal:
        journal.add(job("a").key, "created")
    with Journal(tmp_path / "journal") as journal:
        one = knowing(cluster, journal)
        assert [has(one, name) for name in ("a", "c")] == [True, False]
    assert cluster.listed == 0


def test_a_run_of_its_own_lists_the_group_from_its_second_item_on() -> None:
    cluster = Cluster(job("a"), job("b"), job("c"))
    one = knowing(cluster, None)
    assert [has(one, name) for name in ("a", "b", "c", "d")] == [False, True, True, False]
    assert cluster.listed == 1


def test_sending_does_not_wait_for_a_list_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(already_submitted, "LIST_WAIT_SECONDS", 0.01)
    cluster = Cluster(job("a"))
    cluster.answers.clear()
    one = knowing(cluster, None)
    assert not one.exists(job("a"))
    assert not one.exists(job("a"))
    cluster.answers.set()


def test_a_journal_that_misses_much_of_what_is_there_has_it_listed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.add(job("a").key, "created")
    cluster = Cluster(job("x"))
    with Journal(path) as journal:
        one = knowing(cluster, journal)
        for number in range(already_submitted.LIST_AFTER_MISSES):
            assert not one.exists(job(f"{number}"))
            assert cluster.listed == 0
            one.missed(job(f"{number}"))
        assert one.exists(job("x"))
        assert cluster.listed == 1


def test_the_version_of_an_item_is_unknown_where_the_group_cannot_be_listed() -> None:
    class Closed(Cluster):
        def pages(self, path: str, selector: str, **_: object) -> Iterator[dict[str, Any]]:
            raise ClusterError("jobs.batch is forbidden")

    for cluster, version in ((Cluster(), ""), (Closed(), None)):
        known = AlreadySubmitted(cast(ApiClient, cluster), "jobgroup", lambda _: None, versions=True)
        assert known.version(job("a")) == version
