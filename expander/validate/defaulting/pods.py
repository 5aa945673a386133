"""The defaults of pods (SetDefaults_PodSpec and SetDefaults_Pod in pkg/apis/core/v1)."""

from __future__ import annotations

from typing import Any

from expander.validate.defaulting.containers import container
from expander.validate.defaulting.volumes import volume

POD_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}


def pod_spec(obj: dict[str, Any]) -> None:
    """Fill in the spec of a pod or of a pod template."""
    for field, value in POD_SPEC.items():
        if obj.get(field) in (None, ""):
            obj[field] = value
    obj.setdefault("securityContext", {})
    for part in obj.get("volumes", ()):
        volume(part)
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for part in obj.get(group, ()):
            container(part)


def pod_template(obj: dict[str, Any]) -> None:
    """Fill in a PodTemplate."""
    pod_spec(obj["template"]["spec"])


def pod(obj: dict[str, Any]) -> None:
    """Fill in a Pod: unlike a template, it gets requests from limits and host ports."""
    spec = obj["spec"]
    pod_spec(spec)
    for part in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        requests_from_limits(part["resources"])
        if spec.get("hostNetwork"):
            for port in part.get("ports", ()):
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)
    spec.setdefault("enableServiceLinks", True)


def requests_from_limits(resources: dict[str, Any]) -> None:
    """Where a resource has a limit and no request, the request is the limit."""
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **resources.get("requests", {})}
