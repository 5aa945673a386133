"""Services that change their type: addresses and ports of the node come and go with it."""

import random
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from expander.validate.rules.service import NODE_PORTS
from tests.local.apiserver.serving import Server

SERVICES = "/api/v1/namespaces/default/services"
MERGE = {"Content-Type": "application/merge-patch+json"}
PORTS = [
    {"name": "web", "port": 80},
    {"name": "dns", "port": 53, "protocol": "UDP"},
    {"name": "dns-t", "port": 53},
]


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def changed(server: Server, name: str, **spec: Any) -> dict[str, Any]:
    """The spec of a Service after a merge patch of it."""
    answer = server.request("PATCH", f"{SERVICES}/{name}", {"spec": spec}, headers=MERGE)
    assert answer.code == 200, answer.json
    found: dict[str, Any] = answer.json["spec"]
    return found


def node_ports(spec: dict[str, Any]) -> list[int | None]:
    return [each.get("nodePort") for each in spec["ports"]]


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_ports_of_the_node_come_with_a_type_that_has_them_and_go_with_it(server: Server, kind: str) -> None:
    name = kind.lower()
    given = server.request("POST", SERVICES, service(name, ports=PORTS)).json["spec"]
    assert node_ports(given) == [None, None, None]
    with_ports = changed(server, name, type=kind)
    web, dns, dns_t = node_ports(with_ports)
    assert dns == dns_t != web
    assert {web, dns} <= {*NODE_PORTS}
    assert (with_ports["clusterIP"], with_ports["externalTrafficPolicy"]) == (given["clusterIP"], "Cluster")
    assert changed(server, name, type="ClusterIP") == given


def test_a_replaced_service_keeps_its_address_and_its_ports(server: Server) -> None:
    made = service("kept", type="NodePort", ports=PORTS)
    given = server.request("POST", SERVICES, made).json["spec"]
    assert server.request("PUT", f"{SERVICES}/kept", made).json["spec"] == given
    assert node_ports(changed(server, "kept", ports=PORTS[:2])) == node_ports(given)[:2]


def test_two_services_have_ports_of_their_own(server: Server) -> None:
    specs = [
        server.request("POST", SERVICES, service(name, type="NodePort", ports=PORTS[:1])).json["spec"]
        for name in ("one", "other")
    ]
    assert node_ports(specs[0]) != node_ports(specs[1])


