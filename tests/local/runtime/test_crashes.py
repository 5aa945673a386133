"""Killed at any moment: no process left, no end lost, none told twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.local.logs import last_output
from expander.local.runtime.journal_recovery import forget, recover
from expander.local.runtime.process_tree import children
from tests.local.runtime import victim
from tests.local.runtime.running import marked

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> Iterator[str]:
    """A word in the environment of every process of the test."""
    word = f"mark-{os.getpid()}-{abs(hash(request.node.name))}"
    yield word
    for pid in marked(word):
        os.kill(pid, signal.SIGKILL)


def run_until_killed(
    folder: Path, mark: str, seconds: float, *, supervisor_too: bool, runtime: str = "process", ends: int = 0
) -> None:
    """Run the victim, and kill it once it has been at work for so long and was told of ``ends`` ends."""
    program = [sys.executable, victim.__file__, str(folder), mark, runtime]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, env=environment) as process:
        told = folder / "told"
        while not told.exists() or told.read_text().count("\n") < ends:
            time.sleep(0.005)
        supervisor = children(process.pid)[0]
        time.sleep(seconds)
        process.kill()
        if supervisor_too:
            os.kill(supervisor, signal.SIGKILL)


def check(folder: Path, mark: str) -> int:
    """Recover, and hold the answer against what is known; the number of ends."""
    ends = recover(folder / "state")
    assert marked(mark) == []
    by_key = {end.key: end for end in ends}
    assert len(by_key) == len(ends)
    for line in (folder / "told").read_text().splitlines():
        key, code, finished = line.split()
        assert (by_key[key].exit_code, repr(by_key[key].finished)) == (int(code), finished)
    for log in folder.glob("*.log"):
        end = by_key[log.stem]
        text = last_output(log, 100).decode()
        assert end.lost or (end.code == 0 and text == "done\n"), (end, text)
        assert not end.lost or end.exit_code == 137
    assert {end.key for end in recover(folder / "state")} == by_key.keys()
    forget(folder / "state")
    assert recover(folder / "state") == []
    return len(ends)


@pytest.mark.parametrize("round", range(30))
def test_a_client_killed_at_any_moment_leaves_no_process_and_loses_no_end(
    tmp_path: Path, mark: str, round: int
) -> None:
    run_until_killed(tmp_path, mark, random.Random(round).uniform(0, 0.15), supervisor_too=False)
    check(tmp_path, mark)


@pytest.mark.parametrize("round", range(10))
def test_also_when_the_supervisor_is_killed_with_it(tmp_path: Path, mark: str, round: int) -> None:
    run_until_killed(tmp_path, mark, random.Random(round).uniform(0, 0.15), supervisor_too=True)
    check(tmp_path, mark)


@pytest.mark.usefixtures("wrap")
@pytest.mark.parametrize("supervisor_too", [False, True])
@pytest.mark.parametrize("round", range(4))
def test_sandboxes_are_no_different(tmp_path: Path, mark: str, round: int, supervisor_too: bool) -> None:
    seconds = random.Random(round).uniform(0, 0.15)
    run_until_killed(tmp_path, mark, seconds, supervisor_too=supervisor_too, runtime="sandbox")
    check(tmp_path, mark)


def test_runs_that_died_beside_each_other_are_recovered_each_by_itself(tmp_path: Path, mark: str) -> None:
    runs = [(tmp_path / str(number), f"{mark}-{number}.") for number in range(3)]
    for folder, own in runs:
        folder.mkdir()
        run_until_killed(folder, own, 0.05, supervisor_too=False, ends=1)
    for folder, own in runs:
        assert check(folder, own) > 0
