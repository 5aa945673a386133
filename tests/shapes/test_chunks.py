"""Jobs of several items: what fails, what is tried again, what is left to the Job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from expander import validate
from expander.base.errors import InputError
from tests.cli.program import run
from tests.shapes.batch import made, template

COUNTING = """
import sys, pathlib
name, limit = sys.argv[1:]
path = pathlib.Path(name)
path.write_text(path.read_text() + "x" if path.exists() else "x")
print("attempt", len(path.read_text()), "of", path.name)
sys.exit(0 if len(path.read_text()) >= int(limit) else 3)
"""


def argv_of(items: list[Any], shape: str, command: list[str], **spec: Any) -> list[str]:
    """The command line of the container of the first Job, as a kubelet would hand it over."""
    file = template(name="job-$INDEX", **spec)
    file.text = file.text.replace(
        json.dumps(json.loads(file.text)["spec"]["template"]["spec"]["containers"][0]["command"]),
        json.dumps(command),
    )
    container = made(file, items, shape)[0].tree["spec"]["template"]["spec"]["containers"][0]
    return [word.replace("$$", "$") for word in (*container["command"], *container["args"])]


def counted(folder: Path, limits: list[int], backoff_limit: int) -> subprocess.CompletedProcess[str]:
    """One container over items that succeed at the attempt that each names."""
    command = [sys.executable, "-c", COUNTING, "${ITEM.path}", "${ITEM.limit}"]
    items = [{"path": str(folder / f"item-{n}"), "limit": limit} for n, limit in enumerate(limits)]
    argv = argv_of(items, f"chunks={len(limits)}", command, backoffLimit=backoff_limit)
    return subprocess.run(
        argv,
        env={"EXPANDER_BACKOFF_BASE": "0", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_item_that_fails_does_not_stop_the_others_and_is_tried_again_after_them(tmp_path: Path) -> None:
    answer = counted(tmp_path, [1, 3, 1], backoff_limit=2)
    assert answer.returncode == 0
    assert answer.stdout.splitlines() == [
        "attempt 1 of item-0",
        "attempt 1 of item-1",
        "attempt 1 of item-2",
        "attempt 2 of item-1",
        "attempt 3 of item-1",
    ]
    ends = [line.partition(": ")[0] for line in answer.stderr.splitlines()]
    assert ends == [
        f"[expander] index {index} exit {code}" for index, code in [(0, 0), (1, 3), (2, 0), (1, 3), (1, 0)]
    ]


def test_items_that_fail_for_good_make_the_container_fail_once_all_were_tried(tmp_path: Path) -> None:
    answer = counted(tmp_path, [9, 1], backoff_limit=1)
    assert answer.returncode == 1
    assert answer.stdout.count("item-0") == 2
    assert answer.stdout.count("item-1") == 1


def test_the_line_of_an_item_says_which_it_was(tmp_path: Path) -> None:
    argv = argv_of(["a\nb", "x" * 500], "chunks=2", ["true", "$ITEM"], backoffLimit=0)
    lines = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stderr.splitlines()
    assert lines[0] == '[expander] index 0 exit 0: "a\\nb"'
    assert lines[1].startswith('[expander] index 1 exit 0: "xxx')
    assert len(lines[1]) < 250


def test_a_signal_to_stop_reaches_the_item_that_runs_and_no_other_is_begun(tmp_path: Path) -> None:
    script = "trap 'echo stopping; exit 5' TERM; echo began; while :; do sleep 0.05; done"
    argv = argv_of(["a", "b"], "chunks=2", ["sh", "-c", script, "$ITEM"], backoffLimit=3)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 143
    assert out == "stopping\n"
    assert err == '[expander] index 0 exit 5: "a"\n'


def test_the_job_does_not_run_all_items_again_because_some_failed(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        template(name="job-$ITEM")
        .text.replace('"backoffLimit": 0', '"backoffLimit": 3')
        .replace('"env": []', '"env": [{"name": "EXPANDER_BACKOFF_BASE", "value": "0"}]')
    )
    text = (tmp_path / "job.yaml").read_text()
    container = json.loads(text)["spec"]["template"]["spec"]["containers"][0]
    (tmp_path / "job.yaml").write_text(
        text.replace(json.dumps(container["command"]), '["sh", "-c", "exit $0", "$ITEM"]')
    )
    answer = run(
        "run",
        "job.yaml",
        "0",
        "1",
        "2",
        "--as",
        "chunks=3",
        "--state",
        "s",
        "--runtime",
        "process",
        cwd=tmp_path,
    )
    assert answer.code == 1
    assert answer.out.count("index 0 exit 0") == 1
    assert answer.out.count("index 1 exit 1") == 4
    assert "failed: 1 (Job shows-0): exit code 1\n" in answer.err


def test_the_last_job_has_what_is_left_and_indexes_go_on_over_the_jobs() -> None:
    jobs = [manifest.tree for manifest in made(template(), ["a", "b", "c", "d", "e"], "chunks=2")]
    assert [job["metadata"]["name"] for job in jobs] == ["shows-0", "shows-1", "shows-2"]
    assert [job["metadata"]["annotations"]["expander/item-count"] for job in jobs] == ["2", "2", "1"]
    assert [job["spec"]["template"]["spec"]["containers"][0]["args"][0] for job in jobs] == ["0", "2", "4"]
    assert all(validate(job) == [] for job in jobs)


def test_an_item_too_long_for_one_argument_is_named() -> None:
    with pytest.raises(InputError, match=r"item 2 .*one argument has 131,071"):
        made(template(name="job-$INDEX"), ["a", "b" * 140_000], "chunks=2")


def test_items_too_large_for_one_job_say_how_many_would_fit() -> None:
    with pytest.raises(InputError, match=r"10 items take .* bytes of one Job") as caught:
        made(template(name="job-$INDEX"), ["a" * 120_000] * 10, "chunks=10")
    assert "shape='chunks=7'" in str(caught.value)


def test_init_containers_that_run_once_for_many_items_are_told_of(tmp_path: Path) -> None:
    job = json.loads(template().text)
    pod = job["spec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "prepare", "image": "busybox", "command": ["true"]}]
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    answer = run("expand", "job.yaml", "a", "b", "--as", "chunks=2", cwd=tmp_path)
    assert answer.code == 0
    assert "warning: init container prepare runs once per pod, not once per item" in answer.err
