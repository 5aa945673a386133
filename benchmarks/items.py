"""Reading items, against the plainest loop of Python over the same bytes, in one run on this machine.

Each source is read in a process of its own, which times the reading alone and reports its peak memory.
Where a source has no peer of its own, the peer is `for line in file` over as many lines.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.timing import verdict

MEASURE = """
import time
{setup}
def count_all():
    number = 0
    start = time.perf_counter()
    for item in {stream}:
        number += 1
    return number, time.perf_counter() - start
number, seconds = count_all()
status = dict(line.split(":") for line in open("/proc/self/status"))
print(number, seconds, int(status["VmHWM"].split()[0]) / 1024)
"""
"""The peak is read from /proc (Linux): what getrusage says includes the process that started this one."""
PEERS = {
    "for line in file": ("", "open({path!r})"),
    "csv.DictReader": ("import csv", "csv.DictReader(open({path!r}, newline=''))"),
    "json.loads per line": ("import json", "map(json.loads, open({path!r}))"),
}
ROW = ("item-{0}", "{0}", "red")
RECORDS = {
    "lines": ("item-{0}\n", "for line in file"),
    "nul": ("item-{0}\0", "for line in file"),
    "csv": (",".join(ROW) + "\n", "csv.DictReader"),
    "tsv": ("\t".join(ROW) + "\n", "csv.DictReader"),
    "jsonl": ('{{"name": "item-{0}", "size": {0}, "color": "red"}}\n', "json.loads per line"),
    "json": (' {{"name": "item-{0}", "size": {0}, "color": "red"}},\n', "json.loads per line"),
    "yaml": ("- name: item-{0}\n  size: {0}\n  color: red\n", "json.loads per line"),
}
"""A record of each format, and the peer that reads as much."""
ENDS = {"csv": ("name,size,color\n", ""), "tsv": ("name\tsize\tcolor\n", ""), "json": ("[\n", "0]\n")}
PEER_FILES = {"for line in file": "lines", "csv.DictReader": "csv", "json.loads per line": "jsonl"}
GOALS = {"lines": 1_000_000, "csv": 500_000}
"""Items per second."""
LARGEST = 150
"""MiB a process may take."""


@dataclass(frozen=True)
class Reading:
    """What one process found: items per second, MiB at its peak."""

    rate: float
    peak: float


def reading(setup: str, stream: str, rounds: int) -> Reading:
    """The median rate and the largest peak of reading ``stream`` ``rounds`` times, each in a new process."""
    rates, peaks = [], []
    for _ in range(rounds):
        script = MEASURE.format(setup=setup, stream=stream)
        answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        number, seconds, peak = map(float, answer.stdout.split())
        rates.append(number / seconds)
        peaks.append(peak)
    return Reading(median(rates), max(peaks))


def of_expander(rounds: int, *sources: str, **spec: object) -> Reading:
    """`reading` of these sources."""
    setup = "from expander.items.load import ItemSpec, items"
    return reading(setup, f"items(ItemSpec(sources={sources!r}, **{spec!r}))", rounds)


def write(path: Path, form: str, count: int) -> None:
    """A file of ``count`` records."""
    start, end = ENDS.get(form, ("", ""))
    record = RECORDS[form][0]
    with open(path, "w") as file:
        file.write(start)
        file.writelines(record.format(number) for number in range(count))
        file.write(end)


def cases(files: dict[str, Path], count: int, rounds: int) -> Iterator[tuple[str, Reading, str]]:
    """Each kind of source: what it is, what was measured, its peer."""
    for form, (_, peer) in RECORDS.items():
        yield form, of_expander(rounds, f"{form}:{files[form]}"), peer
    arguments = tuple(f"item-{number}" for number in range(1000))
    last, root = count - 1, max(1, round(count**0.5))
    lines = str(files["lines"])
    plain = "for line in file"
    yield "arguments (1,000)", of_expander(rounds, arguments=arguments), plain
    yield "range", of_expander(rounds, f"0-{last}"), plain
    yield "row chunks", of_expander(rounds, f"rows 1..{count} by 1"), plain
    yield f"product {root} x {root}", of_expander(rounds, f"a=1-{root}", f"b=1-{root}"), plain
    yield "zip", of_expander(rounds, f"a={lines}", f"b=0-{last}", combine="zip"), plain
    yield "chain", of_expander(rounds, lines, "0-0", combine="chain"), plain
    matrix = {"exclude": ("item=item-5",), "include": ("item=item-6,a=1",), "slice": "1:"}
    yield "exclude, include, slice", of_expander(rounds, lines, **matrix), plain
    setup = "from expander.items.python import from_python"
    yield "from_python", reading(setup, f"from_python(map(str, range({count})))", rounds), plain


def globs(folder: Path, rounds: int, count: int) -> None:
    """As many files as a glob may meet, against os.scandir."""
    for number in range(count):
        (folder / f"item-{number}.png").touch()
    peer = reading("import os", f"os.scandir({str(folder)!r})", rounds)
    found = of_expander(rounds, f"glob:{folder}/*.png")
    report(f"glob ({count:,} files)", found, peer, "os.scandir")


def report(name: str, found: Reading, peer: Reading, peer_name: str) -> None:
    """One line: rate, peak, and both against the peer."""
    print(
        f"  {name:24} {found.rate:12,.0f}/s {found.peak:5.0f} MiB;"
        f" {found.rate / peer.rate:5.2f} of the rate and {found.peak - peer.peak:+4.0f} MiB"
        f" of {peer_name} ({peer.rate:,.0f}/s)"
    )


def main() -> None:
    """Print the rates and peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=20_000, help="files for the glob")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {form: folder / f"items.{form}" for form in RECORDS}
        for form, path in files.items():
            write(path, form, options.items)
        peers = {
            peer: reading(setup, stream.format(path=str(files[PEER_FILES[peer]])), options.rounds)
            for peer, (setup, stream) in PEERS.items()
        }
        print(f"{options.items:,} items, median of {options.rounds}")
        largest = 0.0
        for what, found, peer in cases(files, options.items, options.rounds):
            report(what, found, peers[peer], peer)
            largest = max(largest, found.peak)
            if what in GOALS:
                ratio = found.rate / GOALS[what]
                verdict(f"{what} against {GOALS[what]:,}/s", ratio, "at least 1x", ratio >= 1)
        (folder / "globbed").mkdir()
        globs(folder / "globbed", options.rounds, options.files)
        verdict(f"peak memory against {LARGEST} MiB", largest / LARGEST, "below 1x", largest < LARGEST)


if __name__ == "__main__":
    main()
