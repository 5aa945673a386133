"""The calls that follow a group, as functions and as methods of what `run`, `submit` and `group` give."""

from __future__ import annotations

from pathlib import Path

import pytest

import expander
from tests.api.batches import LONG, ran, template
from tests.cli.cluster import cluster


def test_a_local_batch_is_followed_from_its_run_by_name_and_by_its_handle(tmp_path: Path) -> None:
    batch = ran(tmp_path)
    assert repr(batch) == "<RunResult group words: 1 succeeded, 1 failed>"
    assert sorted(map(repr, batch.jobs)) == [
        "<JobResult w-bad Failed: BackoffLimitExceeded>",
        "<JobResult w-good Complete>",
    ]
    handle = expander.group("words", state=tmp_path)
    assert repr(handle) == "<Group group words (local)>"
    by_name = expander.status("words", state=tmp_path)
    assert by_name == batch.status() == handle.status() == expander.status(handle)
    assert repr(by_name) == "<GroupStatus 2 Jobs: 1 Complete, 1 Failed>"
    assert by_name.counts == {"Complete": 1, "Failed": 1}
    [failed] = handle.status(failed=True)
    assert (failed.outcome.item, failed.reason) == ("bad", "BackoffLimitExceeded")
    assert repr(failed) == "<JobStatus w-bad Failed: BackoffLimitExceeded (exit code 1)>"
    assert [each.outcome.item for each in handle.status(sort_by="name")] == ["bad", "good"]


def test_a_wait_tells_each_job_once_and_what_the_command_would_end_with(tmp_path: Path) -> None:
    batch, told = ran(tmp_path), list[expander.JobStatus]()
    end = batch.wait(on_outcome=told.append)
    assert (end.reached, end.exit_code) == (True, 1)
    assert end.counts == {"succeeded": 1, "failed": 1, "gone": 0, "removed": 0}
    assert [each.outcome.exit_code for each in told] == [0, 1]
    assert [*batch.outcomes()] == told
    assert batch.wait(goal="failed").exit_code == 0
    assert batch.wait(goal="complete").reached is False


def test_what_has_not_ended_in_time_is_an_error_and_goes_on(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["a", "b"], LONG, timeout=0.2)
    assert (batch.stopped, batch.counts["pending"]) == ("timed out", 2)
    with pytest.raises(expander.TimedOut, match="2 Jobs not finished within 0\\.1 s") as caught:
        batch.wait(timeout=0.1)
    assert (caught.value.exit_code, isinstance(caught.value, TimeoutError)) == (3, True)
    with pytest.raises(expander.TimedOut, match="2 Jobs not finished and 1 Job not created within"):
        batch.wait(expect=3, timeout=0.1)
    with pytest.raises(expander.TimedOut, match="1 Job not created within 0 s"):
        expander.wait("nothing", expect=1, timeout=0, state=tmp_path)
    with pytest.raises(expander.TimedOut):
        list(batch.outcomes(timeout=0))


def test_nothing_is_active_after_a_run_that_an_exception_has_ended(tmp_path: Path) -> None:
    def interrupted(line: expander.OutputLine) -> None:
        if line.text == "two":
            raise KeyboardInterrupt

    text = LONG.replace("'sleep 600'", "'echo one; sleep 1; echo two; sleep 600'")
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, ["a"], text, on_output=interrupted)
    assert [one.state for one in expander.status("words", state=tmp_path)] == ["Pending"]
    [known] = expander.groups(state=tmp_path)
    assert (known.active, known.counts["Waiting"]) == (False, 1)


def test_unfinished_jobs_are_deleted_when_that_is_said(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["a", "b"], LONG, timeout=0.2)
    with pytest.raises(expander.UsageError, match="2 of 2 Jobs unfinished; nothing was deleted") as caught:
        batch.cleanup()
    assert caught.value.hint == "yes=True deletes them too, finished=True keeps them"
    assert batch.cleanup(finished=True) == expander.CleanupResult({})
    dry = batch.cleanup(dry_run=True)
    assert (dry.counts["Job"], {each.name for each in dry.targets} >= {"w-a", "w-b"}) == (2, True)
    assert len(batch.status()) == 2
    assert batch.cleanup(yes=True).counts == {"Job": 2}
    with pytest.raises(expander.InputError, match="no group words"):
        batch.status()
    assert batch.cleanup() == expander.CleanupResult({})


