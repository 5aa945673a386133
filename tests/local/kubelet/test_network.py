"""Addresses and names of pods."""

import os
import time
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from expander.local.kubelet import network
from expander.local.kubelet.addresses import PART_SIZE, Addresses
from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.host_lookup import TTL_SECONDS, HostLookup
from expander.local.kubelet.network import DNS_TTL_SECONDS, HostsFiles, own_names
from expander.local.kubelet.service_names import PodEndpoint, hostname, service_names, service_variables
from expander.local.kubelet.service_proxy import ServiceProxy
from tests.local.kubelet.world import World, container, pod


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team"}, "spec": {"selector": {"app": "demo"}, **spec}}


def lines(world: World, uid: str) -> set[str]:
    """The names that a container can resolve, with their addresses."""
    (mount,) = (one for one in world.launch(uid, "main").mounts if one.target == "/etc/hosts")
    return set(Path(mount.source).read_text().splitlines()[2:])


def test_every_pod_has_a_loopback_address_of_its_own() -> None:
    addresses = Addresses()
    found = [addresses.allocate() for _ in range(600)]
    assert len(set(found)) == 600
    assert found[0] == "127.1.0.1"
    assert not any(one.endswith((".0", ".255")) for one in found)


def test_programs_on_one_machine_give_their_pods_other_addresses() -> None:
    open_files = os.listdir("/proc/self/fd")
    programs = [Addresses(reserved=True) for _ in range(3)]
    parts = [{each.allocate().rpartition(".")[0] for _ in range(200)} for each in programs]
    assert [len(each) for each in parts] == [1, 1, 1]
    assert len(set.union(*parts)) == 3
    for each in programs:
        each.close()
    assert os.listdir("/proc/self/fd") == open_files


def test_addresses_are_free_again_and_do_not_end_with_a_part() -> None:
    addresses = Addresses()
    first = addresses.allocate()
    found = {first, *(addresses.allocate() for _ in range(PART_SIZE - 1))}
    assert len(found) == PART_SIZE
    addresses.release(first)
    assert addresses.allocate() == first
    assert addresses.allocate() == "127.2.0.1"


def test_the_host_name_is_the_pods_or_its_name() -> None:
    assert hostname(pod(hostname="job-0")) == "job-0"
    one = pod()
    assert hostname(one) == one["metadata"]["name"]
    one["metadata"]["name"] = "a" * 62 + ".b"
    assert hostname(one) == "a" * 62


def test_a_pod_knows_its_own_names() -> None:
    aliases = [{"ip": "10.0.0.1", "hostnames": ["db", "db.local"]}]
    one = pod(hostname="job-0", subdomain="svc", hostAliases=aliases)
    assert own_names(one, "127.1.0.1") == {
        "job-0": "127.1.0.1",
        "job-0.svc.team.svc.cluster.local": "127.1.0.1",
        "db": "10.0.0.1",
        "db.local": "10.0.0.1",
    }


def test_without_services_a_container_is_told_its_own_names_only(world: World) -> None:
    uid = world.start(pod(container(), hostname="job-0"))
    assert world.launch(uid, "main").hosts == {"job-0": "127.1.0.1"}
    assert world.launch(uid, "main").hostname == "job-0"


