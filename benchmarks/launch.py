"""How fast containers start and end, against xargs and bare Popen, and how soon the first one runs.

    python benchmarks/launch.py [CONTAINERS [ROUNDS]]

All run `echo` with a log file each, a few at a time, in turn; the supervisor records every end besides.
"""

from __future__ import annotations

import itertools
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import measure, verdict
from expander.local.runtime import bubblewrap
from expander.local.runtime.runtime import Exit, Launch, Runtime
from expander.local.runtime.sandbox import SandboxRuntime
from expander.local.runtime.supervisor_client import SupervisorClient

AT_A_TIME = 8
SLOWER = 5
"""Sandboxes are measured with so many times fewer containers."""


def supervised(folder: Path, count: int, runtime: Runtime | None = None) -> Callable[[], float]:
    """Run ``count`` containers through a new supervisor."""
    runs = itertools.count()

    def run() -> float:
        place = folder / f"run-{next(runs)}-{count}"
        with SupervisorClient(place, runtime) as supervisor:
            env = {f"VARIABLE_{number}": "value" for number in range(10)}
            started = ended = 0
            while ended < count:
                while started < count and started - ended < AT_A_TIME:
                    supervisor.start(Launch(str(started), ["echo"], env, f"{place}/{started}.log"))
                    started += 1
                select.select([supervisor], [], [])
                for event in supervisor.read():
                    if isinstance(event, Exit):
                        ended += 1
                        if event.exit_code:
                            raise RuntimeError(f"{event} is not what was expected")
        return 0.0

    return run


def xargs(folder: Path, count: int) -> Callable[[], float]:
    """Run ``count`` shells that do the same under xargs, which needs one for a log file each."""
    names = "\n".join(map(str, range(count)))
    command = [
        "xargs",
        "-P",
        str(AT_A_TIME),
        "-I",
        "{}",
        "sh",
        "-c",
        f"exec echo > {folder}/xargs-{{}}.log 2>&1",
    ]

    def run() -> float:
        subprocess.run(command, input=names, text=True, check=True)
        return 0.0

    return run


def popen(folder: Path, count: int) -> Callable[[], float]:
    """Run ``count`` processes from here, each in a session of its own with a log file; keep no record."""

    def run() -> float:
        running: set[int] = set()
        for number in range(count):
            with open(folder / f"popen-{number}.log", "ab") as log:
                process = subprocess.Popen(["echo"], stdout=log, stderr=log, start_new_session=True)
            running.add(process.pid)
            process.returncode = 0
            if len(running) == AT_A_TIME:
                running.discard(os.wait()[0])
        while running:
            running.discard(os.wait()[0])
        return 0.0

    return run


def first_start(folder: Path) -> float:
    """Seconds from nothing to the first started container, imports aside."""
    begin = time.perf_counter()
    with SupervisorClient(folder / "first") as supervisor:
        supervisor.start(Launch("first", ["true"], {}, str(folder / "first.log")))
        select.select([supervisor], [], [])
        return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        firsts = [first_start(folder) for _ in range(20)]
        runs = {
            "supervisor": supervised(folder, count),
            f"xargs -P{AT_A_TIME}": xargs(folder, count),
            "bare Popen": popen(folder, count),
        }
        found = bubblewrap.find_bubblewrap()
        if isinstance(found, bubblewrap.Bubblewrap):
            runs["sandbox"] = supervised(folder, count // SLOWER, SandboxRuntime(found))
        rates = {
            what: (count // SLOWER if what == "sandbox" else count) / measured.seconds
            for what, measured in measure(runs, rounds).items()
        }
    print(f"{count:,} times `echo` with a log, {AT_A_TIME} at a time, median of {rounds}")
    for what, rate in rates.items():
        print(f"  {what:12}{rate:8,.0f} /s")
    ratio = rates["supervisor"] / rates[f"xargs -P{AT_A_TIME}"]
    verdict("supervisor against xargs", ratio, "0.5x", ratio >= 0.5)
    print(f"  first start {statistics.median(firsts) * 1000:.1f} ms (slowest {max(firsts) * 1000:.1f} ms)")


if __name__ == "__main__":
    main()
