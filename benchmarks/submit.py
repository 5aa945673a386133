"""How fast a batch arrives at one server: ``expander submit``, plain loops of POSTs, and kubectl.

    python -m benchmarks.submit [--jobs 1000] [--rounds 3] [--serve] [--loop-only]

All send the same suspended Jobs to the same server, one way after the other, and each way's Jobs are deleted
before the next begins, but for those of ``expander submit``, which sends the same again. Every way is a
process of its own and its start-up counts; kubectl and the loops get manifests that are made already,
``expander submit`` makes and validates them as it goes. kubectl runs with its defaults: ``create -f`` and
``apply -f`` ask one thing at a time, and no client-side limit holds them back. The server costs next to
nothing (`benchmarks.stub_cluster`), and answers at once, after 5 ms (what a real API server with etcd takes),
and after 30 ms. ``--serve`` takes `expander serve`, at once and with 5 ms, which is the limit itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.timing import verdict
from expander.client.transport import Transport

EXPANDER = str(Path(sys.executable).parent / "expander")

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: bench-$ITEM, labels: {jobgroup: bench}}
spec:
  suspend: true
  template:
    metadata: {labels: {jobgroup: bench}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: ["true"]}]
"""

LOOP = """\
import http.client, sys, threading, time

def work(part):
    connection = http.client.HTTPConnection(server)
    path = "/apis/batch/v1/namespaces/default/jobs?fieldValidation=Strict"
    for body in part:
        while True:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 201:
                break
            assert answer.status == 429 and again, answer.status
            time.sleep(float(again[0]) * int(answer.headers["Retry-After"]))

server, file, threads, *again = sys.argv[1:]
bodies = open(file, "rb").read().splitlines()
workers = [threading.Thread(target=work, args=(bodies[n::int(threads)],)) for n in range(int(threads))]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
"""POSTs of prepared bytes over one kept connection for each thread, and nothing else.

What is refused is sent again after so many times the Retry-After as the last argument says.
"""

Way = Callable[[], None]

Server = tuple[str, Transport]
"""The path of its kubeconfig, and a transport to it."""

GOALS = {"create": 3, "apply": 8}
"""How many times as fast as kubectl a submission is to be."""


@contextmanager
def serving(folder: Path, *faults: str) -> Iterator[Server]:
    """A server of its own; its kubeconfig and a transport to it."""
    kubeconfig = str(folder / "kubeconfig")
    command = [EXPANDER, "serve", "--state", str(folder / "state"), "--kubeconfig", kubeconfig, "--no-tls"]
    inject = ["--inject", ",".join(faults)] if faults else []
    with started([*command, *inject], kubeconfig, stderr=subprocess.DEVNULL) as server:
        yield server


@contextmanager
def stub_serving(folder: Path, *flags: str) -> Iterator[Server]:
    """A server that only keeps what it gets; its kubeconfig and a transport to it."""
    kubeconfig = str(folder / "kubeconfig")
    command = [sys.executable, "-m", "benchmarks.stub_cluster", kubeconfig, *flags]
    with started(command, kubeconfig) as server:
        yield server


@contextmanager
def started(command: list[str], kubeconfig: str, stderr: int | None = None) -> Iterator[Server]:
    """A server that has said that it is ready, until the block ends."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith(b"ready")
            yield kubeconfig, Transport(kubeconfig)
        finally:
            server.terminate()


def clear(transport: Transport) -> None:
    """Delete the Jobs and wait until they are gone."""
    path = "/apis/batch/v1/namespaces/default/jobs?labelSelector=jobgroup%3Dbench"
    while True:
        transport.request("DELETE", path + "&propagationPolicy=Background")
        answer = transport.request("GET", path + "&limit=1")
        if answer.status == 200 and not json.loads(answer.body)["items"]:
            return
        time.sleep(0.1)


def program(*command: str) -> Way:
    """Runs a command."""

    def way() -> None:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    return way


def make(folder: Path, jobs: int) -> None:
    """Put the template into ``folder``, and the Jobs that the loops send."""
    (folder / "job.yaml").write_text(TEMPLATE)
    made = [EXPANDER, "expand", str(folder / "job.yaml"), "-i", f"1-{jobs}", "-o", "json"]
    text = subprocess.run(made, check=True, capture_output=True).stdout
    assert len(text.splitlines()) == jobs
    (folder / "jobs.jsonl").write_bytes(text)


