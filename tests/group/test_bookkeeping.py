"""The file of Jobs that are on their way to take the place of others."""

from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ExpanderError
from expander.group.bookkeeping import PendingRetries


def tree(name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name}}


def test_what_was_begun_and_not_done_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "group" / "pending.jsonl"
    with PendingRetries(path) as pending:
        pending.begin([(tree("a"), "1"), (tree("b"), ""), (tree("c"), "3")])
        pending.done("n", "b")
        pending.done("n", "unknown")
    with PendingRetries(path) as pending:
        assert pending.entries() == [(tree("a"), "1"), (tree("c"), "3")]
        pending.done("n", "a")
        pending.done("n", "c")
    assert not path.exists()


def test_a_line_that_was_cut_short_is_passed_over_and_the_next_ones_count(tmp_path: Path) -> None:
    path = tmp_path / "pending.jsonl"
    with PendingRetries(path) as pending:
        pending.begin([(tree("a"), "1")])
    with open(path, "ab") as file:
        file.write(b'{"begun": {"metadata": {"na')
    with PendingRetries(path) as pending:
        assert pending.entries() == [(tree("a"), "1")]
        pending.begin([(tree("b"), "2")])
    with PendingRetries(path) as pending:
        assert pending.entries() == [(tree("a"), "1"), (tree("b"), "2")]


def test_only_one_process_has_it(tmp_path: Path) -> None:
    with PendingRetries(tmp_path / "x"), pytest.raises(ExpanderError, match="another retry"):
        PendingRetries(tmp_path / "x")
