"""``expander submit --max-active`` of a large batch that is killed again and again.

    python -m benchmarks.kills [--jobs 100000] [--kills 20] [--max-active 500]

The server costs next to nothing (`benchmarks.stub_cluster`), and its Jobs are complete after half a second.
Each time that a further part of the Jobs is there, the submitter gets SIGKILL and ``--resume`` begins.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.submit import EXPANDER, TEMPLATE, started
from expander.client.transport import Transport

JOB_SECONDS = 0.5

LOOK_SECONDS = 0.05


def submit(
    folder: Path, kubeconfig: str, jobs: int, max_active: int, resume: bool
) -> subprocess.Popen[bytes]:
    """A submitter of all Jobs."""
    command = [EXPANDER, "submit", str(folder / "job.yaml"), "-i", f"1-{jobs}", "-q"]
    command += ["--max-active", str(max_active), "--kubeconfig", kubeconfig, "--state", str(folder / "state")]
    return subprocess.Popen(
        [*command, *(["--resume"] if resume else [])], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def measure(jobs: int, kills: int, max_active: int) -> None:
    """Submit, kill and resume until all is there."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, kubeconfig = Path(scratch), str(Path(scratch, "kubeconfig"))
        (folder / "job.yaml").write_text(TEMPLATE)
        server = [sys.executable, "-m", "benchmarks.stub_cluster", kubeconfig]
        server += ["--job-seconds", str(JOB_SECONDS)]
        begun, seconds, peak = time.perf_counter(), 0.0, 0
        with started(server, kubeconfig) as (_, transport):
            for part in range(1, kills + 2):
                process = submit(folder, kubeconfig, jobs, max_active, resume=part > 1)
                if part <= kills:
                    wait_for(transport, jobs * part // (kills + 1))
                    process.send_signal(signal.SIGKILL)
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                seconds += used.ru_utime + used.ru_stime
                peak = max(peak, used.ru_maxrss >> 10)
            found = json.loads(transport.request("GET", "/created").body)
            transport.close()
        assert process.returncode == 0
    lost, twice = jobs - found["names"], found["created"] - found["names"]
    took = time.perf_counter() - begun
    print(f"{jobs:,} Jobs, {kills} kills, load {os.getloadavg()[0]:.1f}: {took:.0f} s")
    cost = seconds / jobs * 1000
    print(f"  {lost} lost, {twice} twice (goal none)")
    print(f"  {peak} MiB at most (goal 150), {cost:.2f} ms of CPU per Job (goal 1.6), all starts included")


def wait_for(transport: Transport, jobs: int) -> None:
    """Wait until the server has made so many Jobs."""
    while json.loads(transport.request("GET", "/created").body)["created"] < jobs:
        time.sleep(LOOK_SECONDS)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--max-active", type=int, default=500)
    given = parser.parse_args()
    measure(given.jobs, given.kills, given.max_active)


if __name__ == "__main__":
    main()
