"""A batch that is submitted again, edited or not, is in the cluster as if it had been submitted there alone."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import expander
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import SUBMITTED_ANNOTATION
from tests.client.stubs import stub
from tests.submit.fake_cluster import FakeCluster, kubeconfig

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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES, BATCHES | st.none(), st.sets(st.integers(0, 7)), st.integers(0, 2000), st.booleans())
def test_whatever_changes_between_two_submissions_the_cluster_has_the_second_one(
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
        assert {name: after[name] for name in wanted} == wanted
        assert {name: job for name, job in after.items() if name not in wanted} == {
            name: job for name, job in before.items() if name not in wanted
        }
        for name, job in wanted.items():
            assert cluster.created[name] - made[name] == (before.get(name) != job), name
