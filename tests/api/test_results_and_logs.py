"""`expander.results` and `expander.logs`: records, data frames, and lines."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pandas  # type: ignore[import-untyped]
import pyarrow
import pytest
from pyarrow import parquet

import expander
from expander.base.extras import install_command
from tests.api.batches import TEMPLATE, ran

COLUMNS = TEMPLATE.replace("w-$ITEM", "w-${ITEM.word}").replace("value: $ITEM", 'value: "${ITEM.word}"')
ROWS = [{"word": "good", "state": "wet", "n": 1}, {"word": "bad", "state": "dry", "n": 2.5}]


def test_results_are_records_of_items_with_their_output(tmp_path: Path) -> None:
    batch = ran(tmp_path, ROWS, COLUMNS)
    found = batch.results(column=["output", "message"])
    assert repr(found) == "<Results 2 items: 1 Complete, 1 Failed>"
    good, bad = found
    assert (good.key, good.item, good.state, good.exit_code, good.output) == (
        "good",
        {"word": "good", "state": "wet", "n": 1},
        "Complete",
        0,
        "got good\n",
    )
    assert (bad.index, bad.exit_code, bad.attempts, bad.termination_message) == (1, 1, 1, "")
    assert (bad.started or 0) <= (bad.finished or 0)
    assert [each.key for each in batch.results(failed=True)] == ["bad"]
    assert [each.key for each in batch.results(["g*"])] == ["good"]
    assert [each.key for each in batch.results(sort_by="-n")] == ["bad", "good"]
    [one] = expander.results("words", ["bad"], attempts=True, state=tmp_path)
    assert (one.attempt, str(one.pod).startswith("w-bad-")) == (1, True)
    batch.results(out=tmp_path / "out")
    assert (tmp_path / "out" / "good" / "stdout").read_text() == "got good\n"
    assert "<td>got good\n</td>" in found._repr_html_()


def test_columns_of_items_are_columns_and_what_was_not_asked_for_is_none(tmp_path: Path) -> None:
    columns = ran(tmp_path, ROWS, COLUMNS).results().columns()
    assert (columns["word"], columns["item.state"], columns["state"]) == (
        ["good", "bad"],
        ["wet", "dry"],
        ["Complete", "Failed"],
    )
    assert not {"item", "output", "attempt", "logs"} & columns.keys()
    plain = ran(tmp_path, ["good"], group="plain").results(column=["output"]).columns()
    assert (plain["item"], plain["output"]) == (["good"], ["got good\n"])


def test_a_data_frame_of_pandas_has_types(tmp_path: Path) -> None:
    frame = ran(tmp_path, ROWS, COLUMNS).results().to_pandas()
    assert frame["n"].sum() == 3.5
    assert {name: str(frame[name].dtype) for name in ("exit_code", "index", "seconds")} == {
        "exit_code": "Int64",
        "index": "Int64",
        "seconds": "float64",
    }
    assert str(frame["started"].dtype).endswith(", UTC]")
    assert (frame["finished"] >= frame["started"]).all()
    assert list(frame.groupby("state").size()) == [1, 1]


def test_an_arrow_table_has_types_and_texts_where_values_are_mixed(tmp_path: Path) -> None:
    rows = [{"word": "good", "n": 1, "big": 1 << 70}, {"word": "bad", "n": "two", "big": 2}]
    table = ran(tmp_path, rows, COLUMNS).results().to_arrow()
    assert table["n"].to_pylist() == ["1", "two"]
    assert table["big"].to_pylist() == [str(1 << 70), "2"]
    assert table["exit_code"].to_pylist() == [0, 1]
    assert table.schema.field("exit_code").type == pyarrow.int64()
    assert table.schema.field("started").type == pyarrow.timestamp("us", "UTC")


def test_results_are_written_as_parquet_whatever_columns_hold(tmp_path: Path) -> None:
    rows = [{"word": "good", "size": 2, "more": {}}, {"word": "bad", "size": None, "more": {}}]
    found = ran(tmp_path, rows, COLUMNS).results(column=["output"])
    found.to_parquet(tmp_path / "results.parquet")
    table = parquet.read_table(tmp_path / "results.parquet")
    assert [table[name].to_pylist() for name in ("word", "size", "more", "output")] == [
        ["good", "bad"],
        [2, None],
        ["{}", "{}"],
        ["got good\n", "got bad\n"],
    ]
    assert table.schema.field("finished").type == pyarrow.timestamp("us", "UTC")
    with pytest.raises(expander.OutputError, match=r"no/results\.parquet"):
        found.to_parquet(tmp_path / "no" / "results.parquet")


def test_numbers_of_a_data_frame_come_back_as_numbers_also_where_one_is_missing(tmp_path: Path) -> None:
    rows = pandas.DataFrame({"word": ["a", "b"], "rate": [0.5, None], "note": ["x", None]})
    frame = ran(tmp_path, rows, COLUMNS).results().to_pandas()
    assert (str(frame["rate"].dtype), frame["rate"].mean(), list(frame["note"])) == (
        "float64",
        0.5,
        ["x", ""],
    )


def test_large_integers_and_truth_values_come_back_exactly_beside_missing_ones(tmp_path: Path) -> None:
    large = (1 << 53) + 1
    rows = pyarrow.table(
        {
            "word": ["a", "b", "c"],
            "id": pyarrow.array([large, None, 3]),
            "hash": pyarrow.array([(1 << 64) - 1, 0, None], pyarrow.uint64()),
            "ok": [True, None, False],
        }
    )
    found = ran(tmp_path, rows, COLUMNS).results()
    frame, table = found.to_pandas(), found.to_arrow()
    assert [str(frame[name].dtype) for name in ("id", "hash", "ok")] == ["Int64", "UInt64", "boolean"]
    assert [*frame["id"].dropna()] == [large, 3]
    assert [*frame["hash"]][:2] == [(1 << 64) - 1, 0]
    assert [*frame["ok"].dropna()] == [True, False]
    for name in ("id", "hash", "ok"):
        assert (table[name].to_pylist(), table.schema.field(name).type) == (
            rows[name].to_pylist(),
            rows.schema.field(name).type,
        )
    assert [pandas.Timestamp(time) for time in table["started"].to_pylist()] == [*frame["started"]]


def test_integers_that_no_float_holds_are_kept_beside_floats(tmp_path: Path) -> None:
    large = (1 << 60) + 1
    frame = ran(tmp_path, [{"word": "a", "n": large}, {"word": "b", "n": 0.5}], COLUMNS).results().to_pandas()
    assert [*frame["n"]] == [large, 0.5]


@pytest.mark.parametrize(("name", "call"), [("pandas", "to_pandas"), ("arrow", "to_arrow")])
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    name: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, {"arrow": "pyarrow"}.get(name, name), None)
    with pytest.raises(expander.UsageError, match="which is not installed") as caught:
        getattr(expander.Results(()), call)()
    assert caught.value.hint == install_command(name)


def test_logs_come_in_the_order_of_items_and_some_of_them_where_asked_for(tmp_path: Path) -> None:
    batch = ran(tmp_path)
    lines = [*batch.logs()]
    assert [(line.key, line.container, line.text) for line in lines] == [
        ("good", "main", "got good"),
        ("bad", "main", "got bad"),
    ]
    assert [line.text for line in batch.logs(failed=True)] == ["got bad"]
    assert [line.text for line in expander.logs("words", ["go*"], state=tmp_path)] == ["got good"]
    assert sorted(line.text for line in batch.logs(follow=True)) == ["got bad", "got good"]
    [stamped] = batch.logs(["good"], timestamps=True, tail=1)
    assert stamped.text[:2] == "20"
    assert stamped.text.endswith("Z got good")


def test_what_the_group_does_not_have_is_named(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["good"])
    with pytest.raises(expander.InputError, match="no item, Job or pod nothing in group words"):
        list(batch.logs(["nothing"]))
    with pytest.raises(expander.InputError, match="no container side") as caught:
        list(batch.logs(container=["side"]))
    assert caught.value.hint == "containers: main"
    with pytest.raises(expander.InputError, match="no item or Job nothing"):
        batch.results(["nothing"])
    with pytest.raises(expander.UsageError, match="no column 'size'"):
        batch.results(sort_by="size")
    with pytest.raises(expander.UsageError, match="'stdout' is not one of output, message"):
        batch.results(column=["stdout"])  # type: ignore[list-item]
    with pytest.raises(expander.UsageError, match="attempts cannot be used with column"):
        batch.results(attempts=True, column=["output"])


def test_readers_of_logs_end_when_nobody_takes_more(tmp_path: Path) -> None:
    batch, before = ran(tmp_path), {*threading.enumerate()}
    lines = batch.logs(follow=True)
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    readers = {*threading.enumerate()} - before
    for thread in readers:
        thread.join(30)
    assert [thread for thread in readers if thread.is_alive()] == []
