"""Services whose ports are not those of their pods: real sockets, with and without pods behind them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from expander.local.kubelet.service_names import PodEndpoint
from expander.local.kubelet.service_proxy import GIVE_WAY_SECONDS, ServiceProxy, service_address
from tests.local.kubelet.world import World, container, pod

NUMBERS = count()
SEED = os.getpid() & 0xFFFF
"""Tests that run at the same time have other addresses."""


def free_port() -> int:
    with socket.create_server(("0.0.0.0", 0)) as probe:
        return int(probe.getsockname()[1])


def service(*ports: dict[str, Any], name: str = "web", **spec: Any) -> dict[str, Any]:
    number = next(NUMBERS)
    own = {
        "selector": {"app": "web"},
        "clusterIP": f"10.0.{number >> 8}.{number & 255}",
        "ports": list(ports),
    }
    return {"metadata": {"name": name, "namespace": "team", "uid": f"s{number}"}, "spec": own | spec}


def backend(*declared: int, ready: bool = True, app: str = "web") -> PodEndpoint:
    """A pod with an address of its own."""
    number = next(NUMBERS)
    one = pod(container(ports=[{"containerPort": each} for each in declared]))
    one["metadata"] |= {"labels": {"app": app}, "uid": f"p{number}", "name": f"{app}-{number}"}
    address = f"127.{64 | SEED >> 8 & 63}.{SEED & 255}.{number % 250 + 1}"
    return PodEndpoint(one, address, ready=ready)


@contextmanager
def answering(at: tuple[str, int], words: bytes) -> Iterator[None]:
    """A program that listens there, reads to the end, and says ``words`` and what it read."""
    with socket.create_server(at) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(words + read_all(connection))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def ask(at: tuple[str, int], words: bytes = b"") -> bytes:
    with socket.create_connection(at, timeout=30) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def proxy() -> Iterator[ServiceProxy]:
    made = ServiceProxy(SEED)
    yield made
    made.stop()


class Cluster:
    """A namespace with Services and pods in front of a proxy, and a clock."""

    def __init__(self, proxy: ServiceProxy, *services: dict[str, Any]) -> None:
        self.proxy = proxy
        self.services = list(services)
        self.pods: list[PodEndpoint] = []
        self.slices: list[dict[str, Any]] = []
        self.now = 1000.0
        self.sync()

    def add(self, *pods: PodEndpoint) -> None:
        for each in pods:
            self.pods.append(each)
            self.proxy.add_pod(each)
        self.sync()

    def remove(self, gone: PodEndpoint) -> None:
        self.pods.remove(gone)
        self.proxy.remove_pod(gone)
        self.sync()

    def sync(self) -> None:
        self.proxy.update("team", self.services, self.pods, lambda _namespace, _name: self.slices)
        self.look()

    def look(self, seconds: float = 0.0) -> None:
        """Let time pass, look by look."""
        until = self.now + seconds
        while (due := self.proxy.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.proxy.refresh(self.now)
        self.now = until

    def address(self, number: int = 0) -> str:
        found = self.proxy.own_address(self.services[number])
        assert found is not None
        return found


def test_a_port_leads_to_the_ready_pods_in_turn(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    first, second, unready = backend(), backend(), backend(ready=False)
    with ExitStack() as pods:
        for each, name in ((first, b"first"), (second, b"second"), (unready, b"unready")):
            pods.enter_context(answering((each.ip, back), name))
        cluster.add(first, second, unready)
        at = (cluster.address(), front)
        assert proxy.address(cluster.services[0]) == at[0]
        assert {ask(at), ask(at)} == {b"first", b"second"}
        second.ready = False
        cluster.sync()
        assert {ask(at), ask(at)} == {b"first"}
        cluster.remove(first)
        with pytest.raises(ConnectionRefusedError):
            ask(at)


def test_connections_carry_all_bytes_both_ways_and_the_end_of_each(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    one = backend()
    words = os.urandom(3_000_000)
    with answering((one.ip, back), b""):
        cluster.add(one)
        assert ask((cluster.address(), front), words) == words


def test_a_pod_that_begins_to_listen_is_found_without_news_of_it(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    one = backend()
    cluster.add(one)
    cluster.look(5.0)
    with pytest.raises(ConnectionRefusedError):
        ask((cluster.address(), front))
    with answering((one.ip, back), b"late"):
        cluster.look(2.0)
        assert ask((cluster.address(), front)) == b"late"
    assert proxy.deadline() is None, "nothing is looked at any more"


def test_a_connection_to_a_pod_that_listens_no_more_is_reset(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    one = backend()
    with answering((one.ip, back), b""):
        cluster.add(one)
    with pytest.raises(ConnectionResetError):
        ask((cluster.address(), front))


def test_named_ports_are_those_of_each_pod_and_one_client_may_stay_with_one(proxy: ServiceProxy) -> None:
    front, one_port, other_port = free_port(), free_port(), free_port()
    ports = {"port": front, "targetPort": "web"}
    cluster = Cluster(proxy, service(ports, sessionAffinity="ClientIP"))
    one, other = backend(), backend()
    for each, number in ((one, one_port), (other, other_port)):
        each.pod["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": number}]
    with answering((one.ip, one_port), b"one"), answering((other.ip, other_port), b"other"):
        cluster.add(one, other)
        at = (cluster.address(), front)
        assert len({ask(at) for _ in range(4)}) == 1
        cluster.services[0]["spec"]["sessionAffinity"] = "None"
        cluster.sync()
        assert len({ask(at) for _ in range(4)}) == 2


@pytest.mark.parametrize(
    "spec",
    [
        {"ports": [{"port": 80, "targetPort": 80}]},
        {"ports": [{"port": 80}]},
        {"ports": [{"port": 80, "targetPort": 8080}], "clusterIP": "None"},
        {"ports": [{"port": 80, "targetPort": 8080}], "type": "ExternalName"},
        {"ports": [{"port": 80, "targetPort": 8080}], "clusterIP": "fd00::7"},
    ],
)
def test_other_services_lead_to_their_pods_themselves(proxy: ServiceProxy, spec: dict[str, Any]) -> None:
    cluster = Cluster(proxy, service(**spec))
    cluster.add(backend())
    assert proxy.address(cluster.services[0]) is None
    assert proxy.take_failures() == []


def endpoint_slice(ports: dict[str, int], *addresses: str, ready: bool = True) -> dict[str, Any]:
    return {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [each], "conditions": {"ready": ready}} for each in addresses],
        "ports": [{"name": name, "port": number} for name, number in ports.items()],
    }


def test_a_service_without_a_selector_leads_to_what_slices_name(proxy: ServiceProxy) -> None:
    web, dead, back = free_port(), free_port(), free_port()
    ports = [{"name": "web", "port": web, "targetPort": 1}, {"name": "dead", "port": dead}]
    cluster = Cluster(proxy, service(*ports, selector=None))
    at = (cluster.address(), web)
    assert proxy.address(cluster.services[0]) == at[0], "its own, before there is anything to lead to"
    with pytest.raises(ConnectionRefusedError):
        ask(at)
    one, other, unready = (backend().ip for _ in range(3))
    with ExitStack() as programs:
        for ip, words in ((one, b"one"), (other, b"other"), (unready, b"unready")):
            programs.enter_context(answering((ip, back), words))
        cluster.slices = [
            endpoint_slice({"web": back}, one),
            endpoint_slice({"web": back}, other),
            endpoint_slice({"web": back}, unready, ready=False),
        ]
        cluster.sync()
        assert {ask(at) for _ in range(4)} == {b"one", b"other"}
        with pytest.raises(ConnectionRefusedError):
            ask((at[0], dead))


def test_what_is_elsewhere_is_not_waited_for(proxy: ServiceProxy) -> None:
    front = free_port()
    cluster = Cluster(proxy, service({"port": front}, selector=None))
    cluster.slices = [endpoint_slice({"": 9}, "192.0.2.7")]  # TEST-NET-1, where nobody is
    cluster.sync()
    with socket.create_connection((cluster.address(), front), timeout=30):
        pass
    assert proxy.deadline() is None


@pytest.mark.parametrize("number", [-1, 0, 65536, None])
def test_a_slice_with_a_port_that_cannot_be_leads_nowhere(proxy: ServiceProxy, number: Any) -> None:
    front = free_port()
    cluster = Cluster(proxy, service({"port": front}, selector=None))
    cluster.slices = [endpoint_slice({"": number}, "192.0.2.7")]
    cluster.sync()
    with pytest.raises(ConnectionRefusedError):
        ask((cluster.address(), front))


@pytest.mark.parametrize("same", [True, False])
def test_a_port_of_the_node_leads_to_the_service(proxy: ServiceProxy, same: bool) -> None:
    number, node_port = free_port(), free_port()
    port = {"port": number if same else free_port(), "targetPort": number, "nodePort": node_port}
    cluster = Cluster(proxy, service(port))
    one = backend()
    at = ("127.0.0.1", node_port)
    with answering((one.ip, number), b"one"):
        cluster.add(one)
        assert ask(at) == b"one"
    cluster.services.clear()
    cluster.sync()
    with pytest.raises(ConnectionRefusedError):
        ask(at)


def test_a_port_of_the_node_that_is_taken_is_told_and_the_service_goes_on(proxy: ServiceProxy) -> None:
    front, back, node_port = free_port(), free_port(), free_port()
    with answering(("127.0.0.1", node_port), b"taken"):
        cluster = Cluster(proxy, service({"port": front, "targetPort": back, "nodePort": node_port}))
        one = backend()
        with answering((one.ip, back), b"one"):
            cluster.add(one)
            assert ask((cluster.address(), front)) == b"one"
            assert ask(("127.0.0.1", node_port)) == b"taken"
    ((_, words),) = proxy.take_failures()
    assert words.startswith(f"port {node_port} is not forwarded: somebody on this machine listens")


def test_a_pod_that_declares_the_port_goes_first(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    one, neighbour = backend(), backend(front, app="other")
    at = (cluster.address(), front)
    with answering((one.ip, back), b"one"):
        cluster.add(one)
        assert ask(at) == b"one"
        cluster.add(neighbour)
        with answering(("0.0.0.0", front), b"everywhere"):  # what most programs do, and it works
            cluster.look(1.0)
            assert proxy.address(cluster.services[0]) is None
        (_, words), *_ = proxy.take_failures()
        assert f"port {front} is not forwarded: somebody" in words
        cluster.remove(neighbour)
        assert ask(at) == b"one"
        cluster.add(neighbour)
        with answering((neighbour.ip, front), b"neighbour"):
            cluster.look(1.0)
            assert (ask(at), ask((neighbour.ip, front))) == (b"one", b"neighbour")


def test_a_pod_that_declares_the_port_and_does_not_listen_is_told(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    cluster = Cluster(proxy, service({"port": front, "targetPort": back}))
    one, idle = backend(), backend(front, app="idle")
    with answering((one.ip, back), b"one"):
        cluster.add(one, idle)
        cluster.look(GIVE_WAY_SECONDS / 2)
        assert proxy.take_failures() == []
        cluster.look(GIVE_WAY_SECONDS)
        cluster.look(GIVE_WAY_SECONDS)
        ((_, words),) = proxy.take_failures()
        assert f"pod team/{idle.pod['metadata']['name']} has the same port" in words


def test_equal_ports_beside_another_are_reached_wherever_the_pods_listen(proxy: ServiceProxy) -> None:
    front, back, same = free_port(), free_port(), free_port()
    ports = ({"name": "a", "port": front, "targetPort": back}, {"name": "b", "port": same})
    cluster = Cluster(proxy, service(*ports))
    one = backend()
    at = (cluster.address(), same)
    with answering((one.ip, back), b"web"), answering(("0.0.0.0", same), b"everywhere"):
        cluster.add(one)
        assert (ask(at), ask((at[0], front))) == (b"everywhere", b"web")
    with answering((one.ip, back), b"web"), answering((one.ip, same), b"own"):
        cluster.sync()
        assert (ask(at), ask((at[0], front))) == (b"own", b"web")
    assert proxy.take_failures() == []


@pytest.fixture
def as_nobody() -> Iterator[None]:
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


def test_a_port_that_is_roots_is_told_once_with_the_way_out(as_nobody: None, proxy: ServiceProxy) -> None:
    cluster = Cluster(proxy, service({"port": 80, "targetPort": 8080}))
    cluster.add(backend())
    cluster.sync()
    ((found, words),) = proxy.take_failures()
    assert found["metadata"]["name"] == "web"
    assert words == (
        "port 80 is not forwarded: ports below 1024 are for root here (sysctl -w "
        "net.ipv4.ip_unprivileged_port_start=80 opens it); use the target port"
    )
    assert proxy.address(cluster.services[0]) is None


def test_udp_alone_is_told_and_leads_to_the_pods(proxy: ServiceProxy) -> None:
    cluster = Cluster(proxy, service({"name": "dns", "port": 53, "targetPort": 1053, "protocol": "UDP"}))
    ((_, words),) = proxy.take_failures()
    assert words == "port 53 is not forwarded: it is UDP; use the target port"
    assert proxy.address(cluster.services[0]) is None
    same = Cluster(proxy, service({"name": "dns", "port": 53, "protocol": "UDP"}))
    assert (proxy.take_failures(), proxy.address(same.services[0])) == ([], None)


def test_ports_of_tcp_are_forwarded_beside_one_of_udp(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    one = backend()
    dns = {"name": "dns", "port": 53, "protocol": "UDP"}
    with answering((one.ip, back), b"one"):
        cluster = Cluster(proxy, service({"name": "web", "port": front, "targetPort": back}, dns))
        cluster.add(one)
        assert ask((cluster.address(0), front)) == b"one"
    ((_, words),) = proxy.take_failures()
    assert words == "port 53 is not forwarded: it is UDP; use the target port"


def test_two_hundred_services_come_and_go_and_leave_nothing(proxy: ServiceProxy) -> None:
    front, back = free_port(), free_port()
    one = backend()
    with answering((one.ip, back), b"one"):
        before = len(os.listdir("/proc/self/fd"))
        many = [service({"port": front, "targetPort": back}, name=f"s{n}") for n in range(200)]
        cluster = Cluster(proxy, *many)
        cluster.add(one)
        assert {ask((cluster.address(number), front)) for number in range(200)} == {b"one"}
        cluster.services.clear()
        cluster.sync()
        proxy.stop()
        assert len(os.listdir("/proc/self/fd")) == before
    assert not [each for each in threading.enumerate() if each.name == "service-proxy"]


def test_addresses_of_two_programs_are_others_and_never_those_that_mean_something() -> None:
    def address(cluster_ip: str, seed: int = 0) -> str | None:
        return service_address({"metadata": {}, "spec": {"clusterIP": cluster_ip}}, seed)

    found = {address(f"10.0.0.{number}", seed) for number in range(256) for seed in (0, 1)}
    assert len(found) == 256, "a seed of 1 swaps neighbours"
    assert not any(each is None or each.startswith(("127.0.0.", "127.0.1.")) for each in found)
    assert address("10.0.0.9", 0x1234) == "127.0.18.61"
    assert (address("None"), address("fd00::9")) == (None, None)


def test_names_and_variables_lead_to_the_address_of_the_service(tmp_path: Path) -> None:
    web = service({"port": 8080, "targetPort": 80})
    direct = service({"port": 8081}, name="direct")
    world = World(tmp_path, isolates=True, services=lambda namespace: [web, direct])
    own, other = (service_address(each, crc32(str(tmp_path).encode())) for each in (web, direct))
    uid = world.start(pod(container()))
    (mount,) = (each for each in world.launch(uid, "main").mounts if each.target == "/etc/hosts")
    assert f"{own}\tweb.team.svc\n" in Path(mount.source).read_text()
    assert f"{other}\tdirect\n" in Path(mount.source).read_text()
    env = world.launch(uid, "main").env
    assert (env["WEB_SERVICE_HOST"], env["WEB_SERVICE_PORT"]) == (own, "8080")
    world.kubelet.close()
