"""Validation: what it adds to an expansion, and manifests per second on files that have nothing in common.

Peers: the same expansion unvalidated; for files, PyYAML with libyaml and `jsonschema` with the same schema,
which is what a script in Python would do (it knows types only), and kubeconform where it is installed; for
custom resources with rules in CEL kubernetes-validate from PyPI, which knows Jobs only, and their types.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.timing import command, measure, verdict

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "examples" / "01-expansion" / "job-tmpl.yaml"
EXPANDER = str(Path(sys.executable).parent / "expander")
PEER = """
import os, sys, yaml
from jsonschema import Draft202012Validator
from expander.kube import schemas
from expander.validate.schema_engines import decodable
validator = Draft202012Validator(decodable(schemas.kinds()["batch/v1"]["Job"]))
for name in os.listdir(sys.argv[1]):
    with open(os.path.join(sys.argv[1], name)) as file:
        for document in yaml.load_all(file, yaml.CSafeLoader):
            list(validator.iter_errors(document))
"""


def beside_expansion(items: int, rounds: int) -> None:
    """A batch of one template with and without validation."""
    for words, template in (("no field that an item can break", TEMPLATE), ("an integer per item", None)):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "job.yaml"
            text = TEMPLATE.read_text()
            path.write_text(
                text if template else text.replace("\nspec:", "\nspec:\n  backoffLimit: $ITEM", 1)
            )
            arguments = [EXPANDER, "expand", str(path), "-i", f"0-{items - 1}"]
            found = measure(
                {"validated": command(arguments), "unvalidated": command([*arguments, "--no-validate"])},
                rounds,
            )
        validated, plain = found["validated"].seconds, found["unvalidated"].seconds
        print(f"{items:,} items, {words}: {validated:.2f} s, {items / validated:,.0f}/s")
        ratio = validated / plain
        verdict("time of the unvalidated expansion", ratio, "at most 1.5x", ratio <= 1.5)


def unrelated_files(count: int, rounds: int, folder: Path) -> None:
    """Manifests that differ in their structure, one per file."""
    jobs = folder / "jobs"
    jobs.mkdir()
    made = random.Random(1)
    for number in range(count):
        (jobs / f"job-{number}.yaml").write_text(_manifest(number, made))
    lines = folder / "jobs.jsonl"
    answer = command([EXPANDER, "expand", str(TEMPLATE), "-i", f"0-{count - 1}", "-o", "json"], stdout=lines)
    answer()
    runs = {
        "PyYAML + jsonschema (types only)": command([sys.executable, "-c", PEER, str(jobs)]),
        "files": command([EXPANDER, "validate", str(jobs)]),
        "files, one process": command([EXPANDER, "validate", str(jobs), "--workers", "1"]),
        "JSON Lines": command([EXPANDER, "validate", str(lines)]),
    }
    if kubeconform := shutil.which("kubeconform"):
        runs["kubeconform"] = command([kubeconform, "-n", "2", str(jobs)])
    found = measure(runs, rounds)
    print(f"{count:,} files, each of its own structure")
    for name, measured in found.items():
        print(f"  {name}: {measured.seconds:.2f} s, {count / measured.seconds:,.0f}/s")
    rate = count / found["files"].seconds
    verdict("of 10,000 manifests per second", rate / 10_000, "at least 1x", rate >= 10_000)
    peer = "kubeconform" if "kubeconform" in found else "PyYAML + jsonschema (types only)"
    print(f"  faster than {peer}: {found[peer].seconds / found['files'].seconds:.1f}x")


CUSTOM = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pools.lab.example.com}
spec:
  group: lab.example.com
  names: {kind: Pool, plural: pools}
  scope: Cluster
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [groups]
            x-kubernetes-validations:
            - {rule: "!has(self.cohort) || self.cohort != 'none'", message: no cohort}
            properties:
              cohort: {type: string, maxLength: 253, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
              strategy: {type: string, enum: [Strict, BestEffort], default: BestEffort}
              groups:
                type: array
                x-kubernetes-list-type: atomic
                items:
                  type: object
                  x-kubernetes-validations:
                  - rule: self.flavors.all(x, size(x.resources) == size(self.covered))
                    message: flavors must have the resources that are covered
                  properties:
                    covered: {type: array, items: {type: string}, x-kubernetes-list-type: set}
                    flavors:
                      type: array
                      x-kubernetes-list-type: map
                      x-kubernetes-list-map-keys: [name]
                      items:
                        type: object
                        required: [name]
                        properties:
                          name: {type: string}
                          resources:
                            type: array
                            items:
                              type: object
                              x-kubernetes-validations:
                              - {rule: "self.limit >= self.quota", message: limit is below quota}
                              properties:
                                name: {type: string}
                                quota: {type: integer}
                                limit: {type: integer, default: 1000}
"""
PEER_OF_CUSTOM = """
import json, sys
import kubernetes_validate
for line in open(sys.argv[1]):
    kubernetes_validate.validate(json.loads(line), "1.37", strict=True)
"""