def test_a_headless_service_names_its_pods_as_they_become_ready(tmp_path: Path) -> None:
    headless = service("svc", clusterIP="None")
    world = World(tmp_path, isolates=True, services=lambda namespace: [headless])
    one = world.start(pod(container(), hostname="job-0", subdomain="svc"))
    other = world.start(
        pod(container(), hostname="job-1", subdomain="svc", initContainers=[container("init")])
    )
    assert "127.1.0.1\tjob-0.svc" in lines(world, one)
    assert "127.1.0.2\tjob-1.svc" not in lines(world, one)
    world.end(other, "init")
    assert {
        "127.1.0.2\tjob-1.svc",
        "127.1.0.2\tjob-1.svc.team",
        "127.1.0.2\tjob-1.svc.team.svc.cluster.local",
        "127.1.0.1\tsvc",
        "127.1.0.2\tsvc",
    } <= lines(world, one)
    assert lines(world, one) - lines(world, other) == {"127.1.0.1\tjob-0"}
    assert lines(world, other) - lines(world, one) == {"127.1.0.2\tjob-1"}
    world.end(other, "main")
    left = {line.split("\t")[1] for line in lines(world, one) if "127.1.0.2" in line}
    assert left == {f"job-1.svc{rest}" for rest in ("", ".team", ".team.svc", ".team.svc.cluster.local")}
    world.step(DNS_TTL_SECONDS)
    world.step()
    assert not any("127.1.0.2" in line for line in lines(world, one))


def test_a_pod_takes_the_name_of_one_that_has_ended(tmp_path: Path) -> None:
    headless = service("svc", clusterIP="None")
    world = World(tmp_path, isolates=True, services=lambda namespace: [headless])
    first = world.start(pod(container(), hostname="job-0", subdomain="svc"))
    world.end(first, "main")
    second = world.start(pod(container(), hostname="job-0", subdomain="svc"))
    assert {line for line in lines(world, second) if line.endswith("job-0.svc")} == {"127.1.0.2\tjob-0.svc"}


def test_the_file_of_a_pod_is_written_in_place_and_goes_with_it(tmp_path: Path) -> None:
    world = World(tmp_path, isolates=True, services=lambda namespace: [service("svc")])
    uid = world.start(pod(container()))
    file = tmp_path / "names" / f"{uid}.hosts"
    before = file.stat().st_ino
    other = world.start(pod(container()))
    world.end(other, "main")
    assert file.stat().st_ino == before
    world.end(uid, "main")
    assert not file.exists()


def test_files_of_pods_of_an_earlier_life_go(tmp_path: Path) -> None:
    world = World(tmp_path, isolates=True, services=lambda namespace: [service("svc")])
    uid = world.start(pod(container()))
    left = tmp_path / "names" / "gone.hosts"
    left.write_text("")
    world.kubelet.sweep()
    assert [each.stem for each in left.parent.iterdir()] == [uid]


def test_pods_find_the_services_of_other_namespaces_by_longer_names(tmp_path: Path) -> None:
    there = {"other": [service("db", clusterIP="10.0.0.9", ports=[{"port": 80}])]}
    there["other"][0]["metadata"]["namespace"] = "other"
    world = World(tmp_path, isolates=True, services=lambda namespace: there.get(namespace, []))
    world.kubelet.services_changed(["other"])
    uid = world.start(pod(container()))
    names = {line.split("\t")[1] for line in lines(world, uid) if "db" in line}
    assert names == {"db.other", "db.other.svc", "db.other.svc.cluster.local"}
    there.clear()
    world.kubelet.services_changed(["other"])
    world.step()
    assert not any("db" in line for line in lines(world, uid))


def test_names_that_take_long_to_write_are_not_written_at_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [service("first", clusterIP="10.0.0.9", ports=[{"port": 80}])]
    world = World(tmp_path, isolates=True, services=lambda namespace: there if namespace == "team" else [])
    uid = world.start(pod(container()))
    monkeypatch.setattr(network, "thread_time", count(step=5).__next__)

    def change(name: str) -> bool:
        """Whether the pod knows a new Service at once."""
        there.append(service(name, clusterIP="10.0.0.8", ports=[{"port": 80}]))
        world.kubelet.services_changed(["team"])
        world.step()
        return any(name in line for line in lines(world, uid))

    assert change("second")
    assert not change("third")
    assert not change("fourth")
    due = world.kubelet.deadline()
    assert due is not None
    assert world.now < due <= world.now + network.MAX_PAUSE_SECONDS
    world.step(network.MAX_PAUSE_SECONDS)
    assert any("third" in line for line in lines(world, uid))
    assert any("fourth" in line for line in lines(world, uid))