def test_a_damaged_local_group_is_deleted_when_that_is_said(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["a"])
    (tmp_path / "words" / "state.db").write_bytes(b"nothing")
    with pytest.raises(expander.StateUnreadable):
        batch.cleanup()
    assert batch.cleanup(yes=True).counts == {}
    assert not (tmp_path / "words").exists()


def test_a_report_is_written_where_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = ran(tmp_path / "state")
    monkeypatch.chdir(tmp_path)
    assert batch.report() == Path("words.html")
    assert batch.report(out=tmp_path / "other.html", title="<Words>").read_text().count("&lt;Words&gt;")
    with pytest.raises(expander.OutputError, match="does not exist"):
        batch.report(out=tmp_path / "nowhere" / "x.html")


def test_a_group_in_a_cluster_is_followed_and_outcomes_come_as_jobs_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"'test $WORD = good || until test -e {gate}; do sleep 0.05; done; test $WORD != bad'"
    text = template().text.replace("""'echo "got $WORD"; test "$WORD" != bad'""", script)
    with cluster(tmp_path) as server:
        kubeconfig = str(server.kubeconfig)
        batch = expander.submit(template(text), ["bad", "good"], kubeconfig=kubeconfig, state=tmp_path)
        assert repr(batch) == "<Submission group words: 2 created>"
        with pytest.raises(expander.UsageError, match="unfinished; nothing was deleted"):
            batch.cleanup()
        outcomes = batch.outcomes()
        assert next(outcomes).outcome.item == "good"
        gate.touch()
        assert [(each.outcome.item, each.state) for each in outcomes] == [("bad", "Failed")]
        assert expander.status("words", kubeconfig=kubeconfig).counts == {"Complete": 1, "Failed": 1}
        assert [each.message for each in batch.suspend(["good"])] == ["it is Complete already"]
        assert batch.cleanup().counts["Job"] == 2
        with pytest.raises(expander.InputError, match="no Jobs of group words in namespace default"):
            batch.wait()


def test_the_place_of_a_batch_is_not_said_twice_and_a_dry_run_has_none(tmp_path: Path) -> None:
    with pytest.raises(expander.UsageError, match="state cannot be used here: the group is known"):
        ran(tmp_path, ["a"]).status(state=tmp_path)
    dry = expander.submit(template(), ["a"], dry_run="client")
    assert repr(dry) == "<Submission of a dry run: 1 created>"
    assert "<td>w-a</td><td></td><td>created</td>" in dry._repr_html_()
    with pytest.raises(expander.UsageError, match="nothing was created"):
        dry.status()
    with pytest.raises(expander.UsageError, match="specify group=NAME or selector=SELECTOR"):
        expander.status(state=tmp_path)


def test_a_notebook_gets_a_table_with_escaped_values(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["<b>&"], shape=expander.Shape("indexed"))
    table = batch.status()._repr_html_()
    assert table.startswith("<table><caption>1 Job: 1 Complete</caption><thead><tr><th>JOB</th>")
    assert "<b>" not in table
    assert batch._repr_html_().startswith("<table><caption>RunResult group words: 1 succeeded</caption>")


def test_what_calls_give_shows_itself_in_one_short_line(tmp_path: Path) -> None:
    assert repr(template()) == "<TemplateFile job.yaml>"
    assert repr([*expander.expand(template(), ["a"])]) == "[<Manifest Job w-a>]"
    plan = expander.plan(template(), ["a", "b"], offline=True)
    assert repr(plan) == "<Plan group words: 2 Jobs, 2 pods in all>"
    with pytest.warns(UserWarning, match="^nothing to run$"):
        assert repr(ran(tmp_path, [])) == "<RunResult nothing to run>"


def test_an_error_names_item_field_place_and_hint(tmp_path: Path) -> None:
    bad = template().text.replace("backoffLimit: 0", "backoffLimit: $ITEM")
    with pytest.raises(expander.ItemError) as caught:
        list(expander.expand(expander.TemplateFile.of(bad, "bad.yaml"), ["x"]))
    error = caught.value
    assert (error.field, str(error.item)[:10]) == ("spec.backoffLimit", "item 1 'x'")
    assert (str(error.where)[:9], error.hint) == ("bad.yaml:", None)
