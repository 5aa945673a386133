"""Write the schemas beside this file; run by a maintainer, never at run time.

    python schemas/generate.py --openapi SERVED.json

needs ``kubernetes-validate`` (every Kubernetes version as JSON Schema) and the OpenAPI 3 components
an API server of version 1.36 serves, which carry the enums, defaults and list-map keys the
published schemas lack.

``definitions.jsonl`` holds every definition of every version once, a line each, named by a hash of its text
and of what it refers to, so versions that agree share it. ``v1.NN.json`` maps the apiVersions and
kinds of one Kubernetes version to such a name, or to null for a kind that exists without a schema.
Null values are not mentioned: Kubernetes reads null as absent, and the readers of these files add it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

VERSIONS = tuple(f"1.{minor}" for minor in range(29, 38))
KINDS = {
    "batch/v1": ("Job", "CronJob"),
    "v1": (
        "ConfigMap",
        "Secret",
        "Service",
        "Pod",
        "ResourceQuota",
        "PodTemplate",
        "LimitRange",
        "PersistentVolumeClaim",
        "ServiceAccount",
        "Namespace",
        "PersistentVolume",
        "ReplicationController",
        "Endpoints",
    ),
    "admissionregistration.k8s.io/v1": ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    "certificates.k8s.io/v1": ("CertificateSigningRequest",),
    "apps/v1": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "coordination.k8s.io/v1": ("Lease",),
    "discovery.k8s.io/v1": ("EndpointSlice",),
    "networking.k8s.io/v1": ("Ingress", "IngressClass", "NetworkPolicy"),
    "node.k8s.io/v1": ("RuntimeClass",),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "scheduling.k8s.io/v1": ("PriorityClass",),
    "scheduling.k8s.io/v1alpha3": ("PodGroup", "Workload"),
    "scheduling.k8s.io/v1beta1": ("PodGroup", "Workload"),
    "storage.k8s.io/v1": ("CSIStorageCapacity", "StorageClass"),
}
SCALARS: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"], "format": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "type": ["string", "integer"],
        "format": "int-or-string",
    },
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": {},
    "io.k8s.apimachinery.pkg.runtime.RawExtension": {},
    "io.k8s.api.scheduling.v1alpha3.CompositePodGroupTemplate": {},  # holds itself
    "io.k8s.api.scheduling.v1beta1.CompositePodGroupTemplate": {},
}
OPTIONAL = {"io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status"}}
"""Fields the published schemas of older versions call required though the server fills them in."""

STRUCTS = ("metadata", "spec", "status", "template")
"""Fields of a kind the API server never leaves out: Go structs that are not pointers, so {} by default."""

KEPT = ("format", "default", "enum")
EXTENSIONS = ("list-type", "list-map-keys", "map-type", "patch-strategy", "patch-merge-key")
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


def main() -> None:
    parser = argparse.ArgumentParser(description="write the schemas beside this file")
    parser.add_argument("--openapi", type=Path, required=True, help="components an API server serves")
    served = json.loads(parser.parse_args().openapi.read_text())
    definitions: dict[str, Any] = {}
    folder = Path(__file__).parent
    for version in VERSIONS:
        release = Release(version, served, definitions)
        write(folder / f"v{version}.json", release.kinds())
    lines = (compact({name: definitions[name]}) for name in sorted(definitions))
    (folder / "definitions.jsonl").write_text("".join(f"{line}\n" for line in lines))


class Release:
    """The definitions of one Kubernetes version, added to a collection all versions share."""

    def __init__(self, version: str, served: dict[str, Any], shared: dict[str, Any]) -> None:
        spec = importlib.util.find_spec("kubernetes_validate")
        if spec is None or spec.origin is None:
            raise SystemExit("this needs: pip install kubernetes-validate")
        folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
        self.published = json.loads((folder / "_definitions.json").read_text())["$defs"]
        self.served = served
        self.shared = shared
        self.names: dict[str, str] = {}

    def kinds(self) -> dict[str, dict[str, str | None]]:
        """apiVersion -> kind -> name of the definition; every kind of this version is there."""
        found: dict[str, dict[str, str | None]] = {}
        for name, definition in self.published.items():
            for gvk in definition.get("x-kubernetes-group-version-kind", ()):
                api = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
                kind = gvk["kind"]
                if name.startswith(META) and api != "v1":
                    continue  # DeleteOptions and the like are registered once more in every group
                wanted = kind in KINDS.get(api, ()) or kind.removesuffix("List") in KINDS.get(api, ())
                found.setdefault(api, {})[kind] = self.name(name) if wanted else None
        found["v1"]["List"] = self.add(self.generic_list())
        return {api: dict(sorted(found[api].items())) for api in sorted(found)}

    def generic_list(self) -> dict[str, Any]:
        """``kind: List`` is kubectl's and has no published schema: any objects, one after another."""
        text = {"type": "string"}
        return {
            "title": "v1.List",
            "type": "object",
            "properties": {
                "apiVersion": text,
                "items": {"type": "array", "items": {}},
                "kind": text,
                "metadata": self.ref(META + "ListMeta"),
            },
            "additionalProperties": False,
        }

    def name(self, full: str) -> str:
        if full not in self.names:
            title = ".".join(full.split(".")[-2:])
            if full in SCALARS:
                body = SCALARS[full]
            else:
                body = self.schema(self.published[full], self.served.get(full, {}))
            if body == {"type": "object"}:  # a struct that has no fields yet
                body |= {"properties": {}, "additionalProperties": False}
            if full in OPTIONAL:
                body["required"] = [field for field in body["required"] if field not in OPTIONAL[full]]
            self.names[full] = self.add({"title": title, **body})
        return self.names[full]

    def ref(self, full: str) -> dict[str, str]:
        return {"$ref": f"#/$defs/{self.name(full)}"}

    def add(self, definition: dict[str, Any]) -> str:
        text = json.dumps(definition, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        if self.shared.setdefault(name, definition) != definition:
            raise SystemExit(f"two definitions hash to {name}")
        return name

    def schema(self, published: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
        """``published`` without prose and null, completed from what the API server serves."""
        result: dict[str, Any] = {}
        if "$ref" in published:
            result = self.ref(published["$ref"].rsplit("/", 1)[-1])
        elif "type" in published:
            kind = published["type"]
            result["type"] = kind if isinstance(kind, str) else next(name for name in kind if name != "null")
        for key in KEPT:
            value = served.get(key) if key == "enum" else published.get(key, served.get(key))
            if value or (key == "default" and value == {}):  # "", 0 and false are Go's zero values
                result[key] = sorted(value) if key == "enum" else value
        for key in (f"x-kubernetes-{extension}" for extension in EXTENSIONS):
            if key in published or key in served:
                result[key] = published.get(key, served.get(key))
        if "properties" in published:
            known = served.get("properties", {})
            structs = STRUCTS if "x-kubernetes-group-version-kind" in published else ()
            result["properties"] = {
                field: self.schema(schema, known.get(field, {"default": {}} if field in structs else {}))
                for field, schema in sorted(published["properties"].items())
            }
            result["additionalProperties"] = False
            if published.get("required"):
                result["required"] = sorted(published["required"])
        elif isinstance(published.get("additionalProperties"), dict):
            values = served.get("additionalProperties")
            result["additionalProperties"] = self.schema(
                published["additionalProperties"], values if isinstance(values, dict) else {}
            )
        if "items" in published:
            result["items"] = self.schema(published["items"], served.get("items", {}))
        return result


def write(path: Path, content: dict[str, Any]) -> None:
    """Compact JSON with one line for each member, so that changes can be read."""
    lines = ",\n".join(f"{json.dumps(key)}:{compact(value)}" for key, value in content.items())
    path.write_text(f"{{\n{lines}\n}}\n")


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    main()
