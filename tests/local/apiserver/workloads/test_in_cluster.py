"""Clients inside of pods: they find the API, trust it, and are the service account of their pod."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Answer, Server, job
from tests.local.apiserver.test_verbs import JOBS, PODS, finished

PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
BY_LIBRARY = """
from kubernetes import client, config
config.load_incluster_config()
print(client.AuthenticationV1Api().create_self_subject_review({}).status.user_info.username)
print([each.metadata.name for each in client.CoreV1Api().list_namespaced_pod(open(
    "/var/run/secrets/kubernetes.io/serviceaccount/namespace").read()).items])
"""


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("served") / "state", ("--runtime", "sandbox")).start()
    yield started
    assert started.stop() == 0


def pod_job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    made = job(name, script, backoffLimit=0)
    made["spec"]["template"]["spec"] |= spec
    return made


def said(server: Server, made: dict[str, Any]) -> list[str]:
    """What the pod of a Job printed, which must succeed."""
    assert server.request("POST", JOBS, made).code == 201
    pod = finished(server, made["metadata"]["name"])
    text = server.request("GET", f"{PODS}/{pod['metadata']['name']}/log").data.decode()
    assert pod["status"]["phase"] == "Succeeded", text
    return text.splitlines()


def reviewed(server: Server, token: str, **spec: Any) -> dict[str, Any]:
    body = {"spec": {"token": token, **spec}}
    answer = server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)
    found: dict[str, Any] = answer.json["status"]
    return found


def listed(server: Server, token: str) -> Answer:
    return server.request("GET", PODS, headers={"Authorization": f"Bearer {token}"})


def test_python_kubernetes_is_the_service_account_of_its_pod(sandboxed: Server) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    sandboxed.request("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    made = pod_job("library", f"exec {sys.executable} -c '{BY_LIBRARY}'", serviceAccountName="robot")
    spec = made["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "python", "hostPath": {"path": sys.prefix}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "python", "mountPath": sys.prefix}]
    user, pods = said(sandboxed, made)
    assert user == "system:serviceaccount:default:robot"
    assert "library-" in pods


def test_curl_finds_the_api_by_its_name_and_trusts_its_authority(sandboxed: Server) -> None:
    script = f"""
        for name in kubernetes.default.svc kubernetes.default kubernetes $KUBERNETES_SERVICE_HOST; do
            curl --silent --fail --cacert {PLACE}/ca.crt -H "Authorization: Bearer $(cat {PLACE}/token)" \
                https://$name:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/default/configmaps/kube-root-ca.crt |
                grep -c '"name":"kube-root-ca.crt"'
        done"""
    assert said(sandboxed, pod_job("curl", script)) == ["1", "1", "1", "1"]


def test_the_api_is_at_port_443_of_its_name_where_that_may_be_had(sandboxed: Server) -> None:
    script = f"curl --silent --cacert {PLACE}/ca.crt https://kubernetes.default.svc/healthz || echo $?"
    floor = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    allowed = os.geteuid() == 0 or floor <= 443
    assert said(sandboxed, pod_job("default-port", script)) == ["ok" if allowed else "7"]


SHOP = """
    for name in shop shop.default.svc $SHOP_SERVICE_HOST; do
        until curl --silent --fail http://$name:$SHOP_SERVICE_PORT/flag; do sleep 0.02; done
    done"""


def test_a_service_leads_to_the_target_port_of_its_pods(sandboxed: Server) -> None:
    serve = f'cd /tmp; echo open > flag; exec {sys.executable} -m http.server --bind "$IP" 8080'
    container = {
        "name": "c",
        "image": "shop",
        "command": ["sh", "-c", serve],
        "ports": [{"containerPort": 8080}],
    }
    container["env"] = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    container["volumeMounts"] = [{"name": "python", "mountPath": sys.prefix}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop", "labels": {"app": "shop"}}}
    # Python may be below /tmp, which pods do not see
    volumes = [{"name": "python", "hostPath": {"path": sys.prefix}}]
    pod["spec"] = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}
    service["spec"] = {"selector": {"app": "shop"}, "ports": [{"port": 8000, "targetPort": 8080}]}
    assert sandboxed.request("POST", "/api/v1/namespaces/default/services", service).code == 201
    assert sandboxed.request("POST", PODS, pod).code == 201
    assert said(sandboxed, pod_job("buyer", SHOP)) == ["open"] * 3


def test_the_name_of_a_service_resolves_from_its_creation(sandboxed: Server) -> None:
    waits = "until getent hosts late.default.svc; do sleep 0.05; done; getent hosts late"
    assert sandboxed.request("POST", JOBS, pod_job("early", waits)).code == 201
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late"}}
    service["spec"] = {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}
    sandboxed.request("POST", "/api/v1/namespaces/default/services", service)
    assert finished(sandboxed, "early")["status"]["phase"] == "Succeeded"


def test_kubectl_in_a_pod_without_mounts_is_led_to_its_token(server: Server, kubectl: str) -> None:
    (text,) = said(server, pod_job("led", f"{kubectl} auth whoami -o json | tr -d '\\n'; rm $KUBECONFIG"))
    info = json.loads(text)["status"]["userInfo"]
    assert info["username"] == "system:serviceaccount:default:default"
    assert info["extra"]["authentication.kubernetes.io/pod-name"][0].startswith("led-")


def test_a_pod_or_account_that_wants_no_token_gets_none(server: Server) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bare"}}
    account["automountServiceAccountToken"] = False  # type: ignore[assignment]
    server.request("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    script = 'echo "${KUBECONFIG-none}" "$KUBERNETES_SERVICE_HOST"'
    assert said(server, pod_job("unwanted", script, automountServiceAccountToken=False)) == ["none 127.0.0.1"]
    assert said(server, pod_job("bare", script, serviceAccountName="bare")) == ["none 127.0.0.1"]
    own = {"serviceAccountName": "bare", "automountServiceAccountToken": True}
    assert said(server, pod_job("own", script, **own)) != ["none 127.0.0.1"]


def test_a_token_ends_with_its_pod(server: Server) -> None:
    script = "cat $EXPANDER_MOUNT_VAR_RUN_SECRETS_KUBERNETES_IO_SERVICEACCOUNT/token"
    (token,) = said(server, pod_job("bound", script))
    assert listed(server, token).code == 200
    pod = finished(server, "bound")["metadata"]["name"]
    assert reviewed(server, token)["user"]["username"] == "system:serviceaccount:default:default"
    server.request("DELETE", f"{JOBS}/bound?propagationPolicy=Background")
    while server.request("GET", f"{PODS}/{pod}").code == 200:
        pass
    assert listed(server, token).code == 401
    assert "authenticated" not in reviewed(server, token)


def test_a_token_for_another_audience_opens_nothing_here(server: Server) -> None:
    source = {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 600, "path": "vault"}}
    volumes = [{"name": "v", "projected": {"sources": [source]}}]
    made = pod_job("vault", "cat $EXPANDER_MOUNT_V/vault", volumes=volumes)
    made["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    assert server.request("POST", JOBS, made).code == 201
    pod = finished(server, "vault")["metadata"]["name"]
    token = server.request("GET", f"{PODS}/{pod}/log").data.decode()
    assert listed(server, token).code == 401
    assert "authenticated" not in reviewed(server, token)
    told = reviewed(server, token, audiences=["other", "vault"])
    assert (told["authenticated"], told["audiences"]) == (True, ["vault"])


def test_every_namespace_has_the_certificate_of_the_authority_and_gets_it_back(server: Server) -> None:
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    server.request("POST", "/api/v1/namespaces", name)
    path = "/api/v1/namespaces/fresh/configmaps/kube-root-ca.crt"
    found = server.request("GET", path).json
    assert found["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    server.request("DELETE", path)
    while (again := server.request("GET", path)).code != 200:
        pass
    assert again.json["data"] == found["data"]
    server.request("DELETE", "/api/v1/namespaces/fresh")
    while server.request("GET", "/api/v1/namespaces/fresh").code != 404:
        pass


def test_without_tls_pods_are_told_of_no_api(tmp_path: Any) -> None:
    plain = Server(tmp_path / "state", ("--runtime", "process", "--no-tls")).start()
    try:
        assert said(plain, pod_job("plain", 'echo "${KUBECONFIG-none}"')) == ["none"]
    finally:
        assert plain.stop() == 0


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ({"kind": "Pod", "apiVersion": "v1", "name": "nobody"}, 404, 'pods "nobody" not found'),
        ({"kind": "ConfigMap", "name": "kube-root-ca.crt"}, 400, "cannot bind token for serviceaccount"),
        ("all", 400, "cannot bind token for serviceaccount"),
    ],
)
def test_a_token_goes_only_with_what_is_there(server: Server, reference: Any, code: int, words: str) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    answer = server.request("POST", path, {"spec": {"boundObjectRef": reference}})
    assert (answer.code, words in answer.json["message"]) == (code, True)
