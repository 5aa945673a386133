"""How fast files get into a folder, against raw creation of the same bytes.

    python -m benchmarks.directory [FILES [ROUNDS]]

Each round writes the same files with a bare loop of ``open``, ``write`` and ``close``, and with
`DirectorySink` into a fresh folder, in alternating order; then the sink runs once more over its unchanged
files. Figures are medians, of wall-clock and of CPU. Folders are made under the temporary folder, and in
/dev/shm where there is one, to see the tool beside a disk and without it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import verdict
from expander.sinks.directory import DirectorySink

Entries = list[tuple[str, bytes]]


def raw(folder: str, entries: Entries) -> None:
    """Create the files in the plainest way."""
    os.mkdir(folder)
    for name, data in entries:
        file = open(f"{folder}/{name}", "wb")  # noqa: SIM115
        file.write(data)
        file.close()


def sink(folder: str, entries: Entries) -> None:
    """Create them as the tool does, with index and checks."""
    with DirectorySink(folder) as files:
        files.write_many(entries)


def timed(write: Callable[[str, Entries], None], folder: str, entries: Entries) -> tuple[float, float]:
    """Seconds one call takes, and those of CPU."""
    start, spent = time.perf_counter(), time.process_time()
    write(folder, entries)
    return time.perf_counter() - start, time.process_time() - spent


def measure(place: str, entries: Entries, rounds: int) -> None:
    """Print the figures of one file system."""
    times: dict[str, list[tuple[float, float]]] = {"raw": [], "sink": [], "again": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=place) as base:
            pair: list[Callable[[str, Entries], None]] = [raw, sink]
            for write in pair if number % 2 == 0 else reversed(pair):
                times[write.__name__].append(timed(write, f"{base}/{write.__name__}", entries))
            times["again"].append(timed(sink, f"{base}/sink", entries))
            shutil.rmtree(f"{base}/raw")
    print(f"{place}: {len(entries):,} files, {rounds} rounds")
    middle = {
        name: [statistics.median(each) for each in zip(*found, strict=True)] for name, found in times.items()
    }
    for name, what in (("raw", "raw creation"), ("sink", "first run"), ("again", "unchanged")):
        low, high = (edge(seconds for seconds, _ in times[name]) for edge in (min, max))
        seconds, cpu = middle[name]
        print(f"  {what:13}{seconds:8.3f} s  ({low:.3f} to {high:.3f}){cpu:8.3f} s CPU")
    for name, what, goal in (("sink", "first run", 1.3), ("again", "unchanged run", 0.4)):
        seconds, cpu = (own / peer for own, peer in zip(middle[name], middle["raw"], strict=True))
        verdict(f"{what}: time of raw creation", seconds, f"at most {goal}x", seconds <= goal)
        print(f"  {what}: CPU of raw creation: {cpu:.2f}x")


def main() -> None:
    """Measure each file system there is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    text = b"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: job-%08d\n"
    entries = [(f"job-item-{i:08d}.yaml", (text % i).ljust(599, b"#") + b"\n") for i in range(count)]
    for place in ("/dev/shm", tempfile.gettempdir()):
        if Path(place).is_dir() and os.access(place, os.W_OK):
            measure(place, entries, rounds)


if __name__ == "__main__":
    main()
