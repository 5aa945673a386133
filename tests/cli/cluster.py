"""A served cluster that tests submit to, and what it holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cli.program import EXPANDER, Answer
from tests.local.apiserver.serving import Server

PATIENCE = 120.0
"""Seconds after which what should come to pass will not."""

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata:
  NAME
  labels: {jobgroup: load, number: "$ITEM"}
spec:
  suspend: SUSPEND
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: COMMAND}
"""


def template(
    folder: Path,
    name: str = "name: item-$ITEM",
    *,
    suspend: bool = True,
    command: str = '["true"]',
    file: str = "job.yaml",
) -> str:
    """A template of Jobs; suspended ones never start."""
    text = TEMPLATE.replace("NAME", name).replace("SUSPEND", str(suspend).lower())
    (folder / file).write_text(text.replace("COMMAND", command))
    return str(folder / file)


@contextmanager
def cluster(folder: Path, *flags: str) -> Iterator[Server]:
    """A server with its state in ``folder``."""
    server = Server(folder / "server", ("--runtime", "process", *flags)).start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def kill(server: Server) -> None:
    """End a server without a chance to do anything."""
    server.process.send_signal(signal.SIGKILL)
    server.process.communicate(timeout=PATIENCE)


@contextmanager
def submitting(
    folder: Path, server: Server, *arguments: str, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """``submit -o json`` at work, with its journals in ``folder``; killed if it still is at the end."""
    command = [EXPANDER, "submit", *arguments, "-o", "json", "--state", str(folder / "journals")]
    with subprocess.Popen(
        [*command, "--kubeconfig", str(server.kubeconfig)],
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            **options,
        },
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def to_be_killed(folder: Path, server: Server, *arguments: str) -> AbstractContextManager[Any]:
    """``submit`` at work until the end of the block; what it says is read by nobody."""
    nowhere = subprocess.DEVNULL
    return submitting(folder, server, *arguments, stdout=nowhere, stderr=nowhere)


def submitted(folder: Path, server: Server, *arguments: str, **options: Any) -> Answer:
    """A run of ``submit -o json`` to its end."""
    with submitting(folder, server, *arguments, **options) as process:
        out, err = process.communicate(timeout=7200)
    return Answer(process.returncode, out, err)


def objects(server: Server, path: str) -> list[dict[str, Any]]:
    """All objects of the list at ``path``, by the server's word."""
    found: list[dict[str, Any]] = []
    more = ""
    while True:
        answer = server.request("GET", f"{path}?limit=500&continue={more}")
        assert answer.code == 200, answer.data
        found += answer.json["items"]
        more = answer.json["metadata"].get("continue") or ""
        if not more:
            return found


def jobs(server: Server) -> list[dict[str, Any]]:
    """The Jobs of all namespaces."""
    return objects(server, "/apis/batch/v1/jobs")


def lines_of(folder: Path) -> int:
    """How many lines the journals below ``folder`` have."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("journals/submit/*/submit-*.jsonl"))


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that comes to pass."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def size(name: str, small: int) -> int:
    """How large a proof is: from the environment, else ``small``."""
    return int(os.environ.get(name, small))


class ActiveJobs(threading.Thread):
    """Follows the Jobs of a server, and knows how many were unfinished at most at any moment."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.seen: set[str] = set()
        self._active: set[str] = set()
        found = server.request("GET", "/apis/batch/v1/jobs?limit=1").json
        version = found["metadata"]["resourceVersion"]
        self._connection = server.connect()
        path = f"/apis/batch/v1/jobs?watch=1&resourceVersion={version}"
        self._connection.request("GET", path, headers=server.authorization)
        self._answer = self._connection.getresponse()
        self.start()

    def run(self) -> None:
        with closing(self._connection), closing(self._answer), suppress(OSError):
            for line in self._answer:
                self._see(json.loads(line))

    def _see(self, event: Any) -> None:
        job = event["object"]
        uid = job["metadata"]["uid"]
        self.seen.add(uid)
        conditions = (job.get("status") or {}).get("conditions") or ()
        if event["type"] == "DELETED" or any(each["type"] in ("Complete", "Failed") for each in conditions):
            self._active.discard(uid)
        else:
            self._active.add(uid)
        self.most = max(self.most, len(self._active))

    @property
    def active(self) -> int:
        """Unfinished Jobs now."""
        return len(self._active)