def custom_resources(count: int, rounds: int, folder: Path) -> None:
    """Custom resources with rules in CEL on one core, beside Jobs without any in kubernetes-validate.

    Seconds are those of CPU, start-up included: other work on the machine does not count.
    """
    crd, pools, jobs = folder / "crd.yaml", folder / "pools.jsonl", folder / "plain.jsonl"
    crd.write_text(CUSTOM)
    pools.write_text("\n".join(json.dumps(_pool(number)) for number in range(count)))
    few = count // 100
    expand = [EXPANDER, "expand", str(TEMPLATE), "-i", f"0-{few - 1}", "-o", "json"]
    command(expand, stdout=jobs)()
    runs = {"pools": command([EXPANDER, "validate", str(pools), "--crds", str(crd), "--workers", "1"])}
    if find_spec("kubernetes_validate"):
        runs["peer"] = command([sys.executable, "-c", PEER_OF_CUSTOM, str(jobs)])
    found = measure(runs, rounds)
    rate = count / found["pools"].cpu
    print(f"{count:,} custom resources with 6 rules in CEL each, on one core: {rate:,.0f}/s")
    verdict("of 5,000 documents per second", rate / 5_000, "at least 1x", rate >= 5_000)
    if "peer" in found:
        print(f"  kubernetes-validate, Jobs by their types only: {few / found['peer'].cpu:,.0f}/s")


def _pool(number: int) -> dict[str, object]:
    flavors = [
        {
            "name": f"f{each}",
            "resources": [{"name": "cpu", "quota": number % 50}, {"name": "gpu", "quota": each}],
        }
        for each in range(2)
    ]
    return {
        "apiVersion": "lab.example.com/v1",
        "kind": "Pool",
        "metadata": {"name": f"pool-{number}", "labels": {"jobgroup": "bench"}},
        "spec": {"cohort": f"c{number}", "groups": [{"covered": ["cpu", "gpu"], "flavors": flavors}]},
    }


def _manifest(number: int, made: random.Random) -> str:
    containers = []
    for place in range(made.randint(1, 2)):
        container: dict[str, object] = {
            "name": f"c{place}",
            "image": f"busybox:{number}",
            "command": ["sh", "-c", "true"],
        }
        if made.random() < 0.5:
            container["env"] = [
                {"name": f"V{n}", "value": str(made.random())} for n in range(made.randint(1, 4))
            ]
        if made.random() < 0.5:
            container["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}}
        containers.append(container)
    spec: dict[str, object] = {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}}
    for field in ("backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds", "parallelism"):
        if made.random() < 0.5:
            spec[field] = made.randint(1, 9)
    from expander.base.yaml.writer import dump

    metadata = {"name": f"job-{number}", "labels": {"jobgroup": "bench"}}
    return dump(
        json.loads(json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}))
    )


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write files (default: a temporary folder)")
    options = parser.parse_args()
    beside_expansion(options.items, options.rounds)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        unrelated_files(options.files, options.rounds, Path(name))
        custom_resources(options.files, options.rounds, Path(name))


if __name__ == "__main__":
    main()
