"""How fast Jobs run on this machine, against GNU parallel, HyperQueue and ``xargs -P`` on the same commands.

    python -m benchmarks.run [JOBS [ROUNDS]]

Whole commands are timed, in turn, with the same number of processes at a time: `expander run` validates,
keeps status, events and logs durably and prints its summary; the others start ``true``. HyperQueue is a
server and a worker of its own, if its package is installed, and keeps no output. Then a quarter of Jobs in
the sandbox against ``bwrap`` under ``xargs -P``, a Job of ten times as many indexes, the time from the start
of the command to that of the first container, and the memory of an executor with 100,000 Jobs that wait.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.timing import Measured, command, measure, verdict
from expander.local.runtime.bubblewrap import Bubblewrap, find_bubblewrap
from expander.local.runtime.process_tree import adopt_orphans
from expander.local.runtime.runtime import Launch
from expander.local.runtime.sandbox import SandboxRuntime

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

HYPERQUEUE = """
import sys
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
width, count = map(int, sys.argv[2:])
with LocalCluster(sys.argv[1], WorkerConfig(cores=width)) as cluster:
    client, job = cluster.client(), Job()
    for _ in range(count):
        job.program(["true"], stdout=None, stderr=None)
    client.connection.wait_for_jobs((client.submit(job).id,), lambda jobs: None)
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


def expander(state: Path, *arguments: str, quiet: bool = True, runtime: str = "process") -> list[str]:
    """The command that runs a batch with a state of its own."""
    start = "from expander.__main__ import entry; entry()"
    options = ["--runtime", runtime, "--state", str(state), "--group", BATCH, *["--quiet"] * quiet]
    return [sys.executable, "-c", start, "run", *options, *arguments]


def fresh(state: Path, *arguments: str, quiet: bool = True, runtime: str = "process") -> Callable[[], float]:
    """A run of `expander run` that finds nothing of an earlier one."""
    run = command(expander(state, *arguments, quiet=quiet, runtime=runtime))

    def once() -> float:
        shutil.rmtree(state, ignore_errors=True)
        return run()

    return once


def batch(folder: Path, count: int, rounds: int) -> None:
    """Many Jobs of one command each against the other tools."""
    template, items = _inputs(folder, count)
    state, width = folder / "state", str(AT_A_TIME)
    runs = {
        "expander": fresh(state, "--jobs", width, str(template), "--items", f"0-{count - 1}"),
        "xargs": command(["xargs", "-a", str(items), "-P", width, "-n", "1", "true"]),
    }
    if shutil.which("parallel"):
        runs["parallel"] = command(["parallel", "--will-cite", "-j", width, "-a", str(items), "true"])
    else:
        print("GNU parallel is not installed: nothing is compared with it")
    if importlib.util.find_spec("hyperqueue"):
        program = [sys.executable, "-c", HYPERQUEUE, str(folder / "hyperqueue"), width, str(count)]
        runs["hyperqueue"] = command(program)
    else:
        print("the package hyperqueue is not installed: nothing is compared with it")
    found = measure(runs, rounds)
    print(f"{count:,} commands, {AT_A_TIME} at a time, median of {rounds}")
    _print(found, count)
    own = found["expander"].seconds
    for name, wanted in (("parallel", 3.0), ("hyperqueue", 3.0), ("xargs", 0.5)):
        if name in found:
            ratio = found[name].seconds / own
            verdict(f"rate against {name}", ratio, f"{wanted:g}x", ratio >= wanted)
    _verdict_of_cpu(found, "expander", "xargs")


def sandboxes(folder: Path, count: int, rounds: int) -> None:
    """The same in the sandbox, against the same containers without names, and bare ones, started by xargs."""
    found = find_bubblewrap()
    if not isinstance(found, Bubblewrap):
        print(f"nothing is measured in the sandbox: {found}")
        return
    template, items = _inputs(folder, count)
    state, width = folder / "state", str(AT_A_TIME)
    arguments = ["--jobs", width, str(template), "--items", f"0-{count - 1}"]
    launched = SandboxRuntime(found).command(Launch("", ["true"], {}, ""))
    (words,) = launched.data.values()
    xargs = ["xargs", "-a", str(items), "-P", width, "-n", "1", found.program]
    bare = ["--ro-bind", "/", "/", "--dev", "/dev", *found.pids]
    runs = {
        "sandbox": fresh(state, *arguments, runtime="sandbox"),
        "bwrap": command([*xargs, *words.split("\0"), "true"]),
        "bare bwrap": command([*xargs, *bare, "true"]),
    }
    adopt_orphans(0)  # bwrap does not wait for all that it starts, which then counts for nobody
    measured = measure({name: _with_orphans(run) for name, run in runs.items()}, rounds)
    print(f"{count:,} commands in the sandbox")
    _print(measured, count)
    _verdict_of_cpu(measured, "sandbox", "bwrap")
    print(f"    {measured['sandbox'].cpu / measured['bare bwrap'].cpu:.2f}x of bwrap that masks nothing")


def _with_orphans(run: Callable[[], float]) -> Callable[[], float]:
    """The same; it is over when all processes are that it left."""

    def once() -> float:
        peak = run()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
        return peak

    return once


def _inputs(folder: Path, count: int) -> tuple[Path, Path]:
    """A template for an item, and a file with so many items."""
    template, items = folder / "template.yaml", folder / "items"
    template.write_text(json.dumps(job("job-$ITEM", "true")))
    items.write_text("".join(f"{number}\n" for number in range(count)))
    return template, items


def _print(found: Mapping[str, Measured], count: int) -> None:
    for name, each in found.items():
        rate, cpu = count / each.seconds, each.cpu / count * 1000
        print(f"  {name:10}{each.seconds:8.2f} s {rate:8.0f}/s {cpu:6.2f} ms CPU {each.peak:6.0f} MiB")


def _verdict_of_cpu(found: Mapping[str, Measured], own: str, other: str) -> None:
    ratio = found[own].cpu / found[other].cpu
    verdict(f"CPU per Job against {other}", ratio, "at most 1.5x", ratio <= 1.5)


def indexes(folder: Path, count: int) -> None:
    """One Indexed Job."""
    path = folder / "indexed.json"
    spec = {"completions": count, "parallelism": AT_A_TIME, "completionMode": "Indexed"}
    path.write_text(json.dumps(job("indexed", "true", **spec)))
    measured = measure({"indexed": fresh(folder / "state", str(path))}, rounds=1)["indexed"]
    rate = count / measured.seconds
    goal = f"{measured.peak:.0f} MiB (goal 150 MiB: {'' if measured.peak <= 150 else 'NOT '}reached)"
    print(f"a Job of {count:,} indexes: {measured.seconds:.1f} s, {rate:.0f}/s, {goal}")


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
        sandboxes(Path(folder), count // 4, rounds)
        indexes(Path(folder), count * 10)
        first_container(Path(folder), rounds * 3)
        waiting(Path(folder), WAITING)


if __name__ == "__main__":
    main()
