"""The same group again: what is kept, what runs again, and what is said about it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.errors import UsageError
from expander.client.client import Resource
from expander.group.open import GroupSelector, open_source
from expander.group.table import numbered, summarized_rows
from expander.manifests.rerun_choice import runs_again
from expander.submit.request_builder import RequestBuilder

STATES = ("succeeded", "failed", "pending", "running", "suspended")


pytestmark = pytest.mark.usefixtures("folder")


def job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    metadata = {"name": name, "labels": {"jobgroup": "again"}}
    spec = {"backoffLimit": 0, "template": {"spec": pod}, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


class Ran:
    """A run, what it noted, and the output of each Job by name."""

    def __init__(self, *objects: Mapping[str, Any], **options: Any) -> None:
        self.notes: list[str] = []
        self.errors: list[str] = []
        self.result = expander.run(
            objects,
            runtime="process",
            on_note=self.notes.append,
            on_error=lambda error: self.errors.append(str(error)),
            **options,
        )
        self.notes = [note for note in self.notes if "runtime" not in note]

    @property
    def output(self) -> dict[str, str]:
        return {
            each.outcome.name: "".join(log.read().decode() for log in each.logs) for each in self.result.jobs
        }


@pytest.mark.parametrize("changed", [False, True])
def test_each_rerun_takes_what_it_says(changed: bool) -> None:
    def taken(rerun: Any) -> set[str]:
        return {state for state in STATES if runs_again(state, changed=changed, rerun=rerun)}

    unfinished = {"pending", "running", "suspended"} if changed else set()
    assert taken(None) == ({"failed"} if changed else set()) | unfinished
    assert taken("failed") == {"failed"} | unfinished
    assert taken("changed") == {"failed"} | unfinished | ({"succeeded"} if changed else set())
    assert taken("all") == {"succeeded", "failed"} | unfinished


def test_an_edited_template_runs_what_failed_and_keeps_what_is_complete() -> None:
    Ran(job("a", "echo one"), job("b", "echo one; exit 3"), job("c", "echo one; exit 4"))
    ran = Ran(job("a", "echo two"), job("b", "echo two"), job("c", "echo two"), job("d", "echo two"))
    assert ran.output == {"a": "one\n", "b": "two\n", "c": "two\n", "d": "two\n"}
    kept = "1 complete Job kept although changed (rerun='changed' runs it again)"
    assert ran.notes == [f"{kept}, 2 failed Jobs run again with a changed manifest, 1 new"]
    assert ran.result.counts["succeeded"] == 4


def test_without_a_change_nothing_runs_again_and_the_way_to_do_it_is_said() -> None:
    jobs = job("a", "echo one"), job("b", "echo one; exit 3")
    Ran(*jobs)
    assert Ran(*jobs).notes == ["1 complete Job kept, 1 failed Job kept (rerun='failed' runs it again)"]
    ran = Ran(*jobs, rerun="failed")
    assert ran.notes == ["1 complete Job kept, 1 failed Job run again"]
    assert ran.result.counts["failed"] == 1


def test_complete_jobs_run_again_when_they_are_asked_for() -> None:
    Ran(job("a", "echo one"), job("b", "echo one"))
    kept = Ran(job("a", "echo one"), job("b", "echo two"))
    assert kept.output == {"a": "one\n", "b": "one\n"}
    assert kept.notes == ["2 complete Jobs kept, 1 of them although changed (rerun='changed' runs it again)"]
    changed = Ran(job("a", "echo one"), job("b", "echo two"), rerun="changed")
    assert changed.output == {"a": "one\n", "b": "two\n"}
    assert changed.notes == ["1 complete Job kept, 1 complete Job run again with a changed manifest"]
    every = Ran(job("a", "echo one"), job("b", "echo two"), rerun="all")
    assert every.notes == ["2 complete Jobs run again"]
    one = Ran(job("a", "echo one"), job("b", "echo three"), rerun="all")
    assert one.notes == ["2 complete Jobs run again, 1 of them with a changed manifest"]
    with pytest.raises(UsageError, match="expected failed, changed or all"):
        Ran(job("a", "true"), rerun="some")


def test_a_rerun_of_all_that_ended_early_goes_on_and_the_next_one_runs_all_again(folder: Path) -> None:
    script = f"echo x >> {folder}/$NAME; test $NAME != b -o ! -e {folder}/broken"
    batch = [job(name, f"NAME={name}; {script}") for name in "abcd"]

    def runs() -> list[int]:
        return [len((folder / name).read_text().splitlines()) for name in "abd"]

    Ran(*batch)
    (folder / "broken").touch()
    stopped = Ran(*batch, rerun="all", jobs=1, halt="now,fail=1")  # c may have begun
    assert (stopped.result.stopped, runs()) == ("halted", [2, 2, 1])
    (folder / "broken").unlink()
    planned = expander.run(batch, rerun="all", dry_run=True).planned
    assert [each.outcome for each in planned if each.manifest.name != "c"] == ["kept", "rerun", "resume"]
    notes = Ran(*batch, rerun="all").notes
    assert any(note.startswith("rerun='all' resumes: ") for note in notes)
    assert runs() == [2, 3, 2]
    Ran(*batch, rerun="all")
    assert runs() == [3, 4, 3]


def test_earlier_logs_are_kept_by_attempt(folder: Path) -> None:
    for word in ("one", "two", "three"):
        Ran(job("a", f"echo {word}; exit 1"))
    kept = sorted(folder.glob("state/_retry/again/logs/default/a/attempt-*/*.log"))
    assert [path.parent.name for path in kept] == ["attempt-1", "attempt-2"]
    assert [path.read_text() for path in kept] == ["one\n", "two\n"]


def test_the_logs_of_the_item_whose_name_another_took_are_kept_beside_those_of_that(folder: Path) -> None:
    items = ["a", "a", "b", "b", "b"]
    for number, item in enumerate(items):
        tree = job("j", f"echo {item}{number}; exit 1")
        tree["metadata"]["annotations"] = {"expander/item": item}
        Ran(tree, rerun="changed")
    kept = sorted(folder.glob("state/_retry/again/logs/default/j/attempt-*/*.log"))
    assert [path.read_text() for path in kept] == ["b2\n", "a0\n", "b3\n", "a1\n"]
    assert [path.parent.name[:10] for path in kept] == ["attempt-1", "attempt-1-", "attempt-2", "attempt-2-"]
    for path in kept:
        saved = json.loads((path.parent / "job.json").read_text())
        assert saved["metadata"]["annotations"]["expander/item"] == path.read_text()[0]


def test_a_config_map_is_the_one_of_this_run() -> None:
    def objects(text: str) -> list[dict[str, Any]]:
        reads = job("a", 'echo "$VALUE"; test "$VALUE" = good')
        reads["spec"]["template"]["spec"]["containers"][0]["env"] = [
            {"name": "VALUE", "valueFrom": {"configMapKeyRef": {"name": "script", "key": "text"}}}
        ]
        metadata = {"name": "script", "labels": {"jobgroup": "again"}}
        return [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}},
            reads,
        ]

    assert Ran(*objects("bad")).output == {"a": "bad\n"}
    ran = Ran(*objects("good"), rerun="failed")
    assert (ran.output, ran.errors) == ({"a": "good\n"}, [])


def indexed(word: str, script: str) -> dict[str, Any]:
    limits = {"backoffLimit": None, "backoffLimitPerIndex": 0, "completionMode": "Indexed"}
    made = job("a", f"echo {word} $JOB_COMPLETION_INDEX; {script}", completions=3, **limits)
    del made["spec"]["backoffLimit"]
    return made


def test_only_the_indexes_that_failed_run_again_with_the_changed_template() -> None:
    Ran(indexed("one", "test $JOB_COMPLETION_INDEX != 1"))
    ran = Ran(indexed("two", "true"))
    assert ran.notes == ["1 failed Job run again with a changed manifest"]
    assert ran.output == {"a": "one 0\none 1\none 2\n", "a-1": "two 1\n"}
    assert ran.result.counts["failed"] == 0
    again = Ran(indexed("two", "true"))
    assert again.notes == ["1 complete Job kept although changed (rerun='changed' runs it again)"]
    assert again.output == ran.output


def test_indexes_that_fail_again_run_again_whenever_they_are_asked_for() -> None:
    fails = "test $JOB_COMPLETION_INDEX = 0"
    Ran(indexed("one", fails))
    Ran(indexed("one", fails), rerun="failed")
    ran = Ran(indexed("one", fails), rerun="failed")
    assert ran.notes == ["1 failed Job run again"]
    attempts = {each.outcome.name: each.outcome.attempts for each in ran.result.jobs}
    assert attempts == {"a": 3, "a-1": 3, "a-2": 3}
    edited = Ran(indexed("two", fails))
    assert edited.notes == ["1 failed Job run again with a changed manifest"]
    assert edited.output == {"a": "one 0\none 1\none 2\n", "a-1": "two 1\n", "a-2": "two 2\n"}
    assert Ran(indexed("two", fails)).notes == ["1 failed Job kept (rerun='failed' runs it again)"]
    whole = Ran(indexed("two", "true"), rerun="all")
    assert (whole.output, whole.result.counts["succeeded"]) == ({"a": "two 0\ntwo 1\ntwo 2\n"}, 1)


def test_after_a_kill_no_job_begins_with_the_earlier_template(folder: Path) -> None:
    mark, begun = folder / "begun", folder / "order"
    script = f"echo old >> {begun}; touch {mark}; sleep 100"
    jobs = [job(name, script) for name in ("a", "b", "c")]
    code = f"import expander\nexpander.run({jobs!r}, runtime='process', jobs=1)"
    process = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    while not mark.exists():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    ran = Ran(*(job(name, f"echo new >> {begun}") for name in ("b", "a")), jobs=1)
    assert begun.read_text() == "old\nnew\nnew\n"
    assert ran.notes == [
        "2 unfinished Jobs run again with a changed manifest",
        "1 Job of an earlier run not in this input, left alone: 1 unfinished Job",
    ]
    assert (ran.result.counts["succeeded"], ran.result.counts["pending"]) == (2, 0)
    again = Ran(job("c", f"echo late >> {begun}"))
    assert begun.read_text() == "old\nnew\nnew\nlate\n"
    assert again.result.counts["succeeded"] == 1


@pytest.mark.parametrize("ttl", [{}, {"ttlSecondsAfterFinished": 0}])
def test_what_is_left_alone_of_an_earlier_run_does_not_count(folder: Path, ttl: dict[str, int]) -> None:
    Ran(job("old", "exit 3", **ttl), job("older", "true", **ttl))
    ran = Ran(job("new", "sleep 0.05"), job("bad", "exit 1"))
    assert (ran.result.counts["succeeded"], ran.result.counts["failed"]) == (1, 1)
    assert sum(ran.result.counts.values()) == 2


def test_rows_that_change_the_column_of_the_key_do_not_change_the_other_jobs(folder: Path) -> None:
    template = folder / "job.yaml"
    tree = job("row-${ITEM.sample}-${ITEM.lane}", "true")
    template.write_text(json.dumps(tree))
    rows = [{"sample": "x", "lane": 1}, {"sample": "y", "lane": 2}]
    expander.run(str(template), rows, runtime="process")
    notes: list[str] = []
    rows.append({"sample": "y", "lane": 3})
    expander.run(str(template), rows, runtime="process", on_note=notes.append)
    assert not any("although changed" in note for note in notes), notes
    first = [next(iter(expander.expand(str(template), rows[:many]))) for many in (2, 3)]
    assert first[0].tree != first[1].tree
    jobs = Resource("/apis/batch/v1", "jobs", True)
    digests = {RequestBuilder("default").prepare(each, jobs).digest for each in first}
    assert len(digests) == 1


def test_a_chunk_that_runs_again_says_that_all_its_items_do() -> None:
    chunk = job("a", "exit 3")
    chunk["metadata"]["annotations"] = {"expander/item-count": "50"}
    Ran(chunk)
    assert "1 chunk run again with all items, complete ones too" in Ran(chunk, rerun="failed").notes


def test_what_runs_again_keeps_its_place_and_number() -> None:
    names = ["z", "b", "a"]
    Ran(*(job(name, "exit 3" if name == "b" else "true") for name in names))
    for rerun in (None, "all"):
        Ran(*(job(name, "true") for name in [*names, "new"]), rerun=rerun)
    source = open_source(GroupSelector("again", local=True))
    rows = numbered(row for row, _ in summarized_rows(source))
    assert [(row["name"], row["index"]) for row in rows] == [("z", 0), ("b", 1), ("a", 2), ("new", 3)]


def brief(name: str, script: str, group: str = "brief") -> dict[str, Any]:
    tree = job(name, script, ttlSecondsAfterFinished=0)
    tree["metadata"]["labels"]["jobgroup"] = group
    return tree


def test_a_time_to_live_takes_nothing_from_the_run_that_counts_it() -> None:
    ran = Ran(brief("bad", "exit 9"), brief("good", "true"), brief("late", "sleep 0.3"), jobs=1)
    assert (ran.result.counts["failed"], ran.result.counts["succeeded"]) == (1, 2)
    source = open_source(GroupSelector("brief", local=True))
    states = {row["name"]: row["state"] for row, _ in summarized_rows(source)}
    assert states == {"bad": "Failed", "good": "Complete", "late": "Complete"}


def test_what_a_time_to_live_deletes_before_the_next_run_is_told_and_runs_again(folder: Path) -> None:
    log = folder / "log"
    batch = [brief(name, f"echo {name} >> {log}; test {name} != bad") for name in ("bad", "good")]
    Ran(*batch, jobs=1)
    planned = Ran(*batch, dry_run=True)
    assert [each.outcome for each in planned.result.planned] == ["run", "run"]
    assert planned.notes == ["2 Jobs of an earlier run to delete (ttlSecondsAfterFinished)"]
    ran = Ran(*batch, jobs=1)
    assert "2 Jobs of an earlier run deleted (ttlSecondsAfterFinished)" in ran.notes
    assert log.read_text().split() == ["bad", "good"] * 2
    assert (ran.result.counts["failed"], ran.result.counts["succeeded"]) == (1, 1)


def test_a_time_to_live_deletes_nothing_of_a_run_that_ended_early(folder: Path) -> None:
    log, gate = folder / "log", folder / "gate"
    batch = [
        brief("a", f"echo a >> {log}"),
        brief("b", f"test -e {gate} || exit 3; echo b >> {log}"),
        brief("c", f"echo c >> {log}"),
    ]
    assert Ran(*batch, jobs=1, halt="now,fail=1").result.stopped == "halted"
    gate.touch()
    ran = Ran(*batch, jobs=1, rerun="failed")
    # c may have begun when b failed: then it was stopped, and begins again
    assert [*filter("c".__ne__, log.read_text().split())] == ["a", "b"]
    assert ran.result.counts["succeeded"] == 3


INDEXED_NAMES = json.dumps(job("i-$INDEX", "echo $ITEM >> $LOG"))


@pytest.fixture
def numbered_template(folder: Path) -> tuple[Path, Path]:
    """A template whose names have the number of the item, and what its Jobs write into."""
    (folder / "ix.yaml").write_text(INDEXED_NAMES.replace("$LOG", str(folder / "log")))
    return folder / "ix.yaml", folder / "log"


def test_a_job_of_another_item_is_never_taken_for_that_of_an_item(
    numbered_template: tuple[Path, Path],
) -> None:
    template, log = numbered_template
    errors: list[Any] = []
    expander.run(template, ["a", "b"], runtime="process", jobs=1)
    ran = expander.run(template, ["z", "a"], runtime="process", jobs=1, on_error=errors.append)
    assert [str(error).splitlines()[0] for error in errors] == [
        f"{template}:1:1: item 1 'z' (<python>): the Job 'i-0' of the earlier run is that of item 'a'",
        f"{template}:1:1: item 2 'a' (<python>): the Job 'i-1' of the earlier run is that of item 'b'",
    ]
    assert ran.counts["succeeded"] == 0
    options: dict[str, Any] = {"runtime": "process", "dry_run": True, "on_error": errors.append}
    assert expander.run(template, ["z", "a"], **options).planned == []
    assert [*map(str, errors[:2])] == [*map(str, errors[2:])]
    options["rerun"] = "changed"
    planned = expander.run(template, ["z", "a"], **options).planned
    assert [(each.outcome, each.state, each.changed) for each in planned] == [("run", "", True)] * 2
    notes: list[str] = []
    ran = expander.run(template, ["z", "a"], runtime="process", jobs=1, rerun="changed", on_note=notes.append)
    assert notes[1:] == ["2 Jobs of other items replaced"]
    assert [each.outcome.attempts for each in ran.jobs] == [1, 1]
    assert log.read_text().split() == ["a", "b", "z", "a"]


def test_another_value_beside_the_key_leaves_an_item_what_it_is(folder: Path) -> None:
    template = folder / "row.yaml"
    template.write_text(json.dumps(job("row-$INDEX", "echo ${ITEM.sample} ${ITEM.note}")))
    rows = [{"sample": name, "note": "old"} for name in ("x", "y")]
    options: dict[str, Any] = {"runtime": "process", "on_note": lambda _: None}
    expander.run(template, rows, **options)
    errors: list[Any] = []
    more = [*rows, {"sample": "y", "note": "new"}]  # so that the key has both columns
    expander.run(template, more, on_error=errors.append, **options)
    rows[0]["note"] = "new"
    expander.run(template, rows, on_error=errors.append, **options)
    assert [str(error).splitlines()[0] for error in errors] == []


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
def test_a_complete_job_of_several_items_is_not_kept_for_others(folder: Path, shape: str) -> None:
    template, log = folder / "list.yaml", folder / "log"
    template.write_text(json.dumps(job("list", f"echo $ITEM >> {log}")))
    expander.run(template, ["a", "b"], runtime="process", shape=shape)
    errors: list[Any] = []
    expander.run(template, ["z", "a", "b"], runtime="process", shape=shape, on_error=errors.append)
    assert len(errors) == 1
    assert "of the earlier run has other items" in str(errors[0])
    assert errors[0].items == {"indexed": 3, "chunks=2": 2}[shape]
    expander.run(template, ["z", "a", "b"], runtime="process", shape=shape, rerun="changed")
    assert "z" in log.read_text().split()
