"""Files of a submission with ``--delete-finished`` that were damaged: no item is created twice."""

import random
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from expander.base.errors import SourceLocation
from expander.client.bodies import decode_object
from expander.client.client import ApiClient, Resource
from expander.kube.objects import Object
from expander.manifests.manifest import Manifest
from expander.manifests.rerun_choice import Rerun
from expander.submit.already_submitted import AlreadySubmitted
from expander.submit.finished import FinishedJobs, forget_finished, record_path
from expander.submit.journal import Journal, forget, journal_file
from expander.submit.options import OnDamage, SubmitOptions
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from expander.submit.submit import Submitter
from tests.client.stubs import stub
from tests.submit.damage import damaged
from tests.submit.fake_cluster import FakeCluster, kubeconfig

NAMES = ("a", "ü-2")
RUN = {"arguments": ["job.yaml", "a", "b", "--delete-finished"], "folder": "/", "standardInput": False}


def manifest(name: str) -> Manifest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "g"}},
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
        },
    }
    return Manifest(tree, SourceLocation("job.yaml"))


@cache
def request(name: str) -> PreparedRequest:
    return RequestBuilder("default").prepare(manifest(name), Resource("/apis/batch/v1", "jobs", True))


def job(name: str) -> Object:
    tree: dict[str, Any] = decode_object(request(name).body) or {}
    return {"metadata": tree["metadata"] | {"uid": f"uid-{name}", "namespace": "default"}}


def collected(journal: Path, names: tuple[str, ...] = NAMES, end: str = "Complete") -> tuple[Path, Path]:
    """The files of a submission that has collected and deleted Jobs."""
    status = {"conditions": [{"type": end, "status": "True"}]}
    with Journal(journal, exclusive=True) as open_journal:
        finished = FinishedJobs(open_journal)
        open_journal.begin(RUN)
        for name in names:
            open_journal.add(request(name).key, "created")
            ended = {**job(name), "status": status, "spec": {}}
            finished.add(ended, {"job": ended, "pods": [], "folder": "/", "logs": []})
    return journal, record_path(journal)


class Empty:
    """A cluster that has nothing."""

    def pages(self, path: str, selector: str) -> list[Any]:
        return []


def resumed(path: Path, said: list[str] | None = None) -> AlreadySubmitted:
    said = [] if said is None else said
    with Journal(path) as journal:
        api = cast(ApiClient, Empty())
        return AlreadySubmitted(api, "jobgroup", said.append, journal, resumed=True)


def is_known(submitted: AlreadySubmitted, name: str) -> bool:
    """Whether a Job is not created again."""
    return submitted.is_delivered(request(name)) or submitted.collected(request(name)) == ("succeeded", False)


def forgotten(path: Path) -> list[str]:
    """The items that would be created again."""
    submitted = resumed(path)
    if submitted.is_forgetful:
        return []
    return [name for name in NAMES if not is_known(submitted, name)]


@pytest.mark.parametrize("which", [0, 1])
def test_with_one_damaged_file_every_deleted_job_is_known(tmp_path: Path, which: int) -> None:
    path = collected(tmp_path / "submit-1.jsonl")[which]
    for each in damaged(path.read_bytes(), bits=(0x01,), missing=False):
        path.write_bytes(each)
        submitted = resumed(tmp_path / "submit-1.jsonl")
        assert not submitted.is_forgetful
        assert all(is_known(submitted, name) for name in NAMES)
    path.unlink()
    assert forgotten(tmp_path / "submit-1.jsonl") == []


def test_with_two_damaged_files_a_deleted_job_is_known_or_the_files_are_called_damaged(
    tmp_path: Path,
) -> None:
    """Only a record that ends with a line does not tell that others were behind it: the journal does."""
    files = collected(tmp_path / "submit-1.jsonl")
    whole = [file.read_bytes() for file in files]
    chance = random.Random(5)
    cases = [list(damaged(each)) for each in whole]
    for _ in range(500):
        pair = [chance.choice(those) for those in cases]
        if pair[1] and whole[1].startswith(pair[1].rstrip(b"\n") + b"\n"):
            continue
        for file, each in zip(files, pair, strict=True):
            file.write_bytes(each)
        assert forgotten(files[0]) == []


