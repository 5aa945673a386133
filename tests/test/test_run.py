"""``expander test``: what Jobs print and exit with when a case runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from expander.local.state import lock_holder
from tests.cli.program import EXPANDER, run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "job-$ITEM"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "busybox:1", command: [sh, -c, SCRIPT], env: [{name: ITEM, value: $ITEM}]}
"""


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    return folder


def write(script: str, cases: str) -> None:
    """A template that runs ``script``, and its cases."""
    Path("job.yaml").write_text(JOB.replace("SCRIPT", json.dumps(script)))
    Path("job.test.yaml").write_text(cases)


def test_output_and_exit_codes_are_compared_and_nothing_is_left(folder: Path) -> None:
    cases = """\
cases:
- name: good
  items: [a, bb]
  run: {output: {a: hello a}, exitCodes: {bb: 1}}
- name: bad
  items: [a, bb]
  run: {output: {a: hello b, z: x}, exitCodes: {a: 2}}
"""
    write('echo "hello $$ITEM"; [ "$$ITEM" = a ]', cases)
    answer = run("test")
    assert answer.code == 1
    assert sorted(answer.out.splitlines()) == [
        "2 cases: 1 passed, 1 failed",
        "job.test.yaml:5: bad: run.exitCodes: expected 0, found 1 (bb); printed hello bb",
        "job.test.yaml:5: bad: run.exitCodes: expected 2, found 0 (a)",
        "job.test.yaml:5: bad: run.output: expected hello b, found hello a (a)",
        "job.test.yaml:5: bad: run.output: expected x, found nothing (z)",
    ]
    assert list((folder / "tmp").iterdir()) == []
    assert not (folder / "state").exists()


def test_of_a_long_output_the_place_is_told_where_it_differs(folder: Path) -> None:
    expected = "\\n".join(map(str, range(1, 5000)))
    write(
        "seq 1 5000; seq 1 2000000",
        f'cases: [{{name: long, items: [a], run: {{output: {{a: "{expected}"}}}}}}]\n',
    )
    answer = run("test")
    assert 'run.output: expected line 5000: nothing, found "5000\\n1\\n2' in answer.out
    assert len(answer.out) < 500
    (failure,) = json.loads(run("test", "-o", "json").out)["failures"]
    assert len(failure["found"]) < 200_000


def test_jobs_that_do_not_end_fail_their_case(folder: Path) -> None:
    write("exec sleep 1000", "cases: [{name: long, items: [a], run: {timeout: 1}}]\n")
    answer = run("test")
    assert answer.code == 1
    assert "job.test.yaml:1: long: run: expected the end of all Jobs, found timed out" in answer.out


def test_an_interrupted_run_stops_its_jobs_and_leaves_nothing(folder: Path) -> None:
    write("echo began; exec sleep 1000", "cases: [{name: long, items: [a], run: {}}]\n")
    with subprocess.Popen([EXPANDER, "test"], stderr=subprocess.PIPE, text=True) as program:
        while not any(path.stat().st_size for path in folder.glob("tmp/*/**/*.log")):
            assert program.poll() is None
            time.sleep(0.05)
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 130
    assert list((folder / "tmp").iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_but_not_what_another_is_at_work_in(folder: Path) -> None:
    write("echo began; exec sleep 1000", "cases: [{name: long, items: [a], run: {}}]\n")
    killed, working = subprocess.Popen([EXPANDER, "test"]), subprocess.Popen([EXPANDER, "test"])
    try:
        while sum(path.stat().st_size > 0 for path in folder.glob("tmp/*/**/*.log")) < 2:
            assert killed.poll() is working.poll() is None
            time.sleep(0.05)
        killed.kill()
        killed.wait()
        for left in (folder / "tmp").iterdir():
            os.utime(left, (0, 0))
        write("true", "cases: [{name: short, items: [a], run: {}}]\n")
        assert run("test").code == 0
        (at_work,) = (folder / "tmp").iterdir()
        assert lock_holder(at_work / "job") == working.pid
    finally:
        killed.kill()
        working.terminate()
        working.wait()
    assert list((folder / "tmp").iterdir()) == []