def loop_of(folder: Path, server: str, threads: int, *again: str) -> Way:
    """Sends what was made in ``folder``; see `LOOP`."""
    jobs = str(folder / "jobs.jsonl")
    return program(sys.executable, "-c", LOOP, urlsplit(server).netloc, jobs, str(threads), *again)


def submit_of(folder: Path, kubeconfig: str, jobs: int) -> Way:
    """Submits the same Jobs, with a journal in ``folder``."""
    state = ["--state", str(folder / "journals"), "--kubeconfig", kubeconfig]
    return program(EXPANDER, "submit", str(folder / "job.yaml"), "-i", f"1-{jobs}", *state, "-q")


def kubectl_of(folder: Path, kubeconfig: str, jobs: int) -> dict[str, Way]:
    """Create and apply the same Jobs with kubectl, from files."""
    made = [EXPANDER, "expand", str(folder / "job.yaml"), "-i", f"1-{jobs}", "-o", str(folder / "jobs")]
    subprocess.run(made, check=True, capture_output=True)
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
    return {
        f"kubectl {verb}": program(kubectl, "--kubeconfig", kubeconfig, verb, "-f", str(folder / "jobs"))
        for verb in GOALS
    }


def measure(
    title: str, server: AbstractContextManager[Server], folder: Path, jobs: int, rounds: int, loop_only: bool
) -> None:
    """Take each way in turn and print the median time of each."""
    with server as (kubeconfig, transport):
        make(folder, jobs)
        ways = {f"loop, {threads} threads": loop_of(folder, transport.server, threads) for threads in (8, 32)}
        ways["expander submit"] = ways["the same again"] = submit_of(folder, kubeconfig, jobs)
        ways |= {} if loop_only else kubectl_of(folder, kubeconfig, jobs)
        took: dict[str, list[float]] = {name: [] for name in ways}
        requests = ""
        for name in [*ways] * rounds:
            before = requests_of(transport)
            begun = time.perf_counter()
            ways[name]()
            took[name].append(time.perf_counter() - begun)
            if name == "the same again" and before is not None:
                requests = f", {(requests_of(transport) or 0) - before - 1:,} requests"
            if name != "expander submit":
                clear(transport)
                shutil.rmtree(folder / "journals", ignore_errors=True)
        transport.close()
    print(f"{jobs:,} Jobs, {title}, load {os.getloadavg()[0]:.1f}")
    found = {name: median(each) for name, each in took.items()}
    for name, seconds in found.items():
        print(f"  {name:18} {seconds:7.2f} s {jobs / seconds:8,.0f} Jobs/s")
    own, again = found["expander submit"], found["the same again"]
    loop = min(seconds for name, seconds in found.items() if name.startswith("loop"))
    verdict("speed of submit against the better loop", loop / own, "at least 0.95x", loop >= 0.95 * own)
    verdict(f"the same again{requests}, against it", own / again, "10x", own >= 10 * again)
    for verb, goal in GOALS.items():
        if ratio := found.get(f"kubectl {verb}", 0.0) / own:
            verdict(f"speed of submit against kubectl {verb}", ratio, f"{goal}x", ratio >= goal)


def requests_of(transport: Transport) -> int | None:
    """How many requests the stub has had; None for a server that does not tell."""
    answer = transport.request("GET", "/created")
    return json.loads(answer.body)["requests"] if answer.status == 200 else None


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop-only", action="store_true", help="leave kubectl out")
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    for milliseconds in (0, 5) if given.serve else (0, 5, 30):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if given.serve:
                title, server = "expander serve", serving(folder, f"latency={milliseconds}ms")
            else:
                title, server = "a stub", stub_serving(folder, "--seconds", str(milliseconds / 1000))
            title += f" that answers after {milliseconds} ms"
            alone = given.loop_only or milliseconds > 5  # kubectl would take minutes
            measure(title, server, folder, given.jobs, given.rounds, loop_only=alone)


if __name__ == "__main__":
    main()
