"""Ingresses: the verdicts are those of ``pkg/apis/networking/validation``."""

from __future__ import annotations

from typing import Any

import pytest

from expander.validate.check import check

SERVICE = {"name": "web", "port": {"number": 80}}
BACKEND = {"service": SERVICE}


def ingress(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a", **metadata}}
    return {**head, "spec": spec}


def with_path(**path: Any) -> dict[str, Any]:
    return {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND, **path}]}}]}


def with_host(host: str) -> dict[str, Any]:
    return {"rules": [{"host": host}]}


@pytest.mark.parametrize(
    "spec",
    [
        {"defaultBackend": BACKEND},
        {"defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}}},
        {"defaultBackend": {"resource": {"kind": "Bucket", "name": "one"}}},
        with_path(),
        with_path(path="", pathType="ImplementationSpecific"),
        with_path(path="/a//b", pathType="ImplementationSpecific"),
        with_host("*.example.com"),
        {"defaultBackend": BACKEND, "tls": [{"hosts": ["a.b", "*.b"], "secretName": "cert"}]},
    ],
)
def test_an_ingress_leads_hosts_and_paths_to_services(spec: dict[str, Any]) -> None:
    assert check(ingress(spec)) == []


PATH = "spec.rules[0].http.paths[0]"


@pytest.mark.parametrize(
    ("spec", "where", "words"),
    [
        ({}, "spec", "either `defaultBackend` or `rules`"),
        ({"defaultBackend": {}}, "spec.defaultBackend", "resource or service backend is required"),
        ({"defaultBackend": {"service": {"name": "web"}}}, "spec.defaultBackend", "port name or number"),
        ({"defaultBackend": {"service": {"name": "web", "port": {"name": "a", "number": 1}}}},
         "spec.defaultBackend", "cannot set both port name & port number"),
        ({"defaultBackend": {"service": {"name": "web", "port": {"number": 70000}}}},
         "spec.defaultBackend.service.port.number", "65535"),
        ({"defaultBackend": {"service": {"name": "web", "port": {"name": "Bad"}}}},
         "spec.defaultBackend.service.port.name", "a-z"),
        ({"defaultBackend": {"resource": {"kind": "Bucket"}}}, "spec.defaultBackend.resource.name", "Required"),
        ({"defaultBackend": {**BACKEND, "resource": {"kind": "Bucket", "name": "x"}}}, "spec.defaultBackend",
         "cannot set both"),
        ({"defaultBackend": BACKEND, "ingressClassName": "A"}, "spec.ingressClassName", "RFC 1123"),
        ({"defaultBackend": BACKEND, "tls": [{"hosts": ["a_b"]}]}, "spec.tls[0].hosts[0]", "RFC 1123"),
        ({"defaultBackend": BACKEND, "tls": [{"secretName": "A"}]}, "spec.tls[0].secretName", "RFC 1123"),
        (with_host("10.0.0.1"), "spec.rules[0].host", "must be a DNS name, not an IP address"),
        (with_host("*.*.com"), "spec.rules[0].host", "a wildcard DNS-1123 subdomain"),
        (with_host("a*.com"), "spec.rules[0].host", "a wildcard DNS-1123 subdomain"),
        (with_path(pathType=None), f"{PATH}.pathType", "must be specified"),
        (with_path(pathType="Regex"), f"{PATH}.pathType", '"Exact", "ImplementationSpecific", "Prefix"'),
        (with_path(path="x"), f"{PATH}.path", "absolute"),
        (with_path(path="/a//b"), f"{PATH}.path", "must not contain '//'"),
        (with_path(path="/a/.."), f"{PATH}.path", "cannot end with '/..'"),
    ],
)  # fmt: skip
def test_what_the_server_refuses_has_a_finding(spec: dict[str, Any], where: str, words: str) -> None:
    found = check(ingress(spec)) or []
    assert [finding.path for finding in found] == [where]
    assert words in found[0].message


def test_the_class_is_named_once() -> None:
    old = {"kubernetes.io/ingress.class": "nginx"}
    assert check(ingress({"defaultBackend": BACKEND}, annotations=old)) == []
    found = check(ingress({"defaultBackend": BACKEND, "ingressClassName": "nginx"}, annotations=old)) or []
    assert [finding.path for finding in found] == ["annotations.kubernetes.io/ingress.class"]
