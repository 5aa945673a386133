"""What a large finished batch on this machine costs afterwards: status, results, the same run again, cleanup.

    python -m benchmarks.local_state [--jobs 20000]

Peers, in the same run: the rows of the state read, inflated and decoded by sqlite3, zlib and json in the
order of names, and ``rm -rf`` of the same folder. The goals are those for 20,000 Jobs. Then one item in the
sandbox, beside the same container started by bwrap alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import command, measure, verdict
from expander.local.runtime.bubblewrap import find_bubblewrap

EXPANDER = str(Path(sys.executable).parent / "expander")

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: line-$ITEM}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [echo, $ITEM]}]
"""

READ = """
import json, sqlite3, sys, zlib
state = sqlite3.connect(sys.argv[1])
known = dict(state.execute("SELECT id, data FROM dictionaries"))
def text(data):
    return data if data[:1] == b"{" else zlib.decompressobj(-15, zdict=known[data[0]]).decompress(data[1:])
rows = state.execute("SELECT data FROM objects ORDER BY kind, namespace, name")
print(sum(json.loads(text(data))["kind"] in ("Job", "Pod") for data, in rows))
"""

GROUP = "bench"


def disk_mib(folder: Path) -> float:
    """What a folder takes on the disk, in MiB."""
    return (
        int(subprocess.run(["du", "-sk", folder], check=True, capture_output=True).stdout.split()[0]) / 1024
    )


def on_copy(state: Path, copy: Path, *arguments: str) -> Callable[[], float]:
    """A command that removes ``copy``, timed with the copying of ``state`` before it."""
    run = command(list(arguments))

    def once() -> float:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(state, copy)
        return run()

    return once


def main() -> None:
    """Run the batch once, measure and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    bubblewrap = find_bubblewrap()
    if isinstance(bubblewrap, str):
        sys.exit(f"this needs a sandbox: {bubblewrap}")
    with tempfile.TemporaryDirectory() as scratch:
        template, state, copy = Path(scratch, "job.yaml"), Path(scratch, "state"), Path(scratch, "copy")
        template.write_text(TEMPLATE)
        run = [EXPANDER, "run", str(template), "-i", f"1-{given.jobs}", "--group", GROUP]
        run += ["--runtime", "process", "--quiet", "--state", str(state)]
        command(run)()
        there = ["--group", GROUP, "--state", str(state)]
        found = measure(
            {
                "rows read by sqlite3, zlib and json": command(
                    [sys.executable, "-c", READ, f"{state}/{GROUP}/state.db"]
                ),
                "status": command([EXPANDER, "status", *there]),
                "results": command([EXPANDER, "results", *there]),
                "run again, nothing to do": command(run),
                "copy": on_copy(state, copy, "true"),
                "copy, rm -rf": on_copy(state, copy, "rm", "-rf", str(copy)),
                "copy, cleanup": on_copy(
                    state, copy, EXPANDER, "cleanup", "--group", GROUP, "--state", str(copy), "--yes"
                ),
            },
            given.rounds,
        )
        disk = disk_mib(state)
        one = [EXPANDER, "run", str(template), "1", "--runtime", "sandbox", "--fresh", "--state", str(copy)]
        bare = [bubblewrap.program, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "echo", "1"]
        single = measure({"sandbox": command(one), "bwrap": command(bare)}, given.rounds)
    print(f"{given.jobs:,} Jobs of one line that have run here")
    for name, each in found.items():
        print(f"  {name:36} {each.seconds:6.2f} s  {each.cpu:6.2f} s CPU  {each.peak:5.0f} MiB")
    times = {name: each.seconds for name, each in found.items()}
    for name, goal in (("status", 1.5), ("results", 1.5), ("run again, nothing to do", 2.0)):
        verdict(f"{name} of {goal} s", times[name] / goal, "at most 1x", times[name] <= goal)
        print(f"    {times[name] / times['rows read by sqlite3, zlib and json']:.1f} times the rows read")
    cleanup = times["copy, cleanup"] - times["copy"]
    verdict("cleanup of 3 s", cleanup / 3, "at most 1x", cleanup <= 3)
    print(f"    {cleanup / max(times['copy, rm -rf'] - times['copy'], 0.01):.1f} times rm -rf")
    cpu = single["sandbox"].cpu
    verdict("one item with the sandbox, of 0.6 s CPU", cpu / 0.6, "at most 1x", cpu <= 0.6)
    print(f"    {cpu:.2f} s; bwrap alone {single['bwrap'].cpu:.3f} s")
    peak = max(found["status"].peak, found["results"].peak)
    verdict("peak memory of 150 MiB", peak / 150, "at most 1x", peak <= 150)
    verdict("state on disk of 60 MiB", disk / 60, "at most 1x", disk <= 60)


if __name__ == "__main__":
    main()