def test_an_external_name_that_becomes_a_cluster_address_gets_one_and_gives_it_back(server: Server) -> None:
    given = server.request(
        "POST", SERVICES, service("outside", type="ExternalName", externalName="example.com")
    ).json["spec"]
    assert "clusterIP" not in given
    inside = changed(server, "outside", type="ClusterIP", externalName=None, ports=[{"port": 80}])
    assert inside["clusterIPs"] == [inside["clusterIP"]]
    assert (inside["ipFamilies"], inside["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    again = changed(server, "outside", type="ExternalName", externalName="example.com", ports=None)
    assert again.keys() & {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} == set()


def test_an_address_that_is_held_cannot_become_another(server: Server) -> None:
    server.request("POST", SERVICES, service("fixed", ports=PORTS))
    body = {"spec": {"clusterIP": "10.0.200.1", "clusterIPs": ["10.0.200.1"]}}
    assert server.request("PATCH", f"{SERVICES}/fixed", body, headers=MERGE).code == 422


def test_what_another_service_has_is_refused(server: Server) -> None:
    web = {"name": "web", "port": 80}
    held = {"clusterIP": "10.0.77.1", "ports": [web | {"nodePort": 31777}]}
    assert server.request("POST", SERVICES, service("owner", type="NodePort", **held)).code == 201
    wrong = 'spec.clusterIPs: Invalid value: ["{0}"]: failed to allocate IP {0}: {1}'
    for spec, message in (
        ({"clusterIP": "10.0.77.1"}, wrong.format("10.0.77.1", "provided IP is already allocated")),
        (
            {"clusterIP": "1.2.3.4"},
            wrong.format("1.2.3.4", "the provided network does not match the current range"),
        ),
        (
            {"type": "NodePort", "ports": held["ports"]},
            "spec.ports[0].nodePort: Invalid value: 31777: provided port is already allocated",
        ),
    ):
        answer = server.request("POST", SERVICES, service("second", **{"ports": [web]} | spec))
        assert (answer.code, answer.json["message"]) == (422, f'Service "second" is invalid: {message}')
    server.request("POST", SERVICES, service("third", type="NodePort", ports=[web]))
    change = {"spec": {"ports": held["ports"]}}
    assert server.request("PATCH", f"{SERVICES}/third", change, headers=MERGE).code == 422
    changed(server, "owner", ports=[*held["ports"], {"name": "other", "port": 81}])


def test_endpoints_that_somebody_writes_have_slices_of_their_own(server: Server) -> None:
    core = "/api/v1/namespaces/default"
    server.request("POST", SERVICES, service("manual", ports=[{"name": "web", "port": 80}]))
    ports = [{"name": "web", "port": 8080, "protocol": "TCP"}]
    subset = {"addresses": [{"ip": "10.9.9.9"}], "notReadyAddresses": [{"ip": "10.9.9.8"}], "ports": ports}
    made = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "manual"}, "subsets": [subset]}
    assert server.request("POST", f"{core}/endpoints", made).code == 201
    (found,) = slices(server, 1)
    assert [each["addresses"] for each in found["endpoints"]] == [["10.9.9.9"], ["10.9.9.8"]]
    assert [each["conditions"] for each in found["endpoints"]] == [{"ready": True}, {"ready": False}]
    assert (found["ports"], found["addressType"]) == (ports, "IPv4")
    labels = found["metadata"]["labels"]
    assert labels["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"
    changed(server, "manual", selector={"app": "a"})
    assert slices(server, 0) == []


def test_a_port_of_the_node_leads_where_endpoints_say_and_after_a_kill_too(state: Path) -> None:
    address = "127.77.0.1"  # as pods have them
    with socket.create_server((address, 0)) as program:
        program.settimeout(120)
        number = free_node_port()
        made = service("outside", type="NodePort", ports=[{"port": 80, "nodePort": number}])
        subset = {
            "addresses": [{"ip": address}],
            "ports": [{"port": program.getsockname()[1], "protocol": "TCP"}],
        }
        endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "outside"}}
        server = Server(state).start()
        assert server.request("POST", SERVICES, made).code == 201
        path = "/api/v1/namespaces/default/endpoints"
        local = {**subset, "addresses": [{"ip": "127.0.0.1"}]}
        assert server.request("POST", path, endpoints | {"subsets": [local]}).code == 422
        assert server.request("POST", path, endpoints | {"subsets": [subset]}).code == 201
        assert server.request("PUT", f"{path}/outside", endpoints | {"subsets": [subset]}).code == 200
        reached(program, number)
        server.stop(signal.SIGKILL)
        server.start()
        reached(program, number)
        assert server.stop() == 0


def free_node_port() -> int:
    """One at which nobody on this machine listens; other tests have servers too."""
    numbers = list(NODE_PORTS)
    random.shuffle(numbers)
    for number in numbers:
        with suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number
    raise AssertionError("all are taken")


def reached(program: socket.socket, number: int) -> None:
    """Connect to a port of the node until somebody listens there; that is the program."""
    end = time.monotonic() + 120
    while True:
        try:
            with socket.create_connection(("127.0.0.1", number), timeout=120), program.accept()[0]:
                return
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.02)


def slices(server: Server, count: int) -> list[dict[str, Any]]:
    """The mirrored slices of the Service once there are so many."""
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector="
    path += "kubernetes.io/service-name%3Dmanual,endpointslice.kubernetes.io/managed-by%3D"
    path += "endpointslicemirroring-controller.k8s.io"
    end = time.monotonic() + 120
    while len(found := server.request("GET", path).json["items"]) != count:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return list(found)
