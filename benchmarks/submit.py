"""How fast a batch arrives at one server: ``expander submit``, a plain loop of POSTs, and kubectl.

    python -m benchmarks.submit [--jobs 1000] [--latency 5ms] [--rounds 3] [--stub] [--refusals] [--seats]

All send the same suspended Jobs to the same `expander serve`, one way after the other, and each way's Jobs
are deleted before the next begins. Every way is a process of its own and its start-up counts; kubectl and
the loop get manifests that are made already, ``expander submit`` makes and validates them as it goes. kubectl
runs with its defaults: ``create -f`` and ``apply -f`` ask one thing at a time, and no client-side limit holds
them back. Beside the server without any delay there is one that answers after ``--latency``: 5 ms is what a
real API server with etcd takes. ``--refusals`` measures goodput while 30 % of the requests are answered 429
with ``Retry-After: 1``, beside two loops: one that tries again at once has what the server admits, and one
that waits as it is told, each thread for itself. ``--seats`` takes a server that serves 3, 10 and 30 requests
at once, 20 ms each, and answers 429 beyond, beside a loop with exactly as many threads. ``--stub`` takes a
server that costs next to nothing (`benchmarks.stub_cluster`), without delay and with 5 and 30 ms, beside
loops of 8 and 32 threads, and tells what sending the same again costs.
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
from contextlib import contextmanager
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
    connection = http.client.HTTPConnection(sys.argv[1])
    path = "/apis/batch/v1/namespaces/default/jobs?fieldValidation=Strict"
    for body in part:
        while True:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 201:
                break
            assert answer.status == 429 and sys.argv[3:], answer.status
            time.sleep(float(sys.argv[3]) * int(answer.headers["Retry-After"]))

bodies = open(sys.argv[2], "rb").read().splitlines()
threads = int(sys.argv[4]) if sys.argv[4:] else 8
workers = [threading.Thread(target=work, args=(bodies[n::threads],)) for n in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
"""POSTs of prepared bytes over one kept connection for each of 8 threads, and nothing else.

What is refused is sent again after so many times the Retry-After as the third argument says; the fourth is
another number of threads.
"""

Ways = dict[str, Callable[[], None]]


@contextmanager
def serving(folder: Path, *faults: str, seats: int | None = None) -> Iterator[tuple[str, Transport]]:
    """A server of its own; its kubeconfig and a transport to it."""
    kubeconfig = str(folder / "kubeconfig")
    command = [EXPANDER, "serve", "--state", str(folder / "state"), "--kubeconfig", kubeconfig, "--no-tls"]
    inject = ["--inject", ",".join(faults)] if faults else []
    inject += ["--max-inflight", str(seats)] if seats else []
    with started([*command, *inject], kubeconfig, stderr=subprocess.DEVNULL) as server:
        yield server


@contextmanager
def stub_serving(folder: Path, seconds: float) -> Iterator[tuple[str, Transport]]:
    """A server that only keeps what it gets; its kubeconfig and a transport to it."""
    kubeconfig = str(folder / "kubeconfig")
    command = [sys.executable, "-m", "benchmarks.stub_cluster", kubeconfig, str(seconds)]
    with started(command, kubeconfig) as server:
        yield server


@contextmanager
def started(
    command: list[str], kubeconfig: str, stderr: int | None = None
) -> Iterator[tuple[str, Transport]]:
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


def ways_of(folder: Path, kubeconfig: str, server: str, jobs: int, *again: str) -> Ways:
    """What is compared; ``again`` is for the loop."""
    template = folder / "job.yaml"
    template.write_text(TEMPLATE)
    items = f"1-{jobs}"
    made = [EXPANDER, "expand", str(template), "-i", items, "-o"]
    text = subprocess.run([*made, "json"], check=True, capture_output=True).stdout
    assert len(text.splitlines()) == jobs
    (folder / "jobs.jsonl").write_bytes(text)
    if not (folder / "jobs").exists():
        subprocess.run([*made, str(folder / "jobs")], check=True, capture_output=True)
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"

    def program(*command: str) -> Callable[[], None]:
        def way() -> None:
            subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

        return way

    config = ["--kubeconfig", kubeconfig]
    state = str(folder / "journals")
    loop = (sys.executable, "-c", LOOP, urlsplit(server).netloc, str(folder / "jobs.jsonl"), *again)
    return {
        "plain loop, 8 threads": program(*loop),
        "expander submit": program(
            EXPANDER, "submit", str(template), "-i", items, *config, "--state", state, "-q"
        ),
        "kubectl create -f DIR": program(kubectl, *config, "create", "-f", str(folder / "jobs")),
        "kubectl apply -f DIR": program(kubectl, *config, "apply", "-f", str(folder / "jobs")),
    }


def measure(title: str, jobs: int, rounds: int, names: int, *faults: str) -> None:
    """Take the first ``names`` ways in turn and print the best time of each."""
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch), *faults) as (kubeconfig, transport):
        ways = ways_of(Path(scratch), kubeconfig, transport.server, jobs)
        best: dict[str, float] = {}
        for _ in range(rounds):
            for name, way in list(ways.items())[:names]:
                begun = time.perf_counter()
                way()
                best[name] = min(best.get(name, 1e9), time.perf_counter() - begun)
                clear(transport)
        transport.close()
    print(f"{jobs:,} Jobs, {title}")
    ours = best["expander submit"]
    for name, seconds in best.items():
        ratio = "" if name == "expander submit" else f"  submit is {seconds / ours:6.2f} times as fast"
        print(f"  {name:24} {seconds:7.2f} s {jobs / seconds:8,.0f} Jobs/s{ratio}")


def refusals(jobs: int, *faults: str) -> None:
    """Goodput while the server refuses at random, against what it admits of a loop that heeds nothing.

    The last items of a batch wait their refusals out one after the other, several seconds whatever its size:
    the rate in between comes from a batch of twice the size.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), "429=0.3", *faults) as (kubeconfig, transport),
    ):

        def timed(name: str, count: int, *again: str) -> float:
            way = ways_of(Path(scratch), kubeconfig, transport.server, count, *again)[name]
            begun = time.perf_counter()
            way()
            seconds = time.perf_counter() - begun
            clear(transport)
            return seconds

        at_once = timed("plain loop, 8 threads", jobs, "0")
        few = min(jobs, 400)
        told = timed("plain loop, 8 threads", few, "1") / few * jobs
        seconds = timed("expander submit", jobs)
        between = timed("expander submit", 2 * jobs) - seconds
        transport.close()
    print(f"{jobs:,} Jobs, 30 % answered 429 with Retry-After: 1, {' '.join(faults) or 'no other delay'}")
    for name, took in (
        ("loop, again at once", at_once),
        ("loop that waits", told),
        ("expander submit", seconds),
        ("  without start and end", between),
    ):
        print(
            f"  {name:24} {took:7.2f} s {jobs / took:8,.0f} Jobs/s  {at_once / took:6.1%} of what is admitted"
        )


