"""``-v`` and ``--log-file`` before and after the name of a command, and together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.program import run

TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a-$ITEM}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [(["-vv"], []), ([], ["-vv"]), (["-v"], ["-v"]), (["-v", "--verbose"], [])],
    ids=str,
)
def test_options_of_the_log_stand_before_or_after_the_command(
    before: list[str], after: list[str], tmp_path: Path
) -> None:
    (tmp_path / "map.yaml").write_text(TEMPLATE)
    answer = run(*before, "expand", *after, "map.yaml", "x", "-o", "maps", cwd=tmp_path)
    assert answer.code == 0
    assert answer.err.endswith(" files: created maps/configmap-x.yaml\n")


def test_the_file_after_the_command_wins(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(TEMPLATE)
    arguments = ["--log-file", "1.log", "expand", "-vv", "--log-file", "2.log", "map.yaml", "x", "-o", "maps"]
    answer = run(*arguments, cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert not (tmp_path / "1.log").exists()
    assert (tmp_path / "2.log").read_text().endswith(" files: created maps/configmap-x.yaml\n")


def test_one_level_is_less_than_two(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(TEMPLATE)
    answer = run("-v", "expand", "map.yaml", "x", "-o", "maps", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")


def test_a_pipe_that_nobody_reads_is_not_waited_for_as_a_log(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(TEMPLATE)
    os.mkfifo(tmp_path / "pipe")
    arguments = ["expand", "-vv", "--log-file", "pipe", "map.yaml", "x", "-o", "maps"]
    answer = run(*arguments, cwd=tmp_path)
    assert (answer.code, answer.err) == (2, "error: --log-file: cannot open 'pipe': nobody reads the pipe\n")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run(*arguments, cwd=tmp_path).code == 0
    assert os.read(reader, 100_000).endswith(b" files: created maps/configmap-x.yaml\n")
    os.close(reader)
