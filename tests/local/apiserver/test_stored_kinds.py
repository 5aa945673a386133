"""Kinds that no controller here looks after are kept as a cluster keeps them: classes, capacities, requests."""

from base64 import b64encode
from typing import Any

import pytest

from expander import validate
from tests.local.apiserver.serving import Server

CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
PEM = b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n").decode()
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def request(**spec: Any) -> dict[str, Any]:
    given = {"request": PEM, "signerName": "example.com/mine", "usages": ["client auth"], **spec}
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "mine"},
        "spec": given,
    }


def ingress_class(**spec: Any) -> dict[str, Any]:
    given = {"controller": "example.com/lb", **spec}
    metadata = {"name": "mine"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": metadata, "spec": given}


def capacity(**fields: Any) -> dict[str, Any]:
    given = {"storageClassName": "standard", **fields}
    metadata = {"name": "mine"}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity", "metadata": metadata, **given}


def test_a_signing_request_names_who_made_it_and_is_approved_without_a_change_of_its_spec(
    server: Server,
) -> None:
    code = server.request("POST", REQUESTS, request(username="another")).code
    made = server.request("GET", f"{REQUESTS}/mine").json
    assert (code, made["spec"]["username"]) == (201, "kubernetes-admin")
    condition = {"type": "Approved", "status": "True", "reason": "Fine"}
    approved = made | {"status": {"conditions": [condition], "certificate": "YQ=="}}
    approved["spec"] = {**made["spec"], "signerName": "example.com/other"}
    answer = server.request("PUT", f"{REQUESTS}/mine/approval", approved).json
    assert answer["status"] == {"conditions": [condition]}
    assert answer["spec"] == made["spec"]
    (row,) = server.request("GET", REQUESTS, headers=TABLE).json["rows"]
    assert (row["cells"][2:4], row["cells"][5]) == (["example.com/mine", "kubernetes-admin"], "Approved")


def test_the_parameters_of_an_ingress_class_are_shown_and_its_controller_stays(server: Server) -> None:
    parameters = {"apiGroup": "example.com", "kind": "Limits", "name": "wide"}
    made = server.request("POST", CLASSES, ingress_class(parameters=parameters)).json
    assert made["spec"]["parameters"]["scope"] == "Cluster"
    (row,) = server.request("GET", CLASSES, headers=TABLE).json["rows"]
    assert row["cells"][1:3] == ["example.com/lb", "Limits.example.com/wide"]
    made["spec"]["controller"] = "example.com/other"
    refused = server.request("PUT", f"{CLASSES}/mine", made)
    assert (refused.code, refused.json["details"]["causes"][0]["field"]) == (422, "spec.controller")


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        (request(request="YQ=="), "spec.request"),
        (request(usages=[]), "spec.usages"),
        (request(usages=["signing", "signing"]), "spec.usages[1]"),
        (request(usages=["sign"]), "spec.usages[0]"),
        (request(signerName="mine"), "spec.signerName"),
        (request(signerName="kubernetes.io/legacy-unknown"), "spec.signerName"),
        (request(expirationSeconds=599), "spec.expirationSeconds"),
        (ingress_class(controller="lb"), "spec.controller"),
        (ingress_class(controller="a.b/" + "c" * 250), "spec.controller"),
        (ingress_class(parameters={"kind": "A", "name": "a/b"}), "spec.parameters.name"),
        (
            ingress_class(parameters={"kind": "A", "name": "a", "scope": "Namespace"}),
            "spec.parameters.namespace",
        ),
        (ingress_class(parameters={"kind": "A", "name": "a", "namespace": "b"}), "spec.parameters.namespace"),
        (ingress_class(parameters={"kind": "A", "name": "a", "scope": "All"}), "spec.parameters.scope"),
        (capacity(storageClassName="A"), "storageClassName"),
        (capacity(capacity="-1Gi"), "capacity"),
        (capacity(nodeTopology={"matchLabels": {"a": "!"}}), "nodeTopology.matchLabels"),
    ],
)
def test_what_a_server_refuses_is_refused(obj: dict[str, Any], path: str) -> None:
    assert [each.path for each in validate(obj)] == [path]


@pytest.mark.parametrize("obj", [request(), ingress_class(), capacity(capacity="5Gi")])
def test_what_a_server_takes_is_taken(obj: dict[str, Any]) -> None:
    assert validate(obj) == []