def test_an_external_name_leads_where_the_service_that_it_names_does(tmp_path: Path) -> None:
    named = {"db": "db.other.svc.cluster.local", "here": "localhost", "lost": "nobody.other.svc"}
    here = [service(name, type="ExternalName", externalName=host) for name, host in named.items()]
    headless = service("db", clusterIP="None")
    headless["metadata"]["namespace"] = "other"
    there = {"team": here, "other": [headless]}
    world = World(tmp_path, isolates=True, services=lambda namespace: there.get(namespace, []))
    backend = pod(container())
    backend["metadata"] |= {"namespace": "other", "labels": {"app": "demo"}}
    uid = world.start(pod(container()))
    world.start(backend)
    world.kubelet.services_changed(["team", "other"])
    found = {tuple(line.split("\t")) for line in lines(world, uid)}
    assert {ip for ip, name in found if name == "db"} == {ip for ip, name in found if name == "db.other"}
    assert {name for ip, name in found if ip == "127.0.0.1"} >= {"here", "here.team.svc"}
    assert not any(name.startswith("lost") for _, name in found)


def test_an_external_name_is_a_host_once_the_resolver_has_answered(tmp_path: Path) -> None:
    free, asked = Event(), list[str]()

    def resolve(host: str) -> list[str]:
        asked.append(host)
        assert free.wait(120)
        return ["192.0.2.1", "192.0.2.2"]

    db = service("db", type="ExternalName", externalName="DB.Example.com.")
    files = HostsFiles(
        tmp_path / "names", lambda namespace: [db], ApiAccess(), ServiceProxy(), lookup=HostLookup(resolve)
    )
    path = files.add_pod(pod(), "127.1.0.1")
    assert path is not None
    assert "\tdb" not in Path(path).read_text(), "nobody waits for the resolver"
    assert files.deadline() is not None
    free.set()
    refreshed(files, 1000.0)
    assert {"192.0.2.1\tdb", "192.0.2.2\tdb.team.svc"} <= {*Path(path).read_text().splitlines()}
    files.add_pod(pod(), "127.1.0.2")
    assert files.deadline() is None, "what is known is not asked again"
    refreshed(files, 1000.0 + TTL_SECONDS)
    files.add_pod(pod(), "127.1.0.3")
    refreshed(files, 1000.0 + TTL_SECONDS)
    assert asked == ["db.example.com"] * 2


def refreshed(files: HostsFiles, now: float) -> None:
    """Have all answers arrive."""
    end = time.monotonic() + 120
    files.refresh(now)
    while files.deadline() is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
        files.refresh(now)


def test_slices_name_the_hosts_of_a_headless_service_without_a_selector() -> None:
    headless = service("db", selector=None, clusterIP="None")
    endpoints = [
        {"addresses": ["10.1.1.1"], "hostname": "first"},
        {"addresses": ["10.1.1.2"], "conditions": {"ready": True}},
        {"addresses": ["10.1.1.3"], "conditions": {"ready": False}},
    ]
    slices = [
        {"addressType": "IPv4", "endpoints": endpoints},
        {"addressType": "FQDN", "endpoints": endpoints},
    ]
    assert list(service_names(headless, [], None, slices)) == [
        ("db", "10.1.1.1"),
        ("first.db", "10.1.1.1"),
        ("db", "10.1.1.2"),
    ]


def test_an_ordinary_service_leads_to_one_ready_pod() -> None:
    residents = [PodEndpoint(pod(), f"127.1.0.{n}", ready=n > 1) for n in (1, 2, 3)]
    assert list(service_names(service("db"), residents)) == [("db", "127.1.0.2")]


def test_a_service_may_publish_pods_that_are_not_ready() -> None:
    residents = [PodEndpoint(pod(), "127.1.0.1")]
    assert list(service_names(service("db"), residents)) == []
    assert list(service_names(service("db", publishNotReadyAddresses=True), residents))
    assert list(service_names(service("db", selector=None), residents)) == []
    assert list(service_names(service("db", selector={"app": "other"}), residents)) == []


