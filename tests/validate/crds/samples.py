"""A kind of custom resource with the schema that a test needs."""

from __future__ import annotations

from typing import Any

from expander.kube.versions import DEFAULT, Release
from expander.validate.check import check, check_replacement
from expander.validate.crds.definitions import Definitions, kinds_of
from expander.validate.finding import Finding

INTEGER = {"type": "integer"}
STRING = {"type": "string"}
RESOURCE = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE])?$",
    "x-kubernetes-int-or-string": True,
}


def objects(**properties: Any) -> dict[str, Any]:
    """The schema of an object with these fields."""
    return {"type": "object", "properties": properties}


def rule(text: str, **more: Any) -> dict[str, Any]:
    return {"rule": text, **more}


def definition(spec: dict[str, Any], status: dict[str, Any] | None = None, **version: Any) -> dict[str, Any]:
    """A CustomResourceDefinition of Sweeps in lab.example.com/v1 with these schemas of spec and status."""
    properties = {"apiVersion": STRING, "kind": STRING, "metadata": {"type": "object"}, "spec": spec}
    subresources: dict[str, Any] = {}
    if status is not None:
        properties["status"] = status
        subresources = {"status": {}}
    root = {"type": "object", "properties": properties, **version.pop("root", {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "sweeps.lab.example.com"},
        "spec": {
            "group": "lab.example.com",
            "names": {"kind": "Sweep", "plural": "sweeps"},
            "scope": version.pop("scope", "Namespaced"),
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root},
                    "subresources": subresources,
                    **version,
                }
            ],
        },
    }


def sweep(spec: Any, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "lab.example.com/v1",
        "kind": "Sweep",
        "metadata": {"name": "s"},
        "spec": spec,
        **more,
    }


def refusals(
    schema: dict[str, Any], spec: Any, old: Any = None, *, release: Release = DEFAULT, **more: Any
) -> list[Finding]:
    """The findings about a Sweep with ``spec``, created or in place of one with the spec ``old``."""
    defined = Definitions(kinds_of(definition(schema, **more)))
    if old is None:
        found = check(sweep(spec), release, crds=defined)
    else:
        found = check_replacement(sweep(spec), sweep(old), release, crds=defined)
    assert found is not None
    return found


def said(schema: dict[str, Any], spec: Any, old: Any = None, **more: Any) -> list[str]:
    """The same as text."""
    return [str(each) for each in refusals(schema, spec, old, **more)]
