"""Ports of containers."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[..., list[tuple[str, str]]]


def test_a_port_has_a_number_in_range_and_a_known_protocol(in_container: Check) -> None:
    ports = [{}, {"containerPort": 70000}, {"containerPort": 1, "hostPort": -1, "protocol": "QUIC"}]
    assert in_container(ports=ports) == [
        ("ports[0].containerPort", "Required value"),
        ("ports[1].containerPort", "Invalid value: 70000: must be between 1 and 65535, inclusive"),
        ("ports[2].hostPort", "Invalid value: -1: must be between 1 and 65535, inclusive"),
        ("ports[2].protocol", 'Unsupported value: "QUIC": supported values: "SCTP", "TCP", "UDP"'),
    ]


def test_names_of_ports_are_unique_in_a_container(in_container: Check) -> None:
    ports = [{"name": "http", "containerPort": 80}, {"name": "http", "containerPort": 81}]
    assert in_container(ports=ports) == [("ports[1].name", 'Duplicate value: "http"')]


def test_a_port_of_the_node_is_taken_once_by_protocol_and_address(in_spec: Check) -> None:
    def container(name: str, **port: object) -> dict[str, object]:
        return {"name": name, "image": "i", "ports": [{"containerPort": 80, "hostPort": 80, **port}]}

    found = in_spec(
        containers=[
            container("a"),
            container("b", protocol="UDP"),
            container("c", hostIP="10.0.0.1"),
            container("d"),
        ]
    )
    assert found == [("spec.containers[3].ports[0].hostPort", 'Duplicate value: "TCP//80"')]


def test_on_the_network_of_the_node_both_ports_are_the_same(in_container: Check) -> None:
    ports = [{"containerPort": 80, "hostPort": 81}, {"containerPort": 90}]
    assert in_container({"hostNetwork": True}, ports=ports) == [
        ("ports[0].hostPort", "Invalid value: 81: must match `containerPort` when `hostNetwork` is true")
    ]
