"""How fast files get into a folder, against raw creation of the same bytes.

    python benchmarks/directory.py [FILES [ROUNDS]]

Each round writes the same files with a bare loop of ``open``, ``write`` and ``close``, and with
`DirectorySink` into a fresh folder, in alternating order; then the sink runs once more over its unchanged
files. Figures are medians. Folders are made under the temporary folder, and in /dev/shm where there is
one, to see the tool beside a disk and without it.
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


def timed(write: Callable[[str, Entries], None], folder: str, entries: Entries) -> float:
    """Seconds one call takes."""
    start = time.perf_counter()
    write(folder, entries)
    return time.perf_counter() - start


def measure(place: str, entries: Entries, rounds: int) -> float:
    """Print the figures of one file system; the ratio of raw time to the tool's."""
    times: dict[str, list[float]] = {"raw": [], "sink": [], "again": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=place) as base:
            pair: list[Callable[[str, Entries], None]] = [raw, sink]
            for write in pair if number % 2 == 0 else reversed(pair):
                times[write.__name__].append(timed(write, f"{base}/{write.__name__}", entries))
            times["again"].append(timed(sink, f"{base}/sink", entries))
            shutil.rmtree(f"{base}/raw")
    middle = {name: statistics.median(values) for name, values in times.items()}
    pairs = [a / b for a, b in zip(times["raw"], times["sink"], strict=True)]
    print(f"{place}: {len(entries):,} files, {rounds} rounds")
    for name, what in (("raw", "raw creation"), ("sink", "first run"), ("again", "unchanged")):
        low, high = min(times[name]), max(times[name])
        print(f"  {what:13}{middle[name]:8.3f} s  ({low:.3f} to {high:.3f})")
    ratio = middle["raw"] / middle["sink"]
    print(f"  ratio        {ratio:8.0%}    (round by round {min(pairs):.0%} to {max(pairs):.0%}; goal 70%)")
    return ratio


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
