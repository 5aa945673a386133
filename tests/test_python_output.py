"""`expander.run(on_output=)`, `expander.groups`, and the item of an outcome as a value."""

from pathlib import Path

import pytest

import expander

COMMAND = ["sh", "-c", "echo begin $1; printf 'no end of $2'", "sh", "${ITEM.n}", "${ITEM.w}"]


def test_output_comes_line_by_line_with_its_item_and_items_have_their_columns(tmp_path: Path) -> None:
    lines: list[expander.OutputLine] = []
    template = expander.command_template(COMMAND, name="talk")
    rows = [{"n": "a", "w": 1}, {"n": "b", "w": 2}]
    ran = expander.run(template, rows, runtime="process", state=tmp_path, on_output=lines.append)
    assert sorted((line.key, line.text) for line in lines) == [
        ("a", "begin a"),
        ("a", "no end of $2"),
        ("b", "begin b"),
        ("b", "no end of $2"),
    ]
    assert {line.container for line in lines} == {"talk"}
    assert [job.outcome.value for job in sorted(ran.jobs)] == rows
    (group,) = expander.groups(state=tmp_path)
    assert (group.group, group.items, group.counts["Complete"]) == ("talk", 2, 2)
    (tmp_path / "talk" / "state.db").write_bytes(b"?" * 4096)
    with pytest.raises(expander.StateUnreadable):
        expander.groups(state=tmp_path)
    errors: list[expander.ExpanderError] = []
    assert expander.groups(state=tmp_path, on_error=errors.append) == []
    assert len(errors) == 1


def test_indexes_and_plain_items_are_told_by_their_keys(tmp_path: Path) -> None:
    lines: list[str] = []
    template = expander.command_template(["echo", "hi"], name="hi")
    options = {"runtime": "process", "state": tmp_path, "shape": "indexed"}
    ran = expander.run(template, ["x", "y"], on_output=lambda line: lines.append(line.key), **options)  # type: ignore[arg-type]
    assert sorted(lines) == ["x", "y"]
    assert ran.counts["succeeded"] == 1
