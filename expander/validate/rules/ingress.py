"""Ingresses (``ValidateIngressCreate`` of pkg/apis/networking/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, Findings, each, invalid, not_supported, required
from expander.validate.rules.metadata import check_metadata

PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")


def check_ingress(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new Ingress."""
    return [*check_metadata(obj.get("metadata") or EMPTY), *_check_spec(obj.get("spec") or EMPTY)]


def _check_spec(spec: Mapping[str, Any]) -> Findings:
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _check_backend(spec["defaultBackend"], "spec.defaultBackend")
    for at, rule in each(spec.get("rules"), "spec.rules"):
        if host := rule.get("host"):
            for words in formats.dns_subdomain(host.removeprefix("*.")):
                yield invalid(f"{at}.host", host, words)
        if rule.get("http") is not None and not rule["http"].get("paths"):
            yield required(f"{at}.http.paths")
        for place, path in each((rule.get("http") or EMPTY).get("paths"), f"{at}.http.paths"):
            yield from _check_path(path, place)


def _check_path(path: Mapping[str, Any], where: str) -> Findings:
    kind, text = path.get("pathType"), path.get("path") or ""
    if kind is None:
        yield required(f"{where}.pathType", "pathType must be specified")
    elif kind not in PATH_TYPES:
        yield not_supported(f"{where}.pathType", kind, PATH_TYPES)
    elif (kind != "ImplementationSpecific" or text) and not text.startswith("/"):
        yield invalid(f"{where}.path", text, "must be an absolute path")
    yield from _check_backend(path.get("backend") or EMPTY, f"{where}.backend")


def _check_backend(backend: Mapping[str, Any], where: str) -> Findings:
    service = backend.get("service")
    if backend.get("resource") is not None:
        if service is not None:
            yield invalid(where, "", "cannot set both resource and service backends")
        return
    if service is None:
        yield required(where, "must specify one of: service, resource")
        return
    name, port = service.get("name") or "", service.get("port") or EMPTY
    if not name:
        yield required(f"{where}.service.name")
    for words in formats.dns_label(name) if name else ():
        yield invalid(f"{where}.service.name", name, words)
    if not port.get("name") and not port.get("number"):
        yield required(f"{where}.service.port", "port name or number is required")