def test_lines_that_are_missing_in_both_files_are_noticed_by_their_numbers(tmp_path: Path) -> None:
    files = collected(tmp_path / "submit-1.jsonl")
    for file in files:
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(line for line in lines if b"/a " not in line))
    assert resumed(files[0]).is_forgetful


def test_what_cleanup_forgets_is_not_called_missing(tmp_path: Path) -> None:
    journal, record = collected(tmp_path / "submit-1.jsonl")
    forget(journal, lambda path: path.endswith("/ü-2"))
    forget_finished(record, lambda namespace, name: name == "ü-2")
    said: list[str] = []
    submitted = resumed(journal, said)
    assert (said, submitted.is_forgetful) == ([], False)
    assert [name for name in NAMES if not is_known(submitted, name)] == ["ü-2"]
    with Journal(journal, exclusive=True) as again:
        FinishedJobs(again).add(job("ü-2"), {"job": job("ü-2"), "pods": [], "folder": "/", "logs": []})
    submitted = resumed(journal, said)
    assert (said, submitted.is_forgetful) == ([], False)
    forget(journal, lambda path: True)
    forget_finished(record, lambda namespace, name: True)
    assert not journal.exists()
    assert not record.exists()


def test_a_first_run_and_one_that_deletes_nothing_refuse_nothing(tmp_path: Path) -> None:
    path = tmp_path / "submit-1.jsonl"
    said: list[str] = []
    assert not resumed(path, said).is_forgetful
    assert said == []
    path.write_bytes(b'{"key": "x", "outc')
    assert not resumed(path, said).is_forgetful
    assert said == [f"warning: {path} has 1 damaged line: asking the cluster what it has"]


def resumed_run(
    folder: Path, config: str, on_damage: OnDamage = "refuse", rerun: Rerun | None = None
) -> tuple[Mapping[str, str], int]:
    """What becomes of the items a, b and c, and how many had failed before."""
    options = SubmitOptions(
        kubeconfig=config, state=str(folder), resume=True, on_damage=on_damage, rerun=rerun
    )
    submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
    try:
        found = list(submitter.outcomes(map(manifest, ("a", "b", "c"))))
    finally:
        submitter.close()
    words = {each.prepared.name: f"{each.result.outcome} {each.result.reason}" for each in found}
    return words, submitter.failed_before


def outcomes(folder: Path, config: str, on_damage: OnDamage = "refuse") -> Mapping[str, str]:
    """What becomes of the items a, b and c."""
    return resumed_run(folder, config, on_damage)[0]


def test_items_that_may_have_been_done_are_refused_until_the_user_says_otherwise(tmp_path: Path) -> None:
    cluster = FakeCluster()
    with stub(cluster) as server:
        config = kubeconfig(tmp_path, server.port)
        journal = journal_file(tmp_path / "submit", "g", f"http://127.0.0.1:{server.port}")
        files = collected(journal, ("a", "b"))
        assert outcomes(tmp_path, config) == {
            "a": "unchanged Resumed",
            "b": "unchanged Resumed",
            "c": "created ",
        }
        for file in files:
            lines = file.read_bytes().splitlines(keepends=True)
            file.write_bytes(b"".join(line for line in lines if b"/b " not in line) + b"{")
        again = outcomes(tmp_path, config)
        assert again == {
            "a": "unchanged Resumed",
            "b": "refused JournalDamaged",
            "c": "unchanged Resumed",
        }
        assert cluster.created == Counter(c=1)
        assert outcomes(tmp_path, config, "create")["b"] == "created "
    assert cluster.created == Counter(b=1, c=1)


@pytest.mark.parametrize("rerun", [None, "failed", "changed", "all"])
@pytest.mark.parametrize("end", ["Complete", "Failed"])
def test_a_job_that_was_deleted_is_not_created_again_by_a_run_that_is_resumed(
    tmp_path: Path, end: str, rerun: Rerun | None
) -> None:
    with stub(FakeCluster()) as server:
        journal = journal_file(tmp_path / "submit", "g", f"http://127.0.0.1:{server.port}")
        collected(journal, ("a", "b"), end)
        config = kubeconfig(tmp_path, server.port)
        found, failed_before = resumed_run(tmp_path, config, rerun=rerun)
    assert found == {"a": "unchanged Resumed", "b": "unchanged Resumed", "c": "created "}
    assert failed_before == (2 if end == "Failed" else 0)
