"""The table of a group in its formats."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import UsageError
from expander.cli.output.table import table, width_of
from expander.group.records import records
from expander.group.table import (
    FORMATS,
    Row,
    as_csv,
    as_joblog,
    as_json,
    as_json_lines,
    as_text,
    csv_columns,
    numbered,
    record_row,
    sorted_by,
    text_outputs,
)
from tests.group.fakes import BEGIN, FakeReader, job, pod


def rows(*jobs: dict[str, Any], pods: list[dict[str, Any]] | None = None) -> list[Row]:
    return numbered(record_row(record) for record in records(FakeReader(jobs, pods or [])))


@pytest.fixture
def mixed() -> list[Row]:
    done, lost, busy = job("a", item='one, "two"\nthree'), job("b", "Failed"), job("c", "Pending")
    return rows(done, lost, busy, pods=[pod(done), pod(lost, 137, number=1), pod(lost, 3, number=2)])


def test_every_format_says_the_same(mixed: list[Row]) -> None:
    assert json.loads("".join(as_json(mixed))) == mixed
    assert [json.loads(line) for line in as_json_lines(mixed)] == mixed
    table = list(csv.DictReader(io.StringIO("".join(as_csv(mixed)))))
    assert [line["item"] for line in table] == ['one, "two"\nthree', "", ""]
    assert [line["state"] for line in table] == ["Complete", "Failed", "Pending"]
    assert [line["exitCode"] for line in table] == ["0", "3", ""]
    assert [line["cause"] for line in table] == ["", "exit code 3", ""]


def test_booleans_are_in_csv_what_they_are_in_json() -> None:
    (line,) = csv.DictReader(io.StringIO("".join(as_csv(rows(job("a", item='{"name": "x", "ok": false}'))))))
    assert line["ok"] == "false"


def test_numbers_of_an_item_are_as_they_were_written() -> None:
    found = rows(job("a", item='{"version": 1.10, "deep": {"n": [1E3, -0]}}'))
    columns = '"columns": {"version": 1.10, "deep": {"n": [1E3, -0]}}'
    assert columns in "".join(as_json(found))
    assert columns in "".join(as_json_lines(found))
    (line,) = csv.DictReader(io.StringIO("".join(as_csv(found))))
    assert (line["version"], line["deep"]) == ("1.10", '{"n": [1E3, -0]}')


def test_an_empty_group_is_an_empty_list_and_a_header() -> None:
    assert json.loads("".join(as_json([]))) == []
    assert "".join(as_csv([])).startswith("namespace,name,index,item,state,")
    assert list(as_json_lines([])) == []


def test_the_columns_of_an_item_are_columns_of_the_table() -> None:
    found = rows(job("a", item='{"name": "intro", "frames": 120, "state": "x"}'), job("b", item="{no json"))
    lines = list(csv.DictReader(io.StringIO("".join(as_csv(found)))))
    assert (lines[0]["frames"], lines[0]["item.name"], lines[0]["item.state"]) == ("120", "intro", "x")
    assert (lines[0]["name"], lines[0]["state"], lines[1]["frames"]) == ("a", "Complete", "")


def test_seconds_are_as_exact_as_the_times_they_are_between() -> None:
    (row,) = rows(job("a"))
    row |= {"started": "2026-12-01T10:00:00Z", "finished": "2026-12-01T10:00:12Z", "seconds": 12.0}
    finer = {**row, "finished": "2026-12-01T10:00:12.250Z", "seconds": 12.25}
    lines = "".join(table(as_text([row, finer]))).splitlines()
    assert [line.split()[-3] for line in lines[1:]] == ["12", "12.250"]


def test_the_text_table_shows_what_there_is(mixed: list[Row]) -> None:
    lines = "".join(table(as_text(mixed))).splitlines()
    assert lines[0].split() == ["JOB", "ITEM", "STATE", "SECONDS", "EXIT", "ATTEMPTS", "REASON"]
    assert 'one, "two"\\nthree' in lines[1]
    assert lines[2].split() == [
        "b",
        "Failed",
        "6",
        "3",
        "2",
        "BackoffLimitExceeded",
        "(exit",
        "code",
        "3)",
    ]


def test_a_terminal_is_never_steered_by_an_item() -> None:
    assert "\x1b" not in "".join(table(as_text(rows(job("a", item="\x1b[2Jx")))))


def test_the_joblog_has_parallels_columns_and_lists_what_has_ended(mixed: list[Row]) -> None:
    head, *lines = [line.rstrip("\n").split("\t") for line in as_joblog(mixed)]
    assert head == [
        "Seq",
        "Host",
        "Starttime",
        "JobRuntime",
        "Send",
        "Receive",
        "Exitval",
        "Signal",
        "Command",
    ]
    assert lines == [
        ["1", "node-1", f"{BEGIN + 1}.000", "5.000", "0", "0", "0", "0", 'one, "two" three'],
        ["2", "node-1", f"{BEGIN + 1}.000", "6.000", "0", "0", "3", "0", "b"],
    ]


@pytest.mark.parametrize(
    ("code", "expected"), [(137, ("0", "9")), (143, ("0", "15")), (128, ("128", "0")), (1, ("1", "0"))]
)
def test_a_signal_has_its_own_column_in_the_joblog(code: int, expected: tuple[str, str]) -> None:
    lost = job("a", "Failed")
    line = list(as_joblog(rows(lost, pods=[pod(lost, code)])))[1].split("\t")
    assert (line[6], line[7]) == expected


def test_a_failure_without_an_exit_code_is_no_success_in_the_joblog() -> None:
    line = list(as_joblog(rows(job("a", "Failed"))))[1].split("\t")
    assert line[6] == "-1"


def test_indexes_stand_as_the_status_of_the_job_says() -> None:
    part = job("w", "Active", completionMode="Indexed", completions=6)
    part["status"] |= {"completedIndexes": "0,2", "failedIndexes": "1"}
    waiting = pod(part, None, index=4)
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
    }
    found = rows(part, pods=[pod(part, 0, index=0), pod(part, 5, index=1), pod(part, None, index=3), waiting])
    assert [(row["index"], row["state"], row["reason"]) for row in found] == [
        (0, "Complete", ""),
        (1, "Failed", "FailedIndex"),
        (2, "Complete", ""),
        (3, "Active", ""),
        (4, "Pending", "Unschedulable"),
        (5, "Pending", "Unschedulable"),
    ]


def test_when_the_job_has_ended_every_index_has() -> None:
    lost = job("w", "Failed", completionMode="Indexed", completions=2)
    lost["status"]["completedIndexes"] = "0"
    won = job("x", completionMode="Indexed", completions=2)
    won["status"]["completedIndexes"] = "1"
    assert [row["state"] for row in rows(lost, won)] == ["Complete", "Failed", "Skipped", "Complete"]


def test_every_format_of_the_registry_is_offered() -> None:
    from expander.cli.group.results import FORMAT_NAMES

    assert ("table", "wide", *FORMATS, "parquet") == FORMAT_NAMES  # which is no text


def searched() -> list[Row]:
    """Four runs of a search with their scores, of which one has none."""
    scores = {"a": "0.9\n", "b": "10\n", "c": "failed early\n", "d": None}
    rates = {"a": 0.1, "b": 0.01, "c": 1e-3, "d": 1}
    found = rows(*(job(name, item=json.dumps({"lr": rate, "seconds": 1})) for name, rate in rates.items()))
    for row in found:
        row["output"] = scores[row["name"]]
    return found


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("output", "abcd"),
        ("-OUTPUT", "cbad"),
        ("lr", "cbad"),
        ("-lr", "dabc"),
        ("-JOB", "dcba"),
        ("item.seconds", "abcd"),
        ("-input", "dcba"),
    ],
)
def test_rows_come_in_the_order_of_any_column_numbers_as_numbers_and_nothing_last(
    column: str, order: str
) -> None:
    assert "".join(row["name"] for row in sorted_by(searched(), column)) == order


def test_an_unknown_column_to_sort_by_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^sort_by: no column 'loss'; columns are lr, item\.seconds, input"):
        sorted_by(searched(), "loss")
    assert sorted_by([], "loss") == []
    with pytest.raises(UsageError, match="exit_code") as caught:
        sorted_by([{"exitCode": 1}], "code")
    assert str(caught.value).count("exitCode") == 0
    codes = [{"exitCode": 2}, {"exitCode": 1}]
    assert sorted_by(codes, "exit_code") == sorted_by(codes, "exitCode") == codes[::-1]


def test_outputs_that_sort_as_text_are_counted() -> None:
    assert text_outputs(searched()) == 1
    assert text_outputs(row for row in searched() if row["name"] != "c") == 0


def test_an_output_in_csv_is_without_its_last_line_end() -> None:
    assert [row["output"] for row in csv.DictReader(as_csv(searched()))] == ["0.9", "10", "failed early", ""]


@given(
    st.lists(st.dictionaries(st.sampled_from(["name", "item.name", "x", "output"]), st.text()), min_size=1),
    st.data(),
)
def test_chosen_columns_of_csv_are_those_of_the_whole_table(
    items: list[dict[str, str]], data: st.DataObject
) -> None:
    found = rows(*(job(f"j{number}", item=json.dumps(item)) for number, item in enumerate(items)))
    whole = [*csv.reader(as_csv(found))]
    heads = [head for head, _ in csv_columns(found)]
    chosen = data.draw(st.lists(st.sampled_from(heads), min_size=1, unique=True))
    assert whole[0] == heads
    assert [*csv.reader(as_csv(found, chosen))] == [
        [line[heads.index(head)] for head in chosen] for line in whole
    ]


@given(
    st.lists(st.lists(st.text(max_size=30), min_size=4, max_size=4), min_size=1, max_size=4),
    st.integers(20, 120),
)
def test_a_table_on_a_terminal_has_a_line_for_each_row(cells: list[list[str]], width: int) -> None:
    lines = [*table(cells, width)]
    assert len(lines) == len(cells)
    assert all(width_of(line.rstrip("\n")) <= width for line in lines)


def test_a_narrow_terminal_cuts_the_widest_cells_and_leaves_out_the_last_columns() -> None:
    cells = [["JOB", "STATE", "REASON"], ["a" * 30, "Failed", "BackoffLimitExceeded"]]
    assert [*table(cells, 40)][1] == "aaaaaaaaaaaa...  Failed  BackoffLimit...\n"
    assert [*table(cells, 20)] == ["JOB           STATE\n", "aaaaaaaaa...  Failed\n"]
