"""Jobs and pods as an API has them, and a reader that holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from expander.group.source import WHOLE_LOG, LogOptions
from expander.kube.objects import Change, Object
from expander.kube.time import api_time

BEGIN = 1_790_000_000
"""Unix seconds at which everything of these tests begins."""


def job(
    name: str, state: str = "Complete", *, item: str = "", seconds: int = 10, **spec: Any
) -> dict[str, Any]:
    """A Job; ``state`` Complete, Failed, Active or Pending."""
    status: dict[str, Any] = {"startTime": api_time(BEGIN)}
    if state in ("Complete", "Failed"):
        status["conditions"] = [
            {
                "type": state,
                "status": "True",
                "reason": "BackoffLimitExceeded" if state == "Failed" else "CompletionsReached",
                "message": "Job has reached the specified backoff limit" if state == "Failed" else "",
                "lastTransitionTime": api_time(BEGIN + seconds),
            }
        ]
        if state == "Complete":
            status["completionTime"] = api_time(BEGIN + seconds)
    if state == "Active":
        status["active"] = 1
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "creationTimestamp": api_time(BEGIN),
        "labels": {"jobgroup": "g"},
        "annotations": {"expander/item": item} if item else {},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status}


def pod(
    owner: dict[str, Any],
    code: int | None = 0,
    *,
    number: int = 1,
    index: int | None = None,
    containers: tuple[str, ...] = ("main",),
    message: str = "",
    restarts: int = 0,
    cpu: str = "500m",
    seconds: int = 5,
) -> dict[str, Any]:
    """The ``number``-th pod of a Job, begun that many seconds after it; ``code`` None: it runs."""
    name = (
        f"{owner['metadata']['name']}-{number}"
        if index is None
        else f"{owner['metadata']['name']}-{index}-{number}"
    )
    begin = BEGIN + number
    state: dict[str, Any] = {"running": {"startedAt": api_time(begin)}}
    if code is not None:
        end = {"exitCode": code, "startedAt": api_time(begin), "finishedAt": api_time(begin + seconds)}
        end["reason"] = "Error" if code else "Completed"
        end["message"] = message
        state = {"terminated": end}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "creationTimestamp": api_time(begin),
            "annotations": {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)},
            "ownerReferences": [{"kind": "Job", "uid": owner["metadata"]["uid"], "controller": True}],
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": each, "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}
                for each in containers
            ],
        },
        "status": {
            "phase": "Running" if code is None else "Failed" if code else "Succeeded",
            "containerStatuses": [
                {"name": each, "restartCount": restarts, "state": state} for each in containers
            ],
        },
    }


class FakeReader:
    """A reader of these Jobs and pods. ``logs`` has texts by (pod, container); others say who they are."""

    where = "a test"

    def __init__(self, jobs: Iterable[dict[str, Any]], pods: Iterable[dict[str, Any]]) -> None:
        self.all_jobs = list(jobs)
        self.all_pods = list(pods)
        self.logs: dict[tuple[str, str], bytes | Exception] = {}
        self.asked: list[tuple[str, str, bool]] = []

    def jobs(self) -> Iterator[Object]:
        yield from self.all_jobs

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        uids = None if of is None else {job["metadata"]["uid"] for job in of}
        for each in self.all_pods:
            if uids is None or each["metadata"]["ownerReferences"][0]["uid"] in uids:
                yield each

    def summaries(self) -> Iterator[tuple[Object, list[Object]]]:
        return self.jobs_with_pods()

    def jobs_with_pods(self) -> Iterator[tuple[Object, list[Object]]]:
        for each in self.jobs():
            yield each, list(self.pods([each]))

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        return iter(())

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        for each in (*self.all_jobs, *self.all_pods):
            yield Change("ADDED", each)
        while not stopped():
            yield None

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        name = pod["metadata"]["name"]
        previous, tail = options.previous, options.tail
        self.asked.append((name, container, previous))
        text = self.logs.get(
            (name, container), f"{name} {container}{' before' if previous else ''}\n".encode()
        )
        if isinstance(text, Exception):
            raise text
        if tail is not None:
            text = b"".join(text.splitlines(keepends=True)[-tail:]) if tail else b""
        yield text
