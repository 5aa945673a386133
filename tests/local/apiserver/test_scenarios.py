"""The recorded Jobs over HTTP, driven by the official Python client, end as they did in a cluster."""

import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import NotFound
from tests.local.apiserver.serving import Server
from tests.local.test_scenarios import ASKED_TOO_EARLY, Outcomes, Play, Scenario, differences, played

Object = dict[str, Any]


@dataclass
class Change:
    """One event of a watch."""

    version: int
    object: Object


class Remote:
    """What `Scenario` asks an executor, asked over HTTP."""

    def __init__(self, server: Server) -> None:
        from kubernetes import client, config

        self._folder = server.folder.parent

        connect: Any = config.new_client_from_config
        api = connect(str(server.kubeconfig))
        self._batch: Any = client.BatchV1Api(api)
        self._core: Any = client.CoreV1Api(api)
        self._missing = client.ApiException
        self._changes: queue.Queue[Object] = queue.Queue()
        for listing in (self._batch.list_namespaced_job, self._core.list_namespaced_pod):
            threading.Thread(target=self._watch, args=(listing,), daemon=True).start()

    def submit(self, manifests: Iterable[Object]) -> None:
        for manifest in manifests:
            self._batch.create_namespaced_job("default", manifest)

    def step(self, seconds: float) -> None:
        time.sleep(seconds)

    def since(self, version: int) -> list[Change]:
        found = []
        while not self._changes.empty():
            obj = self._changes.get()
            found.append(Change(int(obj["metadata"]["resourceVersion"]), obj))
        return found

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        try:
            return self._read(self._batch.read_namespaced_job, name, namespace)
        except self._missing:
            return None

    def list(self, kind: str, namespace: str, selector: str) -> Iterator[Object]:
        found = self._read(self._core.list_namespaced_pod, namespace, label_selector=selector)
        yield from found["items"]

    def patch(self, kind: str, namespace: str, name: str, body: Object) -> None:
        self._batch.patch_namespaced_job(name, namespace, body, _content_type="application/merge-patch+json")

    def delete(self, kind: str, namespace: str, name: str, propagation: str = "Background") -> None:
        gone = self._batch.delete_namespaced_job if kind == "Job" else self._core.delete_namespaced_pod
        gone(name, namespace, propagation_policy=propagation)

    def evict(self, namespace: str, name: str) -> None:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        self._core.create_namespaced_pod_eviction(name, namespace, body)

    def set_condition(self, namespace: str, name: str, type: str) -> None:
        body = {"status": {"conditions": [{"type": type, "status": "True"}]}}
        self._core.patch_namespaced_pod_status(
            name, namespace, body, _content_type="application/strategic-merge-patch+json"
        )

    def events(self, namespace: str, name: str) -> Iterator[Object]:
        selector = f"involvedObject.name={name}"
        found = self._read(self._core.list_namespaced_event, namespace, field_selector=selector)
        yield from found["items"]

    def logs(self, namespace: str, pod: str, container: str) -> Path:
        """The log as a file of the runtime has it: a record for each line."""
        try:
            found = self._core.read_namespaced_pod_log(
                pod, namespace, container=container, _preload_content=False
            )
        except self._missing as error:
            raise NotFound(str(error)) from error
        log = self._folder / f"{pod}-{container}"
        lines = found.data.decode().splitlines(keepends=True)
        tagged = (f"{'F' if line.endswith(chr(10)) else 'P'} {line.rstrip(chr(10))}" for line in lines)
        log.write_text("".join(f"2026-01-01T00:00:00.000000000Z stdout {each}\n" for each in tagged))
        return log

    def _watch(self, listing: Any) -> None:
        answer = listing("default", watch=True, _preload_content=False)
        try:
            for line in answer:
                self._changes.put(json.loads(line)["object"])
        except Exception:
            return

    @staticmethod
    def _read(call: Any, *arguments: Any, **options: Any) -> Object:
        found: Object = json.loads(call(*arguments, _preload_content=False, **options).data)
        return found


@pytest.fixture(scope="module")
def outcomes(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    def begin(scenarios: list[Scenario], stack: ExitStack) -> list[Play]:
        scratch = tmp_path_factory.mktemp("scratch")
        plays = []
        for runtime in ("process", "best"):
            flags = ("--runtime", runtime, "--jobs", "500", "--env", f"SCRATCH={scratch}")
            server = Server(tmp_path_factory.mktemp(runtime) / "state", flags).start()
            stack.callback(server.stop)
            remote: Any = Remote(server)
            plays.append(Play(remote, [each for each in scenarios if each.mounts == (runtime == "best")]))
        return plays

    return played(reference, begin)


def test_every_job_has_the_recorded_status_or_is_gone_as_recorded(outcomes: Outcomes) -> None:
    assert len(outcomes) >= 52
    assert differences(outcomes, "exists", "status") == {}


def test_as_many_pods_were_made_and_are_left_as_recorded(outcomes: Outcomes) -> None:
    assert differences(outcomes, "podsCreated", "podsLeft", "hostnames") == {}


def test_the_events_are_those_recorded(outcomes: Outcomes) -> None:
    found = differences(outcomes, "events")
    assert set(found) <= set(ASKED_TOO_EARLY)
