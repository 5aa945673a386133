"""The record of Jobs that were collected and deleted."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.client.transport import Transport
from expander.group.collected import CollectedSource, read_record, record_entry
from expander.group.results import collect_job
from expander.kube.objects import Selection
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.submit.finished import FinishedJobs, forget_finished
from expander.submit.journal import Journal
from tests.group.fakes import FakeReader, job, pod


def recorded(folder: Path, name: str, state: str = "Failed") -> Path:
    """A record with one more Job, which was collected into a folder beside it."""
    done = job(name, state, item=name)
    done["metadata"]["annotations"][DIGEST_ANNOTATION] = "0a"
    done["metadata"]["managedFields"] = [{"manager": "expander"}]
    pods = [pod(done, 1 if state == "Failed" else 0, containers=("main", "side"))]
    found = collect_job(done, pods, FakeReader([done], pods), folder / "results")
    with Journal(folder / "submit-1.jsonl") as journal:
        FinishedJobs(journal).add(done, record_entry(done, pods, found.rows, folder / "results"))
    return folder / "finished-1.jsonl"


def test_a_job_is_read_back_with_its_pods_and_the_files_of_its_logs(tmp_path: Path) -> None:
    path = recorded(tmp_path, "a")
    assert path.stat().st_mode & 0o777 == 0o600
    one = read_record(path)["default", "a"]
    assert one.job["status"]["conditions"][0]["type"] == "Failed"
    assert "managedFields" not in one.job["metadata"]
    assert [each["metadata"]["name"] for each in one.pods] == ["a-1"]
    texts = {key: file.read_text() for key, file in one.logs.items()}
    assert texts == {("a-1", "main", False): "a-1 main\n", ("a-1", "side", False): "a-1 side\n"}


def test_the_last_line_of_a_job_counts_and_deleted_groups_are_forgotten(tmp_path: Path) -> None:
    path = recorded(tmp_path, "b")
    recorded(tmp_path, "a", "Failed")
    recorded(tmp_path, "a", "Complete")
    states = {
        name: one.job["status"]["conditions"][0]["type"] for (_, name), one in read_record(path).items()
    }
    assert states == {"a": "Complete", "b": "Failed"}
    forget_finished(path, lambda namespace, name: name == "a")
    assert [*read_record(path)] == [("default", "b")]
    forget_finished(path, lambda namespace, name: True)
    assert not path.exists()
    assert read_record(path) == {}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A record of the Jobs a and b, and its bytes."""
    folder = tmp_path_factory.mktemp("record")
    recorded(folder, "a")
    path = recorded(folder, "b")
    return path, path.read_bytes()


@given(share=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_record_loses_the_damaged_lines_only(
    two: tuple[Path, bytes], share: float, byte: int
) -> None:
    path, text = two
    begin, end = (at + 1 for at in [*(at for at, one in enumerate(text) if one == 0x0A)][:2])
    damaged = bytearray(text)
    damaged[begin + int(share * (end - 1 - begin))] = byte if byte != 0x0A else 0
    path.write_bytes(damaged)
    found = read_record(path)
    assert ("default", "b") in found
    CollectedSource(cast(Transport, SimpleNamespace(server="")), Selection(None, ""), path)
    cut = text[: int(share * len(text))]
    path.write_bytes(cut)
    only_its_end_is_missing = text[len(cut) : len(cut) + 1] == b"\n"
    whole = cut.count(b"\n") + only_its_end_is_missing
    assert len(read_record(path)) == max(0, whole - 1)  # the first line is no Job


def test_annotations_of_a_collected_job_are_kept_in_the_record(tmp_path: Path) -> None:
    path = recorded(tmp_path, "a")
    source = CollectedSource(cast(Transport, SimpleNamespace(server="")), Selection(None, ""), path)
    before = read_record(path)["default", "a"]
    source.annotate(before.job, {"expander/retried-indexes": "1,3"})
    after = read_record(path)["default", "a"]
    assert after.job["metadata"]["annotations"]["expander/retried-indexes"] == "1,3"
    assert (after.pods, after.logs, after.job["status"]) == (before.pods, before.logs, before.job["status"])
    other = {"metadata": {"name": "b", "namespace": "default", "uid": "another"}}
    source.annotate(other, {"x": "y"})
    assert [*read_record(path)] == [("default", "a")]
