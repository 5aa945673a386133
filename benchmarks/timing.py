"""Times commands in turn, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Measured:
    """The median of several runs: seconds of wall-clock, the peak memory in MiB of the largest run, and the
    median seconds of CPU (user and system) of the processes that were started."""

    seconds: float
    peak: float
    cpu: float


def command(
    arguments: list[str], stdin: Path | None = None, stdout: Path | None = None
) -> Callable[[], float]:
    """A function that runs a command once and gives its peak memory in MiB."""

    def run() -> float:
        with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as target:
            process = subprocess.Popen(arguments, stdin=source, stdout=target)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{arguments} exited with {process.returncode}")
        return usage.ru_maxrss / 1024

    return run


def measure(
    runs: Mapping[str, Callable[[], float]], rounds: int, before: Callable[[], None] | None = None
) -> dict[str, Measured]:
    """Each of ``runs`` once per round, in turn; ``before`` each run. One round first to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    peaks: dict[str, float] = dict.fromkeys(runs, 0.0)
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            if before is not None:
                before()
            start, spent = time.perf_counter(), _children_cpu()
            peak = run()
            if number:
                cpu[name].append(_children_cpu() - spent)
                seconds[name].append(time.perf_counter() - start)
                peaks[name] = max(peaks[name], peak)
    return {
        name: Measured(statistics.median(seconds[name]), peaks[name], statistics.median(cpu[name]))
        for name in runs
    }


def _children_cpu() -> float:
    """Seconds of CPU of all processes that were started and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def verdict(what: str, ratio: float, goal: str, reached: bool) -> None:
    """One line of a report: what was compared, the ratio, and the goal it is held against."""
    print(f"  {what}: {ratio:.2f}x (goal {goal}: {'reached' if reached else 'NOT reached'})")
