"""What is known to be in a cluster, and what it costs to know."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from expander.base.errors import SourceLocation
from expander.client.client import ApiClient, Resource
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.submit import journal as known
from expander.submit.journal import Journal
from expander.submit.request import PreparedRequest, RequestBuilder

JOBS = Resource("/apis/batch/v1", "jobs", True)


class Cluster:
    """Lists the objects it was given, in portions of one, after `answers` is set."""

    def __init__(self, *items: PreparedRequest) -> None:
        self.items = items
        self.listed = 0
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def pages(self, path: str, selector: str) -> Iterator[dict[str, Any]]:
        assert (path, selector) == ("/apis/batch/v1/namespaces/default/jobs", "jobgroup=load")
        self.listed += 1
        self.asked.set()
        self.answers.wait(60)
        for item in self.items:
            metadata = json.loads(item.body)["metadata"]
            assert metadata["annotations"][DIGEST_ANNOTATION] == item.digest
            yield {"items": [{"metadata": metadata}]}


def job(name: str) -> PreparedRequest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "load"}},
    }
    return RequestBuilder("default").of(Manifest(tree, SourceLocation("job.yaml", 1)), JOBS)


def knowing(journal: Journal, cluster: Cluster) -> known.AlreadySubmitted:
    return known.AlreadySubmitted(journal, cast(ApiClient, cluster), "jobgroup", lambda _: None)


def test_without_a_journal_the_cluster_is_listed_once_and_the_journal_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "LIST_WAIT_SECONDS", 60)
    path = tmp_path / "journal"
    cluster = Cluster(job("a"), job("b"))
    with Journal(path) as journal:
        one = knowing(journal, cluster)
        assert [one.has(job(name)) for name in ("a", "b", "c")] == [True, True, False]
        assert cluster.listed == 1
    gone = Cluster()
    with Journal(path) as journal:
        again = knowing(journal, gone)
        assert [again.has(job(name)) for name in ("a", "b", "c")] == [True, True, False]
        assert gone.listed == 0


def test_sending_does_not_wait_for_a_list_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "LIST_WAIT_SECONDS", 0.01)
    cluster = Cluster(job("a"))
    cluster.answers.clear()
    with Journal(tmp_path / "journal") as journal:
        one = knowing(journal, cluster)
        assert not one.has(job("a"))
        cluster.answers.set()


def test_a_journal_that_misses_much_of_what_is_there_has_it_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.add(job("a").key, "created")
    cluster = Cluster()
    with Journal(path) as journal:
        one = knowing(journal, cluster)
        for number in range(known.LIST_AFTER_MISSES - 1):
            assert not one.has(job(f"{number}"))
            one.found(job(f"{number}"))
        assert cluster.listed == 0
        for _ in range(3):
            one.found(job("x"))
        assert cluster.asked.wait(60)
        assert cluster.listed == 1
