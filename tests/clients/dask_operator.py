"""dask-kubernetes' operator: a cluster of a scheduler and two workers, scaled to three, that adds numbers up."""

import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import dask_kubernetes
import yaml
from dask_kubernetes.operator import KubeCluster
from distributed import Client
from jobs import done

definitions = Path(dask_kubernetes.__file__).parent / "operator/customresources"
for kind in ("daskcluster", "daskworkergroup", "daskjob", "daskautoscaler"):
    definition = yaml.safe_load((definitions / f"{kind}.yaml").read_text())
    for each in definition["spec"]["versions"]:  # their schemas refer to files that a wheel has not
        each["schema"] = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    subprocess.run(["kubectl", "create", "-f", "-"], input=yaml.safe_dump(definition), text=True, check=True)
for name in ("scheduler", "worker"):  # what the image has, and the packages have no more
    program = Path(sys.executable).with_name(f"dask-{name}")
    program.write_text(f'#!/bin/sh\nexec dask {name} "$@"\n')
    program.chmod(0o755)
operator = [sys.executable, "-m", "kopf", "run", "-m", "dask_kubernetes.operator.controller", "-A", "-q"]
with subprocess.Popen(operator) as process:
    try:
        with (
            KubeCluster(name="sums", image="dask", n_workers=2, resource_timeout=120) as cluster,
            Client(cluster) as client,
        ):
            client.wait_for_workers(2, timeout=60)
            assert client.submit(sum, range(100)).result(timeout=60) == 4950
            cluster.scale(3)
            client.wait_for_workers(3, timeout=60)
        end = time.monotonic() + 60
        while "sums" in subprocess.check_output(["kubectl", "get", "pods", "-o", "name"], text=True):
            assert time.monotonic() < end, "the pods of a deleted cluster are still there"
            time.sleep(0.5)
    finally:
        process.terminate()
done("dask-kubernetes' operator", version("dask-kubernetes"))
