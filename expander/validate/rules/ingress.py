"""Ingresses and their classes.

``ValidateIngressCreate`` and ``ValidateIngressClass`` of pkg/apis/networking/validation decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.addresses import ip_address
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    each,
    forbidden,
    immutable,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
    too_long,
)
from expander.validate.rules.metadata import check_domain_prefixed_path, check_metadata

PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
CLASS: Final = "kubernetes.io/ingress.class"
FORBIDDEN_PARTS: Final = ("//", "/./", "/../", "%2f", "%2F")
FORBIDDEN_ENDS: Final = ("/..", "/.")


def check_ingress(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new Ingress."""
    metadata, spec = obj.get("metadata") or EMPTY, obj.get("spec") or EMPTY
    found = [*check_metadata(metadata), *_check_spec(spec, release)]
    annotations = metadata.get("annotations") or EMPTY
    if CLASS in annotations and spec.get("ingressClassName") is not None:
        words = "can not be set when the class field is also set"
        found.append(invalid(f"annotations.{CLASS}", annotations[CLASS], words))
    return found


def _check_spec(spec: Mapping[str, Any], release: Release) -> Findings:
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _check_backend(spec["defaultBackend"], "spec.defaultBackend", release)
    for at, rule in each(spec.get("rules"), "spec.rules"):
        host, http = rule.get("host") or "", rule.get("http")
        if host and not ip_address(host):
            yield invalid(f"{at}.host", host, "must be a DNS name, not an IP address")
        if host:
            yield from _check_host(host, f"{at}.host")
        if http is not None and not http.get("paths"):
            yield required(f"{at}.http.paths")
        for place, path in each((http or EMPTY).get("paths"), f"{at}.http.paths"):
            yield from _check_path(path, place, release)
    for at, tls in each(spec.get("tls"), "spec.tls"):
        for place, host in texts(tls.get("hosts"), f"{at}.hosts"):
            yield from _check_host(host, place)
        if secret := tls.get("secretName"):
            yield from invalid_each(f"{at}.secretName", secret, formats.dns_subdomain(secret))
    if (name := spec.get("ingressClassName")) is not None:
        yield from invalid_each("spec.ingressClassName", name, formats.dns_subdomain(name))


def _check_host(host: str, where: str) -> Findings:
    rule = formats.wildcard_subdomain if "*" in host else formats.dns_subdomain
    yield from invalid_each(where, host, rule(host))


def _check_path(path: Mapping[str, Any], where: str, release: Release) -> Findings:
    kind, text = path.get("pathType"), path.get("path") or ""
    if kind is None:
        yield required(f"{where}.pathType", "pathType must be specified")
        return
    if kind not in PATH_TYPES:
        yield not_supported(f"{where}.pathType", kind, PATH_TYPES)
    elif (kind != "ImplementationSpecific" or text) and not text.startswith("/"):
        yield invalid(f"{where}.path", text, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for part in FORBIDDEN_PARTS:
            if part in text:
                yield invalid(f"{where}.path", text, f"must not contain '{part}'")
        for end in FORBIDDEN_ENDS:
            if text.endswith(end):
                yield invalid(f"{where}.path", text, f"cannot end with '{end}'")
    yield from _check_backend(path.get("backend") or EMPTY, f"{where}.backend", release)


def _check_backend(backend: Mapping[str, Any], where: str, release: Release) -> Findings:
    service, resource = backend.get("service"), backend.get("resource")
    if resource is not None and service is not None:
        yield invalid(where, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _check_resource(resource, f"{where}.resource")
    elif service is not None:
        yield from _check_service(service, where, release)
    else:
        yield invalid(where, "", "resource or service backend is required")


def _check_resource(resource: Mapping[str, Any], where: str) -> Findings:
    if (group := resource.get("apiGroup")) is not None:
        yield from invalid_each(f"{where}.apiGroup", group, formats.dns_subdomain(group))
    for field in ("kind", "name"):
        value = resource.get(field) or ""
        if value:
            yield from invalid_each(f"{where}.{field}", value, formats.path_segment(value))
        else:
            yield required(f"{where}.{field}", f"{field} is required")


def _check_service(service: Mapping[str, Any], where: str, release: Release) -> Findings:
    name, port = service.get("name") or "", service.get("port") or EMPTY
    relaxed = release.has("RelaxedServiceNameValidation")
    if name:
        wrong = formats.dns_label(name) if relaxed else formats.dns_1035_label(name)
        yield from invalid_each(f"{where}.service.name", name, wrong)
    else:
        yield required(f"{where}.service.name")
    named, number = port.get("name") or "", port.get("number") or 0
    if named and number:
        yield invalid(where, "", "cannot set both port name & port number")
    elif named:
        yield from invalid_each(f"{where}.service.port.name", named, formats.port_name(named))
    elif number:
        yield from invalid_each(f"{where}.service.port.number", number, formats.port_number(number))
    else:
        yield required(where, "port name or number is required")


SCOPES: Final = ("Cluster", "Namespace")
MAX_CONTROLLER_BYTES: Final = 250


def fill_class(obj: dict[str, Any]) -> None:
    """The defaults of an IngressClass."""
    if parameters := obj["spec"].get("parameters"):
        parameters.setdefault("scope", "Cluster")


def check_class(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new IngressClass with its defaults."""
    spec = obj.get("spec") or EMPTY
    controller, found = (
        spec.get("controller") or "",
        check_metadata(obj.get("metadata") or EMPTY, namespaced=False),
    )
    if formats.byte_length(controller) > MAX_CONTROLLER_BYTES:
        found.append(too_long("spec.controller", MAX_CONTROLLER_BYTES))
    found += check_domain_prefixed_path(controller, "spec.controller")
    if spec.get("parameters") is not None:
        found += _check_parameters(spec["parameters"], "spec.parameters")
    return found


def check_class_changes(new: Mapping[str, Any], old: Mapping[str, Any], release: Release) -> Findings:
    """The controller of an IngressClass stays."""
    if new["spec"].get("controller") != old["spec"].get("controller"):
        yield immutable("spec.controller", new["spec"].get("controller"))


def _check_parameters(given: Mapping[str, Any], where: str) -> Findings:
    if group := given.get("apiGroup"):
        yield from invalid_each(f"{where}.apiGroup", group, formats.dns_subdomain(group))
    for field in ("kind", "name"):
        if value := given.get(field):
            yield from invalid_each(f"{where}.{field}", value, formats.path_segment(value))
        else:
            yield required(f"{where}.{field}", f"{field} is required")
    scope, namespace = given.get("scope"), given.get("namespace")
    if scope not in SCOPES:
        yield not_supported(f"{where}.scope", scope, SCOPES)
    elif scope == "Cluster" and namespace is not None:
        yield forbidden(f"{where}.namespace", "`parameters.scope` is set to 'Cluster'")
    elif scope == "Namespace" and namespace is None:
        yield required(f"{where}.namespace", "`parameters.scope` is set to 'Namespace'")
    elif namespace is not None:
        yield from invalid_each(f"{where}.namespace", namespace, formats.dns_label(namespace))
