"""How ``expander submit`` fares where a server refuses, beside loops that know how to get the most of it.

    python -m benchmarks.refusals [--jobs 3000] [--seconds 0.02] [--seats 3,10,100] [--random]

A server that serves so many requests at once (`benchmarks.stub_cluster`), each in so many ``--seconds``,
answers 429 beyond, or has others queue; the loop has exactly as many threads as there are seats. ``--random``
takes `expander serve`, which answers 30 % of all requests with 429 and ``Retry-After: 1``; the loop of 32
threads tries again at once and so has all that is admitted, and one of 8 waits as it is told, each thread
for itself. There it counts what happens from the second Job to the last, as a watch tells it: how long a
process takes to start is another matter, and before its second Job submit lists what the server has, which
may be refused as well.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from benchmarks.submit import Way, clear, loop_of, make, serving, stub_serving, submit_of
from benchmarks.timing import verdict
from expander.client.transport import HttpError, Transport

JOBS = "/apis/batch/v1/namespaces/default/jobs"

ROUNDS = 3

QUEUE = 300
"""Requests that may queue: what one flow has in the default configuration of a cluster."""


def seated(jobs: int, seats: int, seconds: float, queue: int) -> None:
    """A server with a fixed number of seats, and a loop that knows the number."""
    flags = ["--seconds", str(seconds), "--seats", str(seats), "--queue", str(queue)]
    with (
        tempfile.TemporaryDirectory() as scratch,
        stub_serving(Path(scratch), *flags) as (kubeconfig, transport),
    ):
        folder, took, refused = Path(scratch), [], 0.0
        make(folder, jobs)
        for way in (
            loop_of(folder, transport.server, seats, "0.02"),
            submit_of(folder, kubeconfig, jobs),
        ):
            begun = time.perf_counter()
            way()
            took.append(time.perf_counter() - begun)
            refused = refused_share(transport)
            clear(transport)
        transport.close()
    loop, own = took
    kind = f"a queue of {queue}" if queue else "no queue"
    print(
        f"{jobs:,} Jobs, {seats} seats, {kind}, {seconds * 1000:.0f} ms each, load {os.getloadavg()[0]:.1f}: "
        f"loop of {seats} threads {loop:.2f} s, submit {own:.2f} s"
    )
    verdict("speed of submit against the loop", loop / own, "at least 0.9x", loop >= 0.9 * own)
    reached = "reached" if refused <= 0.02 else "NOT reached"
    print(f"  refused after the first second: {refused:.1%} of requests (goal at most 2 %: {reached})")


def refused_share(transport: Transport) -> float:
    """The share of attempts to create a Job that were refused, from a second after the first on."""
    found: dict[str, list[float]] = json.loads(transport.request("GET", "/attempts").body)
    since = min(found["admitted"]) + 1.0
    admitted, refused = (sum(each >= since for each in found[name]) for name in ("admitted", "refused"))
    return refused / max(1, admitted + refused)


class Creations:
    """When each Job came to be, in seconds, as a watch tells it; a context manager."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._times: list[float] = []
        self._over = False

    def __enter__(self) -> Creations:
        threading.Thread(target=self._watch, daemon=True).start()
        time.sleep(1)  # until it watches
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True

    def times(self, jobs: int) -> list[float]:
        """Those of so many Jobs, in order."""
        while len(self._times) < jobs:
            time.sleep(0.05)
        return self._times

    def _watch(self) -> None:
        version = ""
        while not version:
            answer = self._transport.request("GET", f"{JOBS}?limit=1")
            if answer.status == 200:
                version = json.loads(answer.body)["metadata"]["resourceVersion"]
        while not self._over:
            with suppress(HttpError):
                for line in self._transport.watch(f"{JOBS}?watch=1&resourceVersion={version}"):
                    if self._over:
                        return
                    if line.startswith(b'{"type":"ADDED"'):
                        self._times.append(time.perf_counter())


def refused_at_random(jobs: int, *faults: str) -> None:
    """Goodput while the server refuses at random, against what it admits of a loop that heeds nothing."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), "429=0.3", *faults) as (kubeconfig, transport),
    ):

        def times_of(way: Way, count: int) -> list[float]:
            with Creations(transport) as creations:
                way()
                found = creations.times(count)[1:]
            clear(transport)
            return found

        folder, server = Path(scratch), transport.server
        make(folder, few := min(jobs, 100))
        told = times_of(loop_of(folder, server, 8, "1"), few)
        make(folder, jobs)
        rounds = [
            (
                times_of(loop_of(folder, server, 32, "0"), jobs),
                times_of(submit_of(folder, kubeconfig, jobs), jobs),
            )
            for _ in range(ROUNDS)
        ]
        transport.close()
    print(
        f"{jobs:,} Jobs, 30 % answered 429 with Retry-After: 1, {' '.join(faults) or 'no other delay'}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    admitted, ours = (median(map(rate, times)) for times in zip(*rounds, strict=True))
    for name, found in (("loop, again at once", admitted), ("loop that waits", rate(told)), ("submit", ours)):
        print(f"  {name:20} {found:7,.0f} Jobs/s from the second to the last")
    ratios = [rate(own) / rate(loop) for loop, own in rounds]
    verdict("goodput against what is admitted", median(ratios), "0.95x", median(ratios) >= 0.95)
    print(f"  in each round: {', '.join(f'{each:.2f}x' for each in ratios)}")
    few = jobs // 20
    late = [own[-1] - own[-few] - few / rate(own[few:-few]) for _, own in rounds]
    words = ", ".join(f"{each:.2f}" for each in late)
    print(f"  the last Job came so many seconds later than it could: {words} (goal 1: one Retry-After)")


def rate(times: list[float]) -> float:
    """Jobs a second from the first to the last."""
    return (len(times) - 1) / (times[-1] - times[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--seats", default="3,10,100")
    parser.add_argument("--random", action="store_true")
    given = parser.parse_args()
    if given.random:
        refused_at_random(given.jobs)
        refused_at_random(given.jobs, "latency=5ms")
        return
    for seats in map(int, given.seats.split(",")):
        for queue in (0, QUEUE):
            seated(given.jobs, seats, given.seconds, queue)


if __name__ == "__main__":
    main()
