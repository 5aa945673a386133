"""The defaults of containers (SetDefaults_Container, _Probe, _HTTPGetAction in pkg/apis/core/v1)."""

from __future__ import annotations

from typing import Any

from expander.validate.defaulting.images import pull_policy

PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def container(obj: dict[str, Any]) -> None:
    """Fill in one container, init container or ephemeral container."""
    if not obj.get("imagePullPolicy"):
        obj["imagePullPolicy"] = pull_policy(obj.get("image", ""))
    if not obj.get("terminationMessagePath"):
        obj["terminationMessagePath"] = "/dev/termination-log"
    if not obj.get("terminationMessagePolicy"):
        obj["terminationMessagePolicy"] = "File"
    for variable in obj.get("env", ()):
        source = variable.get("valueFrom")
        if source:
            env_source(source)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in obj:
            probe(obj[name])
    for handler in obj.get("lifecycle", {}).values():
        if isinstance(handler, dict) and "httpGet" in handler:
            http_get(handler["httpGet"])


def env_source(obj: dict[str, Any]) -> None:
    """Fill in where the value of an environment variable, or of a downward API file, comes from."""
    field = obj.get("fieldRef")
    if field is not None and not field.get("apiVersion"):
        field["apiVersion"] = "v1"
    resource = obj.get("resourceFieldRef")
    if resource is not None:
        resource.setdefault("divisor", "0")
    if "fileKeyRef" in obj:
        obj["fileKeyRef"].setdefault("optional", False)


def probe(obj: dict[str, Any]) -> None:
    """Fill in a probe."""
    for field, value in PROBE.items():
        if not obj.get(field):
            obj[field] = value
    if "httpGet" in obj:
        http_get(obj["httpGet"])
    if "grpc" in obj:
        obj["grpc"].setdefault("service", "")


def http_get(obj: dict[str, Any]) -> None:
    """Fill in an HTTP request of a probe or a lifecycle handler."""
    if not obj.get("path"):
        obj["path"] = "/"
    if not obj.get("scheme"):
        obj["scheme"] = "HTTP"
