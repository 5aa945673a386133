"""A summary of a Job says what the Job and its pods say, and goes with the first change of either."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from expander.group.job_status import job_status
from expander.group.known.summaries import summarized_status, summary_of
from expander.group.known.summary import Summary
from expander.group.local.source import LocalSource
from expander.group.local.state import GroupFolders
from expander.group.records import NO_WARNINGS, job_records
from expander.group.table import record_row
from expander.kube.objects import Selection
from expander.local.store.database import open_database
from expander.local.store.encoding import PackedConnection
from tests.group import fakes
from tests.local.controllers.cluster import Cluster, job

Object = dict[str, Any]
EVERYTHING = Selection(None, "")

pods = some.lists(
    some.tuples(some.integers(0, 3), some.text(max_size=5), some.integers(0, 2), some.integers(0, 99)),
    min_size=1,
    max_size=3,
)
items = some.text(max_size=8) | some.just('{"sample":"liver","index":3}')


@settings(max_examples=60)
@given(some.sampled_from(["Complete", "Failed"]), items, pods, some.booleans(), some.booleans())
def test_a_summary_says_what_the_objects_say(
    state: str, item: str, ends: list[tuple[int, str, int, int]], counted: bool, later: bool
) -> None:
    owner = fakes.job("a", state, item=item)
    if counted:
        bad = sum(code > 0 for code, *_ in ends)
        owner["status"] |= {"succeeded": len(ends) - bad, "failed": bad}
    if later:
        owner["metadata"]["annotations"] |= {
            "expander/attempt": "3",
            "expander/first-created": "2026-01-02T03:04:05.6Z",
        }
    own = [
        fakes.pod(owner, code, number=number, message=message, restarts=restarts, seconds=seconds)
        for number, (code, message, restarts, seconds) in enumerate(ends, 1)
    ]
    kept = summary_of(owner, lambda: own)
    assert kept is not None
    summary, (record,) = Summary.read(kept), job_records(owner, own)
    assert summary is not None
    assert record_row(summary) == record_row(record)
    assert (summary.names, summary.state) == (record.names, record.state)
    assert summary.termination == record.termination
    told, status = summarized_status(summary), job_status(owner, own, NO_WARNINGS)
    assert told._replace(job={}) == status._replace(job={})
    assert told.job["metadata"].items() <= status.without_specs().job["metadata"].items()


def test_what_is_no_item_that_has_ended_has_no_summary() -> None:
    done, runs = fakes.job("a"), fakes.job("b", "Active")
    assert summary_of(done, list) is None
    assert summary_of(runs, lambda: [fakes.pod(runs, None)]) is None
    assert summary_of(done, lambda: [fakes.pod(done), fakes.pod(done, None, number=2)]) is None
    indexed = fakes.job("c", completions=2, completionMode="Indexed")
    assert summary_of(indexed, lambda: pytest.fail("the pods of all its indexes are read")) is None


class Home:
    """A cluster with its state in a folder, and what readers of that find."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = self._open()
        self.cluster = Cluster(self.database, summarize=summary_of)

    def _open(self) -> PackedConnection:
        self.folder.mkdir(exist_ok=True)
        return open_database(self.folder / "state.db")

    def again(self) -> None:
        """As if the process had been killed: what is not durable is gone."""
        self.database.close()
        self.database = self._open()
        self.cluster = Cluster(self.database, summarize=summary_of)
        self.cluster.control.restore()

    def found(self) -> dict[str, bool]:
        """Whether each Job comes as a summary, which has to agree with the objects."""
        source = LocalSource(GroupFolders(self.folder.parent, self.folder.name), EVERYTHING)
        told = {}
        for (whole, pods), each in zip(source.jobs_with_pods(), source.summaries(), strict=True):
            name = whole["metadata"]["name"]
            told[name] = isinstance(each, Summary)
            if isinstance(each, Summary):
                assert each == Summary.read(summary_of(whole, partial(list, pods)) or b"[]")
            else:
                assert each == (whole, pods)
        return told


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "g")
    yield made
    made.database.close()


def test_jobs_that_have_ended_come_as_summaries(home: Home) -> None:
    home.cluster.add(job("good"), job("bad", backoffLimit=1), job("runs"), job("many", completions=2))
    home.cluster.end("good")
    home.cluster.end("bad", 1)
    home.cluster.sync(60)
    assert home.found() == {"bad": False, "good": True, "many": False, "runs": False}
    home.cluster.end("bad", 1)
    home.cluster.end("many")
    home.cluster.end("many")
    home.cluster.sync(60)
    assert home.found() == {"bad": True, "good": True, "many": True, "runs": False}


