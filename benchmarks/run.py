"""How fast Jobs run on this machine, against GNU parallel and ``xargs -P`` over the same commands.

    python -m benchmarks.run [JOBS [ROUNDS]]

Whole commands are timed, in turn, with the same number of processes at a time: `expander run` validates,
keeps status, events and logs durably and prints its summary; the others start ``true``. Then a Job of ten
times as many indexes, the time from the start of the command to that of the first container, and the memory
of an executor with 100,000 Jobs that wait.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.timing import command, measure, verdict

AT_A_TIME = 8
WAITING = 100_000
BATCH = "bench"

HOLD = """
import sys, time
from pathlib import Path
from expander.local.executor import Executor
job = {0}
with Executor(Path(sys.argv[1]), runtime="process", jobs=1) as executor:
    count = int(sys.argv[2])
    executor.submit({{**job, "metadata": {{"name": f"job-{{number}}"}}}} for number in range(count))
    end = time.time() + 1
    executor.run(lambda _: time.time() > end)
"""


def job(name: str, *words: str, **spec: Any) -> dict[str, Any]:
    """A Job of one container that runs ``words``."""
    container = {"name": "main", "image": "busybox", "command": list(words)}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**spec, "template": template},
    }


def expander(state: Path, *arguments: str, quiet: bool = True) -> list[str]:
    """The command that runs a batch with plain processes and a state of its own."""
    start = "from expander.cli.main import main; main()"
    options = ["--runtime", "process", "--state", str(state), "--group", BATCH, *["--quiet"] * quiet]
    return [sys.executable, "-c", start, "run", *options, *arguments]


def fresh(state: Path, *arguments: str, quiet: bool = True) -> Callable[[], float]:
    """A run of `expander run` that finds nothing of an earlier one."""
    run = command(expander(state, *arguments, quiet=quiet))

    def once() -> float:
        shutil.rmtree(state, ignore_errors=True)
        return run()

    return once


def batch(folder: Path, count: int, rounds: int) -> None:
    """Many Jobs of one command each, then one Job of many indexes, against the other tools."""
    template, items = folder / "template.yaml", folder / "items"
    template.write_text(json.dumps(job("job-$ITEM", "true")))
    items.write_text("".join(f"{number}\n" for number in range(count)))
    state, width = folder / "state", str(AT_A_TIME)
    runs = {
        "expander": fresh(state, "--jobs", width, str(template), "--items", f"0-{count - 1}"),
        "xargs": command(["xargs", "-a", str(items), "-P", width, "-n", "1", "true"]),
    }
    if shutil.which("parallel"):
        runs["parallel"] = command(["parallel", "--will-cite", "-j", width, "-a", str(items), "true"])
    else:
        print("GNU parallel is not installed: nothing is compared with it")
    found = measure(runs, rounds)
    print(f"{count:,} commands, {AT_A_TIME} at a time, median of {rounds}")
    for name, measured in found.items():
        print(
            f"  {name:10}{measured.seconds:8.2f} s {count / measured.seconds:8.0f}/s {measured.peak:6.0f} MiB"
        )
    own = found["expander"].seconds
    if "parallel" in found:
        ratio = found["parallel"].seconds / own
        verdict("rate against GNU parallel", ratio, "3x", ratio >= 3)
    ratio = found["xargs"].seconds / own
    verdict("rate against xargs", ratio, "0.5x", ratio >= 0.5)
    ratio = found["expander"].cpu / found["xargs"].cpu
    verdict("CPU per Job against xargs", ratio, "at most 1.5x", ratio <= 1.5)


def indexes(folder: Path, count: int) -> None:
    """One Indexed Job."""
    path = folder / "indexed.json"
    spec = {"completions": count, "parallelism": AT_A_TIME, "completionMode": "Indexed"}
    path.write_text(json.dumps(job("indexed", "true", **spec)))
    measured = measure({"indexed": fresh(folder / "state", str(path))}, rounds=1)["indexed"]
    rate = count / measured.seconds
    print(f"a Job of {count:,} indexes: {measured.seconds:.1f} s, {rate:.0f}/s, {measured.peak:.0f} MiB")


def first_container(folder: Path, rounds: int) -> None:
    """From the start of the command to the start of the first container."""
    path, state = folder / "one.json", folder / "state"
    path.write_text(json.dumps(job("one", "date", "+%s.%N")))
    waits = []
    for _ in range(rounds + 1):
        shutil.rmtree(state, ignore_errors=True)
        start = time.time()
        subprocess.run(expander(state, str(path)), check=True, stdout=subprocess.DEVNULL)
        (log,) = state.rglob("*_main_0.log")
        waits.append((float(log.read_text().split()[-1]) - start) * 1000)
    middle = statistics.median(waits[1:])
    print(f"first container after {middle:.0f} ms (goal 150 ms: {'' if middle <= 150 else 'NOT '}reached)")


def waiting(folder: Path, count: int) -> None:
    """The memory of an executor in which many Jobs wait."""
    program = HOLD.format(repr(job("", "sleep", "60")))
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    peak = command([sys.executable, "-c", program, str(state), str(count)])()
    print(f"{count:,} waiting Jobs: {peak:.0f} MiB (goal 300 MiB: {'' if peak <= 300 else 'NOT '}reached)")


def main() -> None:
    """Measure all of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"  # as it is where the program is installed
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        batch(Path(folder), count, rounds)
        indexes(Path(folder), count * 10)
        first_container(Path(folder), rounds * 3)
        waiting(Path(folder), WAITING)


if __name__ == "__main__":
    main()
