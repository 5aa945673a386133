"""The tag of a container image, as the API server reads it to choose a pull policy.

The grammar of references is that of github.com/distribution/reference.

The defaults of containers (SetDefaults_Container, _Probe, _HTTPGetAction in pkg/apis/core/v1).

The defaults of volumes (SetDefaults_Volume and the volume sources in pkg/apis/core/v1).

The defaults of what Jobs come with (the kinds' own functions in pkg/apis/core/v1).

The defaults of pods (SetDefaults_PodSpec and SetDefaults_Pod in pkg/apis/core/v1).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from expander.base.late_module import late_module
from expander.base.regex import regex

if TYPE_CHECKING:
    from expander.kube import resources as pod_resources
else:  # for Pods
    pod_resources = late_module("expander.kube.resources")

WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
DOMAIN = rf"(?:{HOST}(?:\.{HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
REFERENCE = regex(
    rf"(?P<name>(?:{DOMAIN}/)?{WORD}(?:/{WORD})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{DIGEST}))?",
    re.ASCII,
)
IDENTIFIER = regex(r"[a-f0-9]{64}")
MAX_IMAGE_NAME_CHARS = 255
MAX_IMAGE_CHARS = 4096
"""Longer than any name with tag and digest; what is longer is not looked at."""


@lru_cache(maxsize=1024)
def pull_policy(image: str) -> str:
    """``Always`` for an image whose tag is latest, written or meant; else ``IfNotPresent``."""
    return "Always" if tag(image) == "latest" else "IfNotPresent"


def tag(image: str) -> str:
    """The tag of ``image``: ``latest`` when it has neither tag nor digest, empty when it is malformed."""
    found = REFERENCE.fullmatch(image) if len(image) <= MAX_IMAGE_CHARS else None
    if found is None or IDENTIFIER.fullmatch(image) or len(found["name"]) > MAX_IMAGE_NAME_CHARS:
        return ""
    return found["tag"] or ("" if found["digest"] else "latest")


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


READABLE = 0o644
WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")
HOUR_SECONDS = 3600


def volume(obj: dict[str, Any]) -> None:
    """Fill in one volume; without a source it is an emptyDir."""
    if not any(field != "name" for field in obj):
        obj["emptyDir"] = {}
    for source in WITH_MODE:
        if source in obj:
            obj[source].setdefault("defaultMode", READABLE)
    if "hostPath" in obj:
        obj["hostPath"].setdefault("type", "")
    for item in obj.get("downwardAPI", {}).get("items", ()):
        env_source(item)
    for source in obj.get("projected", {}).get("sources", ()):
        projection(source)
    if "image" in obj and not obj["image"].get("pullPolicy"):
        obj["image"]["pullPolicy"] = pull_policy(obj["image"].get("reference", ""))
    template = obj.get("ephemeral", {}).get("volumeClaimTemplate")
    if template is not None:
        claim_spec(template["spec"])


def projection(obj: dict[str, Any]) -> None:
    """Fill in one source of a projected volume."""
    for item in obj.get("downwardAPI", {}).get("items", ()):
        env_source(item)
    if "serviceAccountToken" in obj:
        obj["serviceAccountToken"].setdefault("expirationSeconds", HOUR_SECONDS)


def claim_spec(obj: dict[str, Any]) -> None:
    """Fill in the spec of a claim for a persistent volume."""
    obj.setdefault("volumeMode", "Filesystem")


THREE_HOURS = 10800
REACHABLE = ("NodePort", "LoadBalancer")


def service(obj: dict[str, Any]) -> None:
    """Fill in a Service; cluster addresses are allocated, not defaulted."""
    spec = obj["spec"]
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", THREE_HOURS)
    for port in spec.get("ports", ()):
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    external = spec["type"] in REACHABLE or (spec["type"] == "ClusterIP" and spec.get("externalIPs"))
    if external and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] in (*REACHABLE, "ClusterIP"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def secret(obj: dict[str, Any]) -> None:
    """Fill in a Secret."""
    if not obj.get("type"):
        obj["type"] = "Opaque"


def claim(obj: dict[str, Any]) -> None:
    """Fill in a PersistentVolumeClaim."""
    claim_spec(obj["spec"])
    if not obj["status"].get("phase"):
        obj["status"]["phase"] = "Pending"


def namespace(obj: dict[str, Any]) -> None:
    """Fill in a Namespace."""
    metadata = obj["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    if not obj["status"].get("phase"):
        obj["status"]["phase"] = "Active"


def limit_range(obj: dict[str, Any]) -> None:
    """Fill in a LimitRange: limits from maxima, requests from limits, then from minima."""
    for item in obj["spec"].get("limits", ()):
        if item.get("type") == "Container":
            item["default"] = {**item.get("max", {}), **item.get("default", {})}
            item["defaultRequest"] = {
                **item.get("min", {}),
                **item["default"],
                **item.get("defaultRequest", {}),
            }


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
    if spec.get("hostNetwork"):
        for part in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            for port in part.get("ports", ()):
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)
    spec.setdefault("enableServiceLinks", True)
    obj["spec"] = pod_resources.with_requests(spec)
