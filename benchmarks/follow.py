"""How fast a finished group is seen, waited for, read and deleted: beside kubectl, at one local API.

    expander serve --state DIR --kubeconfig FILE &
    python -m benchmarks.follow FILE [--jobs 2000]

Each question is put to both in turn, several times, and medians are compared. What deletes is measured once
each, on groups of the same size whose Jobs have run: `kubectl delete` deletes one Job after the other.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import measure, verdict
from expander.client.transport import Transport

EXPANDER = str(Path(sys.executable).parent / "expander")

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: NAME-$ITEM, labels: {jobgroup: NAME}}
spec:
  template:
    metadata: {labels: {jobgroup: NAME}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: ["echo", "item $ITEM"]}]
"""
FEW = 100
"""Jobs that are waited for and whose logs are read: kubectl waits for five a second, and follows as many logs
at a time as it is told to."""
CONDITION = ("--for=condition=complete", "--timeout=600s")


def ask(server: Transport, group: str) -> list[dict[str, object]]:
    """The Jobs of a group."""
    path = f"/apis/batch/v1/namespaces/default/jobs?labelSelector=jobgroup%3D{group}"
    items: list[dict[str, object]] = json.loads(server.request("GET", path).body)["items"]
    return items


def fill(server: Transport, folder: Path, group: str, jobs: int) -> None:
    """Create the Jobs of a group and wait until all have run."""
    template = folder / f"{group}.yaml"
    template.write_text(TEMPLATE.replace("NAME", group))
    made = [EXPANDER, "expand", str(template), "-i", f"1-{jobs}", "-o", "json"]
    for body in subprocess.run(made, check=True, capture_output=True).stdout.splitlines():
        server.request("POST", "/apis/batch/v1/namespaces/default/jobs", body)
    while sum("completionTime" in json.dumps(job) for job in ask(server, group)) < jobs:
        time.sleep(1)


def program(*command: str) -> Callable[[], float]:
    """One run of a command, which has to succeed."""

    def run() -> float:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return 0.0

    return run


def seconds(run: Callable[[], object]) -> float:
    """How long one call took."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def main() -> None:
    """Measure each and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    server = Transport(given.kubeconfig)
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
    config = ["--kubeconfig", given.kubeconfig]
    with tempfile.TemporaryDirectory() as scratch:
        for group, jobs in (("few", FEW), ("ours", given.jobs), ("theirs", given.jobs)):
            fill(server, Path(scratch), group, jobs)
        ours, theirs = ["--group", "ours", *config], ["-l", "jobgroup=ours", *config]
        few = ["-l", "jobgroup=few", *config]
        found = measure(
            {
                "status": program(EXPANDER, "status", *ours),
                "kubectl get": program(kubectl, "get", "jobs,pods", *theirs),
                "wait": program(EXPANDER, "wait", *few),
                "kubectl wait": program(kubectl, "wait", *CONDITION, "job", *few),
                "logs": program(EXPANDER, "logs", *few),
                "kubectl logs": program(kubectl, "logs", f"--max-log-requests={FEW}", *few),
            },
            given.rounds,
        )
    times = {name: each.seconds for name, each in found.items()}
    times["cleanup"] = seconds(program(EXPANDER, "cleanup", *ours))
    label = ["-l", "jobgroup=theirs", *config]
    times["kubectl delete"] = seconds(program(kubectl, "delete", "job", *label))
    assert not ask(server, "ours")
    assert not ask(server, "theirs")
    subprocess.run([EXPANDER, "cleanup", *few], check=True, capture_output=True)
    print(f"{given.jobs:,} Jobs that have run (wait, logs: {FEW})")
    for name, taken in times.items():
        print(f"  {name:16} {taken:8.2f} s")
    verdict("status, seconds", times["status"], "< 1", times["status"] < 1)
    for mine, peer in (("status", "kubectl get"), ("wait", "kubectl wait"), ("logs", "kubectl logs")):
        ratio = times[peer] / times[mine]
        verdict(f"{mine}, {peer}", ratio, "> 1", ratio > 1)
    ratio = times["kubectl delete"] / times["cleanup"]
    verdict("cleanup, kubectl delete one by one", ratio, ">= 10", ratio >= 10)


if __name__ == "__main__":
    main()
