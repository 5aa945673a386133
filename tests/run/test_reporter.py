"""What a run tells its reporter."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from expander.base.errors import SourceLocation
from expander.local.executor import Executor
from expander.local.waiting import Waiting
from expander.manifests.manifest import Manifest
from expander.run.reporter import PodsOf, Retried, RunReporter
from expander.run.run import Run


def manifests(*names: str) -> Iterator[Manifest]:
    for name in names:
        container = {"name": "c", "image": "x", "command": ["true"]}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        yield Manifest({**job, "spec": {"template": template}}, SourceLocation("test.yaml", 1))


class Story(RunReporter):
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.phases: dict[str, str] = {}

    def submitted(self, namespace: str, name: str, manifest: Manifest) -> None:
        self.told.append(("submitted", name))

    def pod_changed(self, pod: Mapping[str, Any]) -> None:
        self.phases[pod["metadata"]["labels"]["job-name"]] = pod["status"]["phase"]

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        assert [pod["status"]["phase"] for pod in pods_of()] == ["Succeeded"]
        self.told.append(("finished", job["metadata"]["name"]))

    def kept(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        self.told.append(("kept", job["metadata"]["name"]))


def test_jobs_are_told_in_the_order_of_items_and_pods_as_they_change(tmp_path: Path) -> None:
    story = Story()
    with Executor(tmp_path, runtime="process", jobs=1) as executor:
        Run(executor, manifests("b", "a"), story).go()
    assert story.told == [("submitted", "b"), ("submitted", "a"), ("finished", "b"), ("finished", "a")]
    assert story.phases == {"b": "Succeeded", "a": "Succeeded"}


def test_what_an_earlier_run_has_done_is_told_as_kept(tmp_path: Path) -> None:
    story = Story()
    for names in (("a",), ("a", "b")):
        with Executor(tmp_path, runtime="process") as executor:
            Run(executor, manifests(*names), story).go()
    assert story.told[2:] == [("submitted", "a"), ("kept", "a"), ("submitted", "b"), ("finished", "b")]


def test_a_cause_is_told_with_its_way_out() -> None:
    pod = {"metadata": {"name": "p"}}
    waiting = Waiting(pod, "FailedMount", "no claim data", "--claim data=DIR")
    assert waiting.line("apple") == "waiting: apple: FailedMount: no claim data\n  hint: --claim data=DIR"
    assert Waiting(pod, "", "stuck").line("apple") == "waiting: apple: stuck"
    retried = Retried(pod, 2, "OOMKilled", "memory 2Gi")
    assert retried.line("apple") == "retry: apple: attempt 2 after OOMKilled, with memory 2Gi"
