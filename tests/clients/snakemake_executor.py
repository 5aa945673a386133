"""snakemake's kubernetes executor: two rules, the second from the output of the first, on a volume both sides see."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from jobs import done
from kubernetes import client, config, utils

SNAKEFILE = """
rule all:
    input: "count.txt"
rule words:
    output: "words.txt"
    shell: "echo one two three > {output}"
rule count:
    input: "words.txt"
    output: "count.txt"
    shell: "wc -w < {input} > {output}"
"""

config.load_kube_config()
store = Path.cwd() / "store"
store.mkdir()
for body in (
    {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "store"},
        "spec": {
            "storageClassName": "mine",
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "hostPath": {"path": str(store)},
        },
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "store", "namespace": "default"},
        "spec": {
            "storageClassName": "mine",
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    },
):
    utils.create_from_dict(client.ApiClient(), body)
Path("Snakefile").write_text(SNAKEFILE)
command = [
    *(sys.executable, "-m", "snakemake", "--executor", "kubernetes", "--jobs", "2"),
    *("--container-image", "snakemake", "--kubernetes-persistent-volumes", f"store:{store}"),
    *("--default-storage-provider", "fs", "--default-storage-prefix", str(store)),
    *("--seconds-between-status-checks", "1", "--default-resources", "mem_mb=100", "disk_mb=100"),
]
ran = subprocess.run(command, capture_output=True, text=True)
if ran.returncode:
    sys.exit(
        ran.stderr
        + subprocess.run(["kubectl", "logs", "-l", "app=snakemake"], capture_output=True, text=True).stdout
    )
assert (store / "count.txt").read_text().strip() == "3"
done("snakemake's kubernetes executor", version("snakemake-executor-plugin-kubernetes"))