def test_a_summary_goes_with_any_change(home: Home) -> None:
    names = ["patched", "pod-patched", "pod-gone", "replaced", "left"]
    home.cluster.add(*map(job, names))
    for name in names:
        home.cluster.end(name)
    assert home.found() == dict.fromkeys(sorted(names), True)
    by_job = {each["metadata"]["name"][:-6]: each["metadata"] for each in home.cluster.list("Pod")}
    home.cluster.patch("Job", "default", "patched", {"metadata": {"labels": {"new": "yes"}}})
    home.cluster.control.pods.add_condition(by_job["pod-patched"]["uid"], {"type": "New", "status": "True"})
    home.cluster.delete("Pod", "default", by_job["pod-gone"]["name"])
    home.cluster.delete("Job", "default", "replaced")
    home.cluster.sync()
    home.cluster.add(job("replaced"))
    assert home.found() == {**dict.fromkeys(sorted(names), False), "left": True}


def test_a_complete_job_of_the_same_manifest_is_known_without_reading_it(home: Home) -> None:
    home.cluster.add(job("done"), job("runs"), job("failed", backoffLimit=0), job("patched"))
    for name, code in (("done", 0), ("failed", 1), ("patched", 0)):
        home.cluster.end(name, code)
    home.cluster.patch("Job", "default", "patched", {"metadata": {"labels": {"new": "yes"}}})
    home.cluster.sync()
    home.again()
    again = [
        job("done"),
        job("runs"),
        job("failed", backoffLimit=0),
        job("patched"),
        job("done", parallelism=2),
    ]
    told = [(each.name, each.outcome, each.there is None) for each in home.cluster.submit(again)]
    assert told == [
        ("done", "unchanged", True),
        ("runs", "unchanged", False),
        ("failed", "unchanged", False),
        ("patched", "exists", False),
        ("done", "exists", False),
    ]


def test_a_summary_is_durable_with_the_end_of_its_job_or_not_at_all(home: Home) -> None:
    home.cluster.add(job("a"), job("b"))
    home.cluster.end("a")
    (b,) = (each for each in home.cluster.list("Pod") if each["metadata"]["name"].startswith("b-"))
    ended = {"phase": "Succeeded", "containerStatuses": []}
    home.cluster.control.pod_changed(b["metadata"]["uid"], ended, (), home.cluster.now, gone=False)
    home.cluster.control.sync(home.cluster.now)  # and is killed before the commit
    home.again()
    assert home.found() == {"a": True, "b": False}
    assert home.cluster.get("Job", "default", "b")["status"].get("succeeded") is None


def test_a_summary_that_could_not_be_written_is_not_missed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.cluster.add(job("a"))
    failures = itertools.chain([sqlite3.OperationalError("database or disk is full")], itertools.repeat(None))
    commit = home.cluster.control.store.commit

    def full() -> None:
        home.cluster.control.store.flush()
        if (error := next(failures)) is not None:
            raise error
        commit()

    monkeypatch.setattr(home.cluster.control.store, "commit", full)
    with pytest.raises(Exception, match="the state cannot be kept"):
        home.cluster.end("a")
    home.cluster.sync(1)
    assert home.found() == {"a": False}
    assert home.cluster.get("Job", "default", "a")["status"]["succeeded"] == 1


@pytest.mark.parametrize("kept", [b"", b"{}", b"null", b"[1,2]", b'["a","b","c",{},0]', b"nonsense", b"\xff"])
def test_of_a_job_whose_summary_is_damaged_or_of_another_version_the_objects_are_read(
    home: Home, kept: bytes
) -> None:
    home.cluster.add(job("a"), job("b"))
    home.cluster.end("a")
    home.cluster.end("b")
    home.database.execute("UPDATE objects SET summary=? WHERE kind='Job' AND name='a'", (kept,))
    assert home.found() == {"a": False, "b": True}


def test_state_of_an_earlier_layout_has_no_summaries_until_it_is_written_on(home: Home) -> None:
    home.cluster.add(job("a"))
    home.cluster.end("a")
    home.database.close()
    with closing(sqlite3.connect(home.folder / "state.db")) as database:
        triggers = database.execute(
            "SELECT name FROM sqlite_master WHERE type='trigger' AND sql LIKE '%summary%'"
        )
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.executescript("ALTER TABLE objects DROP COLUMN summary; PRAGMA user_version=5;")
    assert home.found() == {"a": False}
    home.again()
    home.cluster.add(job("b"))
    home.cluster.end("b")
    assert home.found() == {"a": False, "b": True}
