"""``expander results`` of a served cluster and of local runs."""

import csv
import datetime
import io
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.cli.cluster import cluster, until
from tests.cli.groups import LOCAL, at_work, create, follow, job, run_locally, table
from tests.cli.program import EXPANDER, run
from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster with a group of which one item waits, one fails, one index fails."""
    with cluster(tmp_path_factory.mktemp("results"), "--backoff-base", "50ms") as server:
        create(
            server,
            job("a", "echo one; echo '{\"pips\": 42}' > /dev/termination-log || true", item="apple"),
            job("b", "echo bad; exit 3", item="my fig", backoffLimit=1),
            job("held", suspend=True),
            job(
                "w",
                "echo index $JOB_COMPLETION_INDEX; [ $JOB_COMPLETION_INDEX != 1 ]",
                completionMode="Indexed",
                completions=3,
                backoffLimitPerIndex=0,
                backoffLimit=None,
            ),
        )
        assert follow(server, "wait", "--group", "g", "--for", "count=3").code == 1
        yield server


def test_the_table_has_a_line_for_each_job_and_each_index(served: Server) -> None:
    answer = follow(served, "results", "--group", "g")
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[0] == ["JOB", "INDEX", "ITEM", "STATE", "SECONDS", "EXIT", "ATTEMPTS", "REASON"]
    assert [(line[0], "Complete" in line or "Failed" in line) for line in lines[1:]] == [
        ("a", True),
        ("b", True),
        ("held", False),
        ("w", True),
        ("w", True),
        ("w", True),
    ]
    assert table(answer.out, "JOB")["held"] == ["held", "Suspended", "0", "JobSuspended"]
    assert answer.code == 0


def test_machines_get_json_lines_of_json_csv_and_a_joblog(served: Server) -> None:
    found = json.loads(follow(served, "results", "--group", "g", "-o", "json").out)
    lines = follow(served, "results", "--group", "g", "-o", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == found
    rows = list(csv.DictReader(io.StringIO(follow(served, "results", "--group", "g", "-o", "csv").out)))
    assert (
        [row["name"] for row in rows] == [each["name"] for each in found] == ["a", "b", "held", "w", "w", "w"]
    )
    log = follow(served, "results", "--group", "g", "-o", "joblog").out.splitlines()
    assert [line.split("\t")[6] for line in log[1:]].count("3") == 1
    assert len(log) == 6


def test_parquet_has_types_and_is_not_for_terminals(served: Server, tmp_path: Path) -> None:
    words = ("results", "--group", "g", "-o", "parquet", "--column", "output")
    with open(tmp_path / "results.parquet", "wb") as file:
        subprocess.run([EXPANDER, *words, "--kubeconfig", served.kubeconfig], stdout=file, check=True)
    found = parquet.read_table(tmp_path / "results.parquet").to_pydict()
    assert (found["name"], found["exit_code"][:2]) == (["a", "b", "held", "w", "w", "w"], [0, 3])
    assert found["output"][:3] == ["one\n", "bad\n", None]
    assert {type(time) for time in found["finished"]} == {datetime.datetime, type(None)}
    terminal, other = pty.openpty()
    answer = subprocess.run([EXPANDER, *words], stdout=other, stderr=subprocess.PIPE, text=True, check=False)
    os.close(other)
    os.close(terminal)
    assert (answer.returncode, answer.stderr) == (
        2,
        "error: -o parquet is for a file, not a terminal\n  hint: write it to a file: > results.parquet\n",
    )


def test_outputs_can_stand_in_the_table(served: Server) -> None:
    answer = follow(served, "results", "--group", "g", "-o", "jsonl", "--column", "output", "--failed")
    assert [json.loads(line)["output"] for line in answer.out.splitlines()] == ["bad\n", "index 1\n"]
    answer = follow(
        served, "results", "--group", "g", "-o", "jsonl", "--column", "output", "--output-limit", "2"
    )
    assert [json.loads(line)["output"] for line in answer.out.splitlines()][:3] == ["e\n", "d\n", None]


def test_files_are_fetched_once_and_the_tables_tell_of_all(served: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("results", "--group", "g", "-o", str(out))
    answer = follow(served, *words)
    assert (answer.code, answer.out) == (0, "")
    assert "5 new results, 5 in total" in answer.err
    assert "1 unfinished" in answer.err
    assert (out / "apple" / "stdout").read_text() == "one\n"
    assert (out / "w" / "1" / "stdout").read_text() == "index 1\n"
    assert "0 new results, 5 in total" in follow(served, *words).err
    rows = list(csv.DictReader(io.StringIO((out / "results.csv").read_text())))
    assert [(row["name"], row["index"], row["state"]) for row in rows] == [
        ("a", "", "Complete"),
        ("b", "", "Failed"),
        ("w", "0", "Complete"),
        ("w", "1", "Failed"),
        ("w", "2", "Complete"),
    ]
    assert len((out / "results.jsonl").read_text().splitlines()) == 5
    both = follow(served, *words, "-o", "jsonl")
    assert len(both.out.splitlines()) == 6


def test_results_of_jobs_that_are_gone_stay_in_the_tables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with cluster(tmp_path) as server:
        for name in ("first", "second"):
            create(server, job(name, f"echo {name}"))
            answer = follow(server, "results", "--group", "g", "-f", "--out", str(out))
            assert "1 new result" in answer.err
            assert server.request("DELETE", f"/apis/batch/v1/namespaces/default/jobs/{name}").code == 200
        assert [row["name"] for row in csv.DictReader(io.StringIO((out / "results.csv").read_text()))] == [
            "first",
            "second",
        ]


def test_the_table_of_a_group_that_is_followed_has_also_jobs_that_went_meanwhile(tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    with cluster(tmp_path) as server:
        late = job("late", f"until test -e {gate}; do sleep 0.1; done", ttlSecondsAfterFinished=0)
        create(server, job("first", "echo first"), late)
        words = ["--group", "g", "-f", "--out", str(out), "-o", "jsonl", "--column", "output"]
        with at_work("results", *words, "--kubeconfig", str(server.kubeconfig)) as process:
            until(lambda: (out / "first" / "result.json").exists())
            assert server.request("DELETE", "/apis/batch/v1/namespaces/default/jobs/first").code == 200
            gate.touch()
            output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    found = {row["name"]: row for row in map(json.loads, output.splitlines())}
    assert (found["first"]["output"], found["late"]["state"]) == ("first\n", "Complete")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "csv", "-o", "json"], "at most one format"),
        (["-o", "a", "--out", "b"], "one folder"),
        (["-f"], "requires -o DIR"),
        (["-o", "parq"], "did you mean parquet? for a new folder of that name: -o ./parq"),
        (
            ["-o", "tsv"],
            "-o: found 'tsv', expected table, wide, csv, json, jsonl, joblog, parquet or a folder",
        ),
        (
            ["-o", "out/all.CSV"],
            "-o: 'out/all.CSV' is the name of a file, expected table, wide, csv, json, jsonl, joblog, parquet or a "
            "folder\n  hint: for a file: -o csv > out/all.CSV; for a new folder of that name: -o out/all.CSV/",
        ),
        (["--column", "none"], "'none' is not one of"),
        (["-o", "json", "--columns", "a"], "--columns is for tables and CSV; -o json has all columns"),
        (["-o", "csv", "--columns", "nam"], "--columns: no column 'nam'; columns are namespace, name, "),
    ],
)
def test_what_does_not_fit_together_is_refused(served: Server, arguments: list[str], words: str) -> None:
    answer = follow(served, "results", "--group", "g", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


def test_csv_has_the_columns_that_are_asked_for_the_output_too(tmp_path: Path) -> None:
    state = run_locally(tmp_path, LOCAL, "--backoff-base", "1ms")
    answer = run(
        "results", "--group", "here", "--state", str(state), "-o", "csv", "--columns", "key,state,output"
    )
    assert answer.code == 0, answer.err
    head, *lines = csv.reader(io.StringIO(answer.out))
    assert head == ["key", "state", "output"]
    assert ["apple", "Complete"] in [line[:2] for line in lines]


def test_local_runs_have_results_too(tmp_path: Path) -> None:
    state = run_locally(tmp_path, LOCAL, "--backoff-base", "1ms")
    words = ["results", "--group", "here", "--state", str(state)]
    found = table(run(*words).out, "JOB")
    assert found["bad"][1:2] + found["bad"][3:5] == ["Failed", "3", "2"]
    answer = run(*words, "--sort-by", "-output", "-o", "joblog")
    assert answer.err == "--sort-by -output: 2 outputs sorted as text, not by number\n"
    assert run(*words, "--sort-by", "name").err == ""
    (tmp_path / "csvs").mkdir()
    assert run(*words, "-o", "csvs", cwd=tmp_path).code == 0  # a folder that is there is meant
    assert run(*words, "-o", "./parq", cwd=tmp_path).code == 0
    assert run(*words, "-o", "all.csv/", cwd=tmp_path).code == 0
    assert run(*words, "-o", "all.csv", cwd=tmp_path).code == 0
    answer = run(*words, "-o", str(tmp_path / "out"))
    assert (answer.code, (tmp_path / "out" / "apple" / "stdout").read_text()) == (0, "fine\n")
    assert (tmp_path / "out" / "bad" / "c.2.log").read_text() == "one\ntwo\n"
    answer = run(*words, "-o", str(tmp_path / "state" / "here" / "state.db" / "x"))
    assert answer.code == 2
    assert "cannot write results into" in answer.err
