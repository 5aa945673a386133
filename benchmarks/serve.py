"""How fast the local API is: start, memory, creates, and how far a status lags behind many Jobs.

    python benchmarks/serve.py [--creates 4000] [--jobs 5000] [--many 45000]

Prints one line for each measure: time from the command to the first Job running, memory of an idle server,
creates per second by eight threads, 5,000 Jobs run to completion with the largest delay between the end of a
Job's pod and the Job's completion as a watch saw it, and lists among 45,000 Jobs with the longest that
another client waits for one of them meanwhile (goal 0.2 s).
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

EXPANDER = str(Path(sys.executable).parent / "expander")
JOBS = "/apis/batch/v1/namespaces/default/jobs"
THREADS = 8


@contextmanager
def served(*flags: str) -> Iterator[tuple[int, int]]:
    """A server of plain HTTP with a folder of its own: its port and its process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            EXPANDER,
            "serve",
            "--state",
            f"{folder}/state",
            "--runtime",
            "process",
            "--no-tls",
            *flags,
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield int(process.stdout.readline().rpartition(":")[2]), process.pid
            finally:
                process.terminate()
                process.wait()


def job(name: str, *command: str, **spec: Any) -> bytes:
    """A Job as a request body."""
    container = {"name": "main", "image": "busybox", "command": [*command]}
    template = {
        "metadata": {"labels": {"jobgroup": "bench"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "bench"}},
        "spec": {"template": template, **spec},
    }
    return json.dumps(body).encode()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> dict[str, Any]:
    """One request over a connection that stays open; its JSON."""
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    data = response.read()
    if response.status >= 300:
        raise RuntimeError(f"{response.status}: {data[:300]!r}")
    answer: dict[str, Any] = json.loads(data)
    return answer


def first_job() -> float:
    """Seconds from starting the server to the first Job with a running pod."""
    began = time.perf_counter()
    with served() as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        ask(connection, "POST", JOBS, job("first", "sleep", "60"))
        while not ask(connection, "GET", f"{JOBS}/first").get("status", {}).get("ready"):
            time.sleep(0.005)
        return time.perf_counter() - began


def memory(pid: int) -> float:
    """Megabytes that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process has ended")


def create_all(port: int, count: int, *command: str, **spec: Any) -> float:
    """Seconds that eight threads take to create so many Jobs."""

    def work(part: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(part, count, THREADS):
            ask(connection, "POST", JOBS, job(f"job-{number}", *command, **spec))
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return time.perf_counter() - began


class Lag:
    """Watches Jobs and pods, and how long after the end of its pod each Job is seen to be complete."""

    def __init__(self, port: int, count: int) -> None:
        self._count = count
        self.ended: dict[str, float] = {}
        self.complete: dict[str, float] = {}
        self._threads = [
            threading.Thread(target=self._watch, args=(port, path, see), daemon=True)
            for path, see in ((JOBS, self._job), ("/api/v1/namespaces/default/pods", self._pod))
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> float:
        """Seconds of the largest lag, once every Job is complete."""
        self._threads[0].join()
        return max(at - self.ended[name] for name, at in self.complete.items() if name in self.ended)

    def _watch(self, port: int, path: str, see: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"{path}?watch=true")
        response = connection.getresponse()
        while len(self.complete) < self._count and (line := response.readline()):
            see(json.loads(line)["object"])

    def _job(self, obj: dict[str, Any]) -> None:
        for condition in obj.get("status", {}).get("conditions", ()):
            if condition["type"] == "Complete":
                self.complete.setdefault(obj["metadata"]["name"], time.time())

    def _pod(self, obj: dict[str, Any]) -> None:
        for status in obj.get("status", {}).get("containerStatuses", ()):
            if ended := status.get("state", {}).get("terminated"):
                at = datetime.fromisoformat(ended["finishedAt"].replace("Z", "+00:00")).timestamp()
                self.ended.setdefault(obj["metadata"]["labels"]["batch.kubernetes.io/job-name"], at)


LISTS = {
    "Jobs by a label nobody has": f"{JOBS}?labelSelector=nobody%3Dhas-it",
    "all Jobs": JOBS,
    "all events": "/api/v1/namespaces/default/events",
    "a page of events": "/api/v1/namespaces/default/events?limit=500",
    "the events of a Job": "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Djob-1",
}
MAX_WAIT_SECONDS = 0.2
"""The goal: what others wait at most during a list."""


def longest_wait(port: int, ended: threading.Event) -> float:
    """Seconds of the longest request for one Job, one after the other until ``ended``."""
    connection, longest = http.client.HTTPConnection("127.0.0.1", port), 0.0
    while not ended.is_set():
        began = time.perf_counter()
        ask(connection, "GET", f"{JOBS}/job-1")
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.002)
    connection.close()
    return longest


def list_many(port: int, path: str) -> tuple[float, float]:
    """Seconds of a list, and of the longest that another client waits meanwhile."""
    connection, ended = http.client.HTTPConnection("127.0.0.1", port), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(longest_wait, port, ended)
        began = time.perf_counter()
        connection.request("GET", path)
        with connection.getresponse() as response:
            while response.read(1 << 16):
                pass
        took = time.perf_counter() - began
        ended.set()
        return took, waiting.result()


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--creates", type=int, default=4000)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--many", type=int, default=45000)
    options = parser.parse_args()
    times = sorted(first_job() for _ in range(3))
    print(f"command to first Job running  {times[1]:8.2f} s")
    with served() as (_, pid):
        time.sleep(1)
        print(f"idle memory                   {memory(pid):8.1f} MB")
    with served() as (port, pid):
        took = create_all(port, options.creates, "true", suspend=True)
        print(f"creates, {THREADS} threads           {options.creates / took:8.0f} /s")
    with served() as (port, pid):
        lag = Lag(port, options.jobs)
        began = time.perf_counter()
        create_all(port, options.jobs, "true")
        submitted = time.perf_counter() - began
        largest = lag.wait()
        took = time.perf_counter() - began
        print(f"{options.jobs} Jobs: created in        {submitted:8.1f} s")
        print(f"{options.jobs} Jobs: all complete in   {took:8.1f} s ({options.jobs / took:.0f} /s)")
        print(f"{options.jobs} Jobs: status lags by    {largest:8.2f} s at most (ends are whole seconds)")
        print(f"{options.jobs} Jobs: memory            {memory(pid):8.1f} MB")
    with served() as (port, _):
        create_all(port, options.many, "true", suspend=True)
        for words, path in LISTS.items():
            took, waited = list_many(port, path)
            reached = "reached" if waited <= MAX_WAIT_SECONDS else "NOT reached"
            print(
                f"{options.many} Jobs: {words:27} {took:5.2f} s, others wait {waited:.2f} s (goal {reached})"
            )


if __name__ == "__main__":
    main()
