"""Failed items of a run, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expander.base.text import MAX_NAMED
from expander.cli.output.failures import Failures
from expander.cli.output.printer import Printer
from expander.cli.output.streams import say
from expander.kube.generated_names import new_uid
from expander.local.kubelet.pod_files import PodFolders
from tests.group.fakes import job, pod


def test_failed_items_are_named_in_the_order_they_were_given(tmp_path: Path) -> None:
    failures = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=True)
    jobs = [job(f"frame-{number}", "Failed") for number in range(2, 12)]
    for each in jobs:
        each["metadata"]["uid"] = new_uid()
    for each in sorted(jobs, key=lambda one: str(one["metadata"]["name"])):  # frame-10 before frame-2
        failures.job(each, ())
    assert failures.names == "frame-2, frame-3, frame-4, frame-5, frame-6 and 5 more"
    assert MAX_NAMED == 5
    for each in jobs[:2]:
        each["metadata"]["annotations"] = {"expander/item": "lr=1,seed=2"}
    other = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=True)
    for each in jobs[:2]:
        other.job(each, ())
    assert other.names == "lr=1,seed=2; lr=1,seed=2"


def told(failures: Failures, one: dict[str, Any], pods: list[dict[str, Any]], capsys: Any) -> str:
    tell = failures.job(one, pods)
    assert tell is not None
    tell()
    return str(capsys.readouterr().err)


def test_a_failed_index_is_told_as_its_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = job("frames", "Failed", completionMode="Indexed", completions=3)
    frames["metadata"]["annotations"] = {"expander/item-count": "3", "expander/items": '["a","b","c"]'}
    frames["status"] |= {"completedIndexes": "0,2", "failedIndexes": "1"}
    pods = [pod(frames, code, index=index) for index, code in enumerate((0, 3, 0))]
    failures = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=False)
    assert told(failures, frames, pods, capsys) == "failed: b (Job frames, index 1): exit code 3\n"
    assert failures.names == "b"


def test_failed_items_of_a_chunk_are_told_by_their_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunk = job("ch-1", "Failed")
    chunk["metadata"]["annotations"] = {"expander/item-count": "3"}
    one = pod(chunk, 1)
    log = Path(PodFolders(tmp_path).of(one).log("main", 0))
    log.parent.mkdir(parents=True)
    head = "2026-11-29T10:47:40.123456789Z stderr F [expander] index"
    log.write_text(f'{head} 4 exit 3: "e"\n{head} 5 exit 0: "f"\n{head} 6 exit 9: {{"x":"g"}}\n')
    failures = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=False)
    said = told(failures, chunk, [one], capsys)
    assert said == "failed: e (Job ch-1): exit code 3\nfailed: g (Job ch-1): exit code 9\n"
    assert failures.names == "e, g"


class AtOnce:
    """A printer that prints at once."""

    def do(self, task: Callable[[], None]) -> None:
        task()

    def say(self, text: str) -> None:
        say(text)


def test_what_is_tried_again_is_named_as_often_as_what_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printer: Any = AtOnce()
    failures = Failures(tmp_path, lambda *_: None, printer, quiet=True)
    for number in range(30):
        failures.retried(job(f"a-{number}", "Active"), f"retry: a-{number}")
        failures.not_retried(f"b-{number}", "memory is at max=1Gi")
    failures.tell_more()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 42
    assert lines[-2:] == ["retry: 10 more likewise", "no retry: 10 more likewise"]
