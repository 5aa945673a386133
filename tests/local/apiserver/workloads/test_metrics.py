"""What pods and the node use, the server's own numbers, and its health."""

import os
import re
import subprocess
from collections import Counter
from typing import Any

import pytest

from expander.local.kubelet.usage import MeasuredContainer, UsageMeter, usage_of
from tests.local.apiserver.serving import Server
from tests.local.apiserver.test_verbs import PODS

METRICS = "/apis/metrics.k8s.io/v1beta1"


@pytest.fixture
def pods(server: Server) -> Any:
    """Two pods that run: one is busy."""
    for name, script in (("busy", "echo on; while :; do :; done"), ("lazy", "echo on; exec sleep 600")):
        container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
        server.request("POST", PODS, made | {"spec": {"containers": [container]}})
        while server.request("GET", f"{PODS}/{name}/log").data != b"on\n":
            pass
    yield
    for name in ("busy", "lazy"):
        server.request("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")


def test_kubectl_top_tells_who_is_busy(server: Server, kubectl: str, pods: None) -> None:
    def top(*words: str) -> dict[str, list[str]]:
        command = [kubectl, "--kubeconfig", str(server.kubeconfig), "top", *words, "--no-headers"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        return {line.split()[0]: line.split()[1:] for line in text.splitlines()}

    while "lazy" not in (used := top("pod")):
        pass
    assert int(used["busy"][0].removesuffix("m")) > 20 > int(used["lazy"][0].removesuffix("m"))
    ((cores, percent, *_),) = top("node").values()
    assert (cores[-1], percent[-1]) == ("m", "%")
    one = server.request("GET", f"{METRICS}/namespaces/default/pods/busy").json
    assert (one["kind"], [each["name"] for each in one["containers"]]) == ("PodMetrics", ["main"])
    assert server.request("GET", f"{METRICS}/namespaces/default/pods/nobody").code == 404
    assert server.request("GET", f"{METRICS}/pods?watch=1").code == 405
    assert server.request("DELETE", f"{METRICS}/namespaces/default/pods/busy").code == 405


def test_the_metrics_of_the_server_count_requests_and_objects(server: Server) -> None:
    server.request("GET", "/api/v1/namespaces/default/configmaps/nobody")
    text = server.request("GET", "/metrics").data.decode()
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(numbers['apiserver_request_total{code="404",resource="configmaps",verb="GET"}']) >= 1
    assert int(numbers['apiserver_storage_objects{resource="namespaces"}']) >= 4
    assert float(numbers["process_cpu_seconds_total"]) > 0
    assert set(Counter(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)).values()) == {1}
    assert server.request("GET", "/metrics", anonymous=True).code == 401


@pytest.mark.parametrize("check", ["healthz", "livez", "readyz"])
def test_health_is_told_in_a_word_or_by_check(server: Server, check: str) -> None:
    assert server.request("GET", f"/{check}", anonymous=True).data == b"ok"
    verbose = server.request("GET", f"/{check}?verbose", anonymous=True).data.decode()
    assert verbose.startswith("[+]ping ok\n[+]log ok\n")
    assert verbose.endswith(f"{check} check passed\n")
    assert ("[+]executor ok\n" in verbose) is (check != "livez")
    assert server.request("GET", f"/{check}/ping").data == b"ok"
    assert server.request("GET", f"/{check}/nobody").code == 404


def test_a_rate_is_that_of_the_last_seconds_however_often_one_asks() -> None:
    own = MeasuredContainer({"metadata": {"name": "p", "uid": "u"}}, "main", "k", (os.getpid(),))
    meter = UsageMeter(lambda: [own])
    windows = []
    for at in (0.0, 0.25, 1.0, 9.0, 11.0, 30.0, 300.0, 300.25):
        assert meter.is_stale(at) is (at in (0.0, 300.0))
        meter.sample(at)
        windows += [each["window"] for each in meter.pods()]
    assert windows == ["0.000s", "0.250s", "1.000s", "9.000s", "11.000s", "19.000s", "0.000s", "0.250s"]


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert usage_of([2**22]) == (0.0, 0)
