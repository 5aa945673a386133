"""A CustomResourceDefinition for tests, and objects of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
STRATEGIC_PATCH = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY_PATCH = {"Content-Type": "application/apply-patch+yaml"}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}

_SPEC: dict[str, Any] = {
    "type": "object",
    "description": "What the widget is.",
    "required": ["color"],
    "x-kubernetes-validations": [
        {"rule": "self.replicas <= 5 || self.color == 'blue'", "message": "too many for its color"},
        {"rule": "self.color == oldSelf.color", "message": "color is immutable", "fieldPath": ".color"},
    ],
    "properties": {
        "color": {"type": "string", "enum": ["red", "blue"]},
        "replicas": {"type": "integer", "default": 1, "minimum": 0},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            },
        },
    },
}
_CONDITION: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
}
_STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
        "conditions": {"type": "array", "items": _CONDITION},
    },
}
_OLD_SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "color": {"type": "string"},
        "replicas": {"type": "integer"},
        "shade": {"type": "string"},
    },
}


def definition(group: str, kind: str = "Widget", plural: str = "widgets", **spec: Any) -> dict[str, Any]:
    """The definition of widgets in a group: two versions, status, scale, columns, selectable fields."""
    subresources = {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    columns = [
        {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    newer = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": subresources,
        "additionalPrinterColumns": columns,
        "selectableFields": [{"jsonPath": ".spec.color"}],
        "schema": schema({"spec": _SPEC, "status": _STATUS}, required=["spec"]),
    }
    older = {"name": "v1beta1", "served": True, "storage": False, "deprecated": True}
    older["schema"] = schema({"spec": _OLD_SPEC})
    made = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [f"{plural[0]}d"], "categories": ["all"]},
            "versions": [newer, older],
            **spec,
        },
    }
    return deepcopy(made)


def schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The schema of a version."""
    return {"openAPIV3Schema": {"type": "object", "properties": properties, **more}}


def widget(group: str, name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
    """A widget that is red unless told otherwise."""
    metadata = {"name": name, "labels": {"app": name}}
    return {
        "apiVersion": f"{group}/{version}",
        "kind": "Widget",
        "metadata": metadata,
        "spec": {"color": "red", **spec},
    }
