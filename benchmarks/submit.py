"""How fast a batch arrives at one server: ``expander submit``, a plain loop of POSTs, and kubectl.

    expander serve --state DIR --kubeconfig FILE &
    python benchmarks/submit.py FILE [--jobs 1000]

All send the same suspended Jobs to the same server, one way after the other, and each way's Jobs are
deleted before the next begins.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from expander.cluster.transport import Transport

EXPANDER = str(Path(sys.executable).parent / "expander")

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: bench-$ITEM, labels: {jobgroup: bench}}
spec:
  suspend: true
  template:
    metadata: {labels: {jobgroup: bench}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: ["true"]}]
"""


def plain_loop(server: str, bodies: list[bytes], threads: int = 8) -> None:
    """POSTs of prepared bytes over one kept connection for each thread, and nothing else."""

    def work(part: list[bytes]) -> None:
        connection = http.client.HTTPConnection(urlsplit(server).netloc)
        for body in part:
            path = "/apis/batch/v1/namespaces/default/jobs?fieldValidation=Strict"
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
        connection.close()

    workers = [threading.Thread(target=work, args=(bodies[n::threads],)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def clear(transport: Transport) -> None:
    """Delete the Jobs and wait until they are gone."""
    path = "/apis/batch/v1/namespaces/default/jobs?labelSelector=jobgroup%3Dbench"
    transport.request("DELETE", path + "&propagationPolicy=Background")
    while json.loads(transport.request("GET", path + "&limit=1").body)["items"]:
        time.sleep(0.1)


def main() -> None:
    """Measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    transport = Transport(given.kubeconfig)
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        template = folder / "job.yaml"
        template.write_text(TEMPLATE)
        items = f"1-{given.jobs}"
        made = [EXPANDER, "expand", str(template), "-i", items, "-o"]
        text = subprocess.run([*made, "json"], check=True, capture_output=True).stdout
        subprocess.run([*made, str(folder / "jobs")], check=True, capture_output=True)
        bodies = text.splitlines()
        assert len(bodies) == given.jobs
        assert json.loads(bodies[0])["kind"] == "Job"
        options = ["--kubeconfig", given.kubeconfig]

        def program(*command: str) -> Callable[[], None]:
            def way() -> None:
                subprocess.run(command, check=True, capture_output=True)

            return way

        submit = [EXPANDER, "submit", str(template), "-i", items, *options, "--state", str(folder / "state")]
        ways: dict[str, Callable[[], None]] = {
            "plain loop, 8 threads": lambda: plain_loop(transport.server, bodies),
            "expander submit": program(*submit),
            "kubectl create -f DIR": program(kubectl, *options, "create", "-f", str(folder / "jobs")),
            "kubectl apply -f DIR": program(kubectl, *options, "apply", "-f", str(folder / "jobs")),
        }
        best: dict[str, float] = {}
        for _ in range(given.rounds):
            for name, way in ways.items():
                begun = time.perf_counter()
                way()
                best[name] = min(best.get(name, 1e9), time.perf_counter() - begun)
                clear(transport)
    for name, seconds in best.items():
        print(f"{name:24} {seconds:7.2f} s {given.jobs / seconds:8,.0f} Jobs/s")


if __name__ == "__main__":
    main()
