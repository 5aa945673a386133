"""A batch that is submitted again, edited or not, is in the cluster as if it had been submitted there alone.

EXPANDER_RESUBMISSIONS says how many batches are tried.
"""

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import expander
from expander.base.errors import InputError
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import SUBMITTED_ANNOTATION
from tests.cli.cluster import size
from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import JOBS, FakeCluster, kubeconfig

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: a-$INDEX
  annotations: {%s}
spec:
  backoffLimit: %s
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: "i:%s", args: ["$ITEM", "%s"]}]
"""

TEMPLATES = st.tuples(
    st.sampled_from(["", "a: $ITEM"]),
    st.sampled_from(["1", "$INDEX"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["$ITEM", "x"]),
).map(lambda parts: TEMPLATE % parts)
ITEMS = st.lists(st.sampled_from(["a", 'b"\\', "é", "7", "c\n", ""]), min_size=1, max_size=8)
OPTIONS = st.sampled_from(
    [{}, {"labels": {"l": "1"}}, {"annotations": {"b": "1"}}, {"queue": "fast"}, {"ttl": 9}]
)
BATCHES = st.tuples(TEMPLATES, ITEMS, OPTIONS)

Batch = tuple[str, list[str], dict[str, Any]]


@contextmanager
def serving() -> Iterator[tuple[FakeCluster, Path]]:
    """A cluster without Jobs, and a folder with its kubeconfig."""
    with tempfile.TemporaryDirectory() as folder, stub(cluster := FakeCluster()) as server:
        kubeconfig(Path(folder), server.port)
        yield cluster, Path(folder)


def send(folder: Path, batch: Batch, **options: Any) -> list[str]:
    """Submit a batch; the outcomes."""
    (folder / "job.yaml").write_text(batch[0])
    config, state = str(folder / "kubeconfig"), folder / "state"
    options |= {"kubeconfig": config, "state": state, "group": "g", "on_note": lambda _: None, **batch[2]}
    return [each.outcome for each in expander.submit(folder / "job.yaml", batch[1], **options)]


def found(cluster: FakeCluster) -> dict[str, Any]:
    """The Jobs by name, without what differs each time."""
    jobs: dict[str, Any] = {}
    for name, job in cluster.jobs.items():
        metadata = {key: job["metadata"][key] for key in ("name", "labels", "annotations")}
        annotations = {
            key: each for key, each in metadata["annotations"].items() if key != SUBMITTED_ANNOTATION
        }
        assert DIGEST_ANNOTATION in annotations
        jobs[name] = {**job, "metadata": {**metadata, "annotations": annotations}}
    return jobs


def item_of(job: dict[str, Any]) -> str:
    return str(job["metadata"]["annotations"]["expander/item"])


@settings(
    max_examples=size("EXPANDER_RESUBMISSIONS", 20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(BATCHES, BATCHES | st.none(), st.sets(st.integers(0, 7)), st.integers(0, 2000), st.booleans())
def test_whatever_changes_between_two_submissions_the_cluster_has_the_second_one_of_each_item(
    first: Batch, edited: Batch | None, gone: set[int], cut: int, resume: bool
) -> None:
    second = edited or first
    with serving() as (cluster, folder):
        send(folder, second)
        wanted = found(cluster)
    with serving() as (cluster, folder):
        send(folder, first)
        before = found(cluster)
        (journal,) = folder.glob("state/**/submit-*.jsonl")
        with open(journal, "r+b") as file:  # as a kill leaves it, at any byte
            file.truncate(max(0, journal.stat().st_size - cut))
        if not resume:  # which believes its journal
            for name in [name for number, name in enumerate(before) if number in gone]:
                del cluster.jobs[name], before[name]
        made = cluster.created.copy()
        send(folder, second, resume=resume)
        after = found(cluster)
        others = {
            name for name in wanted if name in before and item_of(before[name]) != item_of(wanted[name])
        }
        wanted |= {name: before[name] for name in others}  # a Job of another item is not replaced
        assert {name: after[name] for name in wanted} == wanted
        assert {name: job for name, job in after.items() if name not in wanted} == {
            name: job for name, job in before.items() if name not in wanted
        }
        for name, job in wanted.items():
            assert cluster.created[name] - made[name] == (before.get(name) != job), name


class SlowList(FakeCluster):
    """Answers the list of a group after `answers` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.listed, self.answers = threading.Event(), threading.Event()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method == "GET" and path.startswith(f"{JOBS}?"):
            self.listed.set()
            assert self.answers.wait(60)
        return super().__call__(method, path, headers, body)


def jobs(count: int) -> list[dict[str, Any]]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"a-{number}"},
            "spec": {"template": {"spec": pod}},
        }
        for number in range(count)
    ]


Told = list[tuple[str, str]]


@contextmanager
def submitting(cluster: SlowList) -> Iterator[Callable[[Iterable[Any], Told], object]]:
    """Submits objects, some of which the cluster has already, and notes their outcomes."""
    with tempfile.TemporaryDirectory() as folder, stub(cluster) as server:
        config = kubeconfig(Path(folder), server.port)

        def submit(objects: Iterable[Any], told: Told) -> object:
            return expander.submit(
                objects,
                group="g",
                kubeconfig=config,
                state=folder,
                on_outcome=lambda each: told.append((each.name, each.outcome)),
            )

        cluster.answers.set()
        submit(jobs(6)[::2], [])
        cluster.answers.clear()
        cluster.listed.clear()
        yield submit


def unchanged(told: Told) -> list[str]:
    return [name for name, outcome in told if outcome == "unchanged"]


def test_a_batch_is_read_while_its_group_is_listed() -> None:
    cluster, found = SlowList(), Told()

    def batch() -> Iterator[dict[str, Any]]:
        yield from jobs(6)[:2]
        assert cluster.listed.wait(60)
        yield from jobs(6)[2:]
        cluster.answers.set()

    with submitting(cluster) as submit:
        submit(batch(), found)
    assert sorted(found) == [(f"a-{n}", "created" if n % 2 else "unchanged") for n in range(6)]
    assert [name for name in unchanged(found) if name != "a-0"] == ["a-2", "a-4"]
    assert cluster.requests["POST /apis/batch/v1/namespaces/default/"] == 3 + 4  # a-0, before there is a list
    assert set(cluster.created.values()) == {1}


def test_what_waited_for_the_list_is_sent_while_the_next_item_is_waited_for() -> None:
    cluster, found = SlowList(), Told()
    arrived = threading.Event()

    def batch() -> Iterator[dict[str, Any]]:
        yield from jobs(6)[:5]
        cluster.answers.set()
        arrived.set()
        for _ in range(6000):
            if cluster.created["a-3"]:
                break
            threading.Event().wait(0.01)
        assert cluster.created["a-3"]
        yield jobs(6)[5]

    with submitting(cluster) as submit:
        submit(batch(), found)
    assert sorted(found) == [(f"a-{n}", "created" if n % 2 else "unchanged") for n in range(6)]


def test_what_was_read_before_a_batch_broke_off_is_told_of() -> None:
    cluster, found = SlowList(), Told()

    def batch() -> Iterator[dict[str, Any]]:
        yield from jobs(6)[:5]
        cluster.answers.set()
        raise InputError("cannot be read any more")

    with submitting(cluster) as submit, pytest.raises(InputError, match="cannot be read any more"):
        submit(batch(), found)
    assert {"a-2", "a-4"} <= set(unchanged(found))