def stubbed(jobs: int, rounds: int, seconds: float) -> None:
    """A server whose own work does not count."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        stub_serving(Path(scratch), seconds) as (config, transport),
    ):
        ways = ways_of(Path(scratch), config, transport.server, jobs)
        more = ways_of(Path(scratch), config, transport.server, jobs, "1", "32")
        ways["plain loop, 32 threads"] = more["plain loop, 8 threads"]
        took: dict[str, list[float]] = {}
        requests = 0
        for _ in range(rounds):
            for name in ("plain loop, 8 threads", "plain loop, 32 threads", "expander submit", "again"):
                requests = _requests(transport)
                begun = time.perf_counter()
                ways["expander submit" if name == "again" else name]()
                took.setdefault(name, []).append(time.perf_counter() - begun)
                requests = _requests(transport) - requests - 1
                if name != "expander submit":
                    clear(transport)
                    shutil.rmtree(Path(scratch, "journals"), ignore_errors=True)
        transport.close()
    *loops, own, again = map(median, took.values())
    print(
        f"{jobs:,} Jobs, {seconds * 1000:.0f} ms each, load {os.getloadavg()[0]:.1f}: "
        f"loops of 8 and 32 threads {loops[0]:.2f} and {loops[1]:.2f} s, "
        f"submit {own:.2f} s, the same again {again:.2f} s"
    )
    ratio = min(loops) / own
    verdict("speed of submit against the better loop", ratio, "at least 0.95x", ratio >= 0.95)
    verdict(f"the same again, {requests:,} requests, against it", own / again, "10x", own >= 10 * again)


def _requests(transport: Transport) -> int:
    """How many requests the stub has had."""
    found: int = json.loads(transport.request("GET", "/created").body)["requests"]
    return found


def seated(jobs: int, seats: int) -> None:
    """A server with a fixed number of seats, and a loop that knows the number."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), "latency=20ms", seats=seats) as (kubeconfig, transport),
    ):
        ways = ways_of(Path(scratch), kubeconfig, transport.server, jobs, "0.02", str(seats))
        took: dict[str, float] = {}
        for name in ("plain loop, 8 threads", "expander submit"):
            begun = time.perf_counter()
            ways[name]()
            took[name] = time.perf_counter() - begun
            clear(transport)
        transport.close()
    loop, own = took.values()
    print(
        f"{jobs:,} Jobs, {seats} seats, 20 ms each: loop of {seats} threads {loop:.2f} s, submit {own:.2f} s"
    )
    verdict("speed of submit against the loop", loop / own, "at least 0.9x", loop >= 0.9 * own)


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", default="5ms")
    parser.add_argument("--loop-only", action="store_true", help="leave kubectl out")
    parser.add_argument("--stub", action="store_true")
    parser.add_argument("--refusals", action="store_true")
    parser.add_argument("--seats", action="store_true")
    given = parser.parse_args()
    names = 2 if given.loop_only else 4
    if given.stub:
        for seconds in (0.0, 0.005, 0.03):
            stubbed(given.jobs, given.rounds, seconds)
        return
    if given.seats:
        for seats in (3, 10, 30):
            seated(given.jobs, seats)
        return
    if given.refusals:
        refusals(given.jobs)
        refusals(given.jobs, f"latency={given.latency}")
        return
    measure("a server on this machine", given.jobs, given.rounds, names)
    measure(f"answers after {given.latency}", given.jobs, given.rounds, names, f"latency={given.latency}")


if __name__ == "__main__":
    main()