def test_host_aliases_stay_where_there_are_services(tmp_path: Path) -> None:
    world = World(tmp_path, isolates=True, services=lambda namespace: [service("svc")])
    aliases = [{"ip": "10.0.0.1", "hostnames": ["db"]}]
    uid = world.start(pod(container(), hostname="job-0", hostAliases=aliases))
    assert {"127.1.0.1\tjob-0", "10.0.0.1\tdb"} <= lines(world, uid)
    assert world.launch(uid, "main").hosts == {}


PORTS = [{"name": "amqp", "port": 5672, "targetPort": 15672}, {"port": 80, "protocol": "UDP"}]


def test_a_service_is_told_in_variables_as_a_kubelet_does() -> None:
    assert service_variables(service("task-queue", clusterIP="10.0.0.9", ports=PORTS), []) == {
        "TASK_QUEUE_SERVICE_HOST": "10.0.0.9",
        "TASK_QUEUE_SERVICE_PORT": "5672",
        "TASK_QUEUE_SERVICE_PORT_AMQP": "5672",
        "TASK_QUEUE_PORT": "tcp://10.0.0.9:5672",
        "TASK_QUEUE_PORT_5672_TCP": "tcp://10.0.0.9:5672",
        "TASK_QUEUE_PORT_5672_TCP_PROTO": "tcp",
        "TASK_QUEUE_PORT_5672_TCP_PORT": "5672",
        "TASK_QUEUE_PORT_5672_TCP_ADDR": "10.0.0.9",
        "TASK_QUEUE_PORT_80_UDP": "udp://10.0.0.9:80",
        "TASK_QUEUE_PORT_80_UDP_PROTO": "udp",
        "TASK_QUEUE_PORT_80_UDP_PORT": "80",
        "TASK_QUEUE_PORT_80_UDP_ADDR": "10.0.0.9",
    }


def test_the_variables_lead_to_a_pod_that_is_ready_and_where_it_listens() -> None:
    one = pod(container())
    one["metadata"]["labels"] = {"app": "demo"}
    endpoint = PodEndpoint(one, "127.1.0.7", ready=True)
    found = service_variables(service("redis", clusterIP="10.0.0.9", ports=PORTS), [endpoint])
    assert (found["REDIS_SERVICE_HOST"], found["REDIS_SERVICE_PORT"]) == ("127.1.0.7", "15672")
    assert service_variables(service("redis", clusterIP="None", ports=PORTS), [endpoint]) == {}
    one["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": 8080}]
    named = service("redis", clusterIP="10.0.0.9", ports=[{"port": 80, "targetPort": "web"}])
    assert service_variables(named, [endpoint])["REDIS_SERVICE_PORT"] == "8080"
    assert service_variables(named, [])["REDIS_SERVICE_PORT"] == "80"


def test_a_pod_has_the_variables_of_services_and_its_own_before_them(tmp_path: Path) -> None:
    redis = service("redis", clusterIP="10.0.0.9", ports=[{"port": 6379}])
    world = World(tmp_path, isolates=True, services=lambda namespace: [redis])
    env = [{"name": "URL", "value": "redis://$(REDIS_SERVICE_HOST)"}, {"name": "REDIS_PORT", "value": "mine"}]
    found = world.launch(world.start(pod(container(env=env))), "main").env
    assert (found["REDIS_PORT"], found["REDIS_SERVICE_PORT"]) == ("mine", "6379")
    assert found["URL"] == f"redis://{found['REDIS_SERVICE_HOST']}"
    assert found["REDIS_SERVICE_HOST"].startswith("127.0."), "an address of its own, where nobody listens"
    without = world.launch(world.start(pod(container(), enableServiceLinks=False)), "main").env
    assert not any(name.startswith("REDIS") for name in without)
