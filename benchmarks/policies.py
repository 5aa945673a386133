"""Policies: what 20 ValidatingAdmissionPolicies, Pod Security, a LimitRange and a quota add to a batch.

Peers: the same expansion without policies. Most policies are about what all items share; with ``--names`` one
of them is about the name, so that it has to be evaluated for each item.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import command, measure, verdict

EXPANDER = str(Path(sys.executable).parent / "expander")
API = "admissionregistration.k8s.io/v1"
JOBS = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
OF_JOBS = (
    "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example.com/'))",
    "object.spec.template.spec.containers.all(c, has(c.resources.limits) && 'memory' in c.resources.limits)",
    "!has(object.spec.parallelism) || object.spec.parallelism <= int(params.data.parallelism)",
    "object.spec.backoffLimit <= 6",
    "!object.spec.template.spec.?hostNetwork.orValue(false)",
    "object.spec.template.spec.containers.all(c, quantity(c.resources.limits.cpu).isLessThan(quantity('4')))",
    "object.metadata.labels['jobgroup'] != ''",
    "object.spec.template.spec.restartPolicy in ['Never', 'OnFailure']",
    "variables.containers.all(c, !c.image.endsWith(':latest'))",
    "variables.containers.size() < 10",
)
OF_PODS = (
    "object.spec.containers.all(c, c.imagePullPolicy != 'Never')",
    "object.spec.serviceAccountName == 'default'",
    "object.spec.?volumes.orValue([]).all(v, !has(v.hostPath))",
    "object.spec.containers.all(c, c.?securityContext.?privileged.orValue(false) == false)",
    "!has(object.spec.nodeName)",
    "object.metadata.namespace == 'default'",
    "object.metadata.ownerReferences.exists(o, o.kind == 'Job')",
    "object.spec.?priorityClassName.orValue('').startsWith('system') == false",
    "object.spec.containers.all(c, c.name.matches('^[a-z-]+$'))",
    "size(object.spec.containers) <= 5",
)
TEMPLATE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "work-$ITEM", "labels": {"jobgroup": "work"}},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "main",
                        "image": "registry.example.com/work:1",
                        "args": ["$ITEM"],
                        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                    }
                ],
            }
        }
    },
}


def objects(names: bool) -> list[dict[str, object]]:
    """Twenty policies with their bindings, and what a namespace has besides."""
    found: list[dict[str, object]] = []
    for number, (rule, expression) in enumerate(
        [*((JOBS, e) for e in OF_JOBS), *((PODS, e) for e in OF_PODS)]
    ):
        expressions = (
            [expression, "object.metadata.name.size() < 60"] if names and not number else [expression]
        )
        spec = {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {"resourceRules": [rule]},
            "variables": [{"name": "containers", "expression": "object.spec.template.spec.containers"}],
            "validations": [{"expression": each} for each in expressions],
        }
        params = {"name": "limits", "parameterNotFoundAction": "Deny"}
        bound = {"policyName": f"p{number}", "validationActions": ["Deny"], "paramRef": params}
        for kind, body in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", bound)):
            found.append({"apiVersion": API, "kind": kind, "metadata": {"name": f"p{number}"}, "spec": body})
    levels = {"pod-security.kubernetes.io/enforce": "baseline"}
    for kind, name, more in (
        ("ConfigMap", "limits", {"data": {"parallelism": "5"}}),
        ("LimitRange", "limits", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}}),
        ("ResourceQuota", "quota", {"spec": {"hard": {"count/jobs.batch": "1000000", "pods": "1000000"}}}),
    ):
        found.append({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more})
    namespace = {"name": "default", "labels": levels}
    return [*found, {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.yaml").write_text(json.dumps(TEMPLATE))
        runs = {}
        for label, names in (("20 policies", False), ("one of them about names", True)):
            path = folder / f"{names}.jsonl"
            path.write_text("".join(f"{json.dumps(each)}\n" for each in objects(names)))
            runs[label] = ["--policies", str(path)]
        for count in (options.items, options.items * 10, 1):
            base = [EXPANDER, "expand", str(folder / "job.yaml"), "-i", f"1-{count}"]
            commands = {"expansion alone": command(base)}
            commands |= {label: command([*base, *more]) for label, more in runs.items()}
            found = measure(commands, options.rounds)
            print(f"{count:,} {'item' if count == 1 else 'items'}")
            for label, measured in found.items():
                print(
                    f"  {label}: {measured.cpu:.3f} s of CPU, {measured.cpu / count * 1e6:,.1f} µs per item"
                )
            if count == 1:
                once = found["20 policies"].cpu - found["expansion alone"].cpu
            elif count > options.items:
                more = found["20 policies"].cpu - found["expansion alone"].cpu
    verdict("cost of policies for all items beside that for one", more / once, "at most 2x", more <= 2 * once)


if __name__ == "__main__":
    main()
