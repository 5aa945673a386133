"""StatefulSets, Deployments and ReplicaSets at the local API, as kubectl uses them, and their volumes."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Server
from tests.local.apiserver.test_verbs import PODS, patch
from tests.local.apiserver.workloads.test_ownership import eventually

APPS = "/apis/apps/v1/namespaces/default"
MERGE = {"Content-Type": "application/merge-patch+json"}
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
STAY = ["sh", "-c", "trap exit TERM; while :; do sleep 0.05; done"]


def workload(kind: str, name: str, replicas: int, **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "c", "image": "busybox:1", "command": STAY}]}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            **spec,
        },
    }


def claim(name: str, **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": wanted}


def pods(server: Server, name: str) -> list[dict[str, Any]]:
    found = server.request("GET", f"{PODS}?labelSelector=app%3D{name}").json["items"]
    return [each for each in found if not each["metadata"].get("deletionTimestamp")]


def status(server: Server, path: str, **wanted: Any) -> dict[str, Any]:
    """The object once its status, whose generation is observed, has these fields."""

    def looked_at() -> dict[str, Any] | None:
        obj = server.request("GET", path).json
        found = obj.get("status") or {}
        observed = found.get("observedGeneration") == obj["metadata"]["generation"]
        return obj if observed and all(found.get(key) == each for key, each in wanted.items()) else None

    found: dict[str, Any] = eventually(looked_at)
    return found


@pytest.fixture
def kubectl_in(server: Server, kubectl: str, tmp_path: Path) -> Callable[..., str]:
    def run(*words: str) -> str:
        command = [kubectl, "--kubeconfig", str(server.kubeconfig), *words]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    return run


def test_a_replica_set_keeps_its_number_of_pods(server: Server) -> None:
    place = f"{APPS}/replicasets/kept"
    assert server.request("POST", f"{APPS}/replicasets", workload("ReplicaSet", "kept", 2)).code == 201
    status(server, place, replicas=2, readyReplicas=2, availableReplicas=2)
    first = pods(server, "kept")[0]["metadata"]
    server.request("DELETE", f"{PODS}/{first['name']}?gracePeriodSeconds=0")
    eventually(lambda: first["uid"] not in {each["metadata"]["uid"] for each in pods(server, "kept")})
    status(server, place, replicas=2, readyReplicas=2)
    scaled = patch(server, f"{place}/scale", {"spec": {"replicas": 1}})
    assert (scaled.json["kind"], scaled.json["spec"]) == ("Scale", {"replicas": 1})
    assert status(server, place, replicas=1)["spec"]["replicas"] == 1
    assert server.request("GET", f"{place}/scale").json["status"]["selector"] == "app=kept"
    server.request("DELETE", place)
    eventually(lambda: not pods(server, "kept"))


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
def test_a_workload_without_anything_is_told_what_it_lacks(server: Server, kind: str) -> None:
    told = server.request("POST", f"{APPS}/{kind.lower()}s", {"metadata": {"name": "bare"}})
    assert told.code == 422
    lacking = {each["field"] for each in told.json["details"]["causes"]}
    assert {"spec.selector", "spec.template.spec.containers"} <= lacking


def test_pods_of_a_replica_set_are_adopted_and_released_by_their_labels(server: Server) -> None:
    stray = {"name": "stray-pod", "labels": {"app": "claimed"}}
    spec = workload("ReplicaSet", "claimed", 1)["spec"]["template"]["spec"]
    server.request("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": stray, "spec": spec})
    owned = f"{PODS}/stray-pod"
    eventually(lambda: server.request("GET", owned).json["status"]["phase"] == "Running")
    server.request("POST", f"{APPS}/replicasets", workload("ReplicaSet", "claimed", 1))
    eventually(lambda: server.request("GET", owned).json["metadata"].get("ownerReferences"))
    assert [each["metadata"]["name"] for each in pods(server, "claimed")] == ["stray-pod"]
    patch(server, owned, {"metadata": {"labels": {"app": "let-go"}}})
    eventually(lambda: not server.request("GET", owned).json["metadata"].get("ownerReferences"))
    eventually(lambda: pods(server, "claimed"))
    server.request("DELETE", f"{APPS}/replicasets/claimed")
    server.request("DELETE", f"{owned}?gracePeriodSeconds=0")


def test_a_deployment_rolls_on_and_back(server: Server, kubectl_in: Any) -> None:
    place = f"{APPS}/deployments/rolled"
    server.request("POST", f"{APPS}/deployments", workload("Deployment", "rolled", 2))
    assert "successfully rolled out" in kubectl_in("rollout", "status", "deployment/rolled")
    (before,) = {each["metadata"]["labels"]["pod-template-hash"] for each in pods(server, "rolled")}
    kubectl_in("set", "image", "deployment/rolled", "c=busybox:2")
    assert "successfully rolled out" in kubectl_in("rollout", "status", "deployment/rolled")
    images = {each["spec"]["containers"][0]["image"] for each in pods(server, "rolled")}
    assert images == {"busybox:2"}
    history = kubectl_in("rollout", "history", "deployment/rolled")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    kubectl_in("rollout", "undo", "deployment/rolled")
    kubectl_in("rollout", "status", "deployment/rolled")
    eventually(
        lambda: (
            {each["metadata"]["labels"]["pod-template-hash"] for each in pods(server, "rolled")} == {before}
        )
    )
    found = status(server, place, replicas=2, updatedReplicas=2, availableReplicas=2)
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    conditions = {each["type"]: each["reason"] for each in found["status"]["conditions"]}
    assert conditions == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}
    server.request("DELETE", place)
    eventually(
        lambda: not server.request("GET", f"{APPS}/replicasets?labelSelector=app%3Drolled").json["items"]
    )


def test_a_recreating_deployment_never_runs_two_templates_at_once(server: Server) -> None:
    made = workload("Deployment", "anew", 2, strategy={"type": "Recreate"})
    server.request("POST", f"{APPS}/deployments", made)
    place = f"{APPS}/deployments/anew"
    status(server, place, availableReplicas=2)
    changed = copy.deepcopy(made["spec"]["template"])
    changed["spec"]["containers"][0]["image"] = "busybox:2"
    version = server.request("GET", PODS).json["metadata"]["resourceVersion"]
    patch(server, place, {"spec": {"template": changed}})
    status(server, place, updatedReplicas=2, availableReplicas=2)
    query = f"watch=true&timeoutSeconds=1&resourceVersion={version}&labelSelector=app%3Danew"
    told = map(json.loads, server.request("GET", f"{PODS}?{query}").data.splitlines())
    running: dict[str, str] = {}
    for event in told:
        pod = event["object"]
        if event["type"] == "DELETED":
            running.pop(pod["metadata"]["uid"], None)
        elif pod["status"].get("phase") == "Running":
            running[pod["metadata"]["uid"]] = pod["spec"]["containers"][0]["image"]
        assert len(set(running.values())) <= 1
    assert set(running.values()) == {"busybox:2"}
    server.request("DELETE", place)


def test_a_daemon_set_keeps_one_pod_on_the_node(server: Server, kubectl_in: Any) -> None:
    place = f"{APPS}/daemonsets/everywhere"
    body = workload("DaemonSet", "everywhere", 0)
    del body["spec"]["replicas"]
    assert server.request("POST", f"{APPS}/daemonsets", body).code == 201
    counts = {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}
    status(server, place, **counts)
    first = pods(server, "everywhere")[0]
    assert first["spec"]["nodeName"]
    kubectl_in("set", "env", "ds/everywhere", "NEW=1")
    status(server, place, **counts)
    (second,) = eventually(lambda: [each for each in pods(server, "everywhere") if each != first])
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert "\n2 " in kubectl_in("rollout", "history", "ds/everywhere")
    patch(server, place, {"spec": {"template": {"spec": {"nodeSelector": {"disk": "none"}}}}})
    status(server, place, desiredNumberScheduled=0)
    eventually(lambda: not pods(server, "everywhere"))
    server.request("DELETE", place)


def test_apply_with_prune_looks_at_all_its_kinds(kubectl_in: Any, tmp_path: Path) -> None:
    for name in ("kept", "pruned"):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"set": "p"}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
    kubectl_in("apply", "--prune", "-l", "set=p", "-f", "kept.json", "-f", "pruned.json")
    assert "configmap/pruned pruned" in kubectl_in("apply", "--prune", "-l", "set=p", "-f", "kept.json")


def test_a_stateful_set_gives_pods_numbers_names_and_claims(server: Server, kubectl_in: Any) -> None:
    made = workload("StatefulSet", "web", 2, serviceName="web")
    made["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "data", "mountPath": "/data"}
    ]
    data = {key: each for key, each in claim("data").items() if key in ("metadata", "spec")}
    made["spec"]["volumeClaimTemplates"] = [data]
    assert server.request("POST", f"{APPS}/statefulsets", made).code == 201
    place = f"{APPS}/statefulsets/web"
    kubectl_in("rollout", "status", "statefulset/web")
    found = sorted(pods(server, "web"), key=lambda pod: str(pod["metadata"]["name"]))
    assert [pod["metadata"]["name"] for pod in found] == ["web-0", "web-1"]
    assert [pod["spec"]["hostname"] for pod in found] == ["web-0", "web-1"]
    assert [pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] for pod in found] == ["0", "1"]
    started = [pod["status"]["startTime"] for pod in found]
    assert started == sorted(started)
    claims = server.request("GET", CLAIMS).json["items"]
    bound = {each["metadata"]["name"]: each["status"]["phase"] for each in claims}
    assert bound == {"data-web-0": "Bound", "data-web-1": "Bound"}
    uid = found[0]["metadata"]["uid"]
    server.request("DELETE", f"{PODS}/web-0?gracePeriodSeconds=0")
    eventually(
        lambda: server.request("GET", f"{PODS}/web-0").json.get("metadata", {}).get("uid") not in (None, uid)
    )
    status(server, place, readyReplicas=2, currentReplicas=2)
    kubectl_in("set", "image", "statefulset/web", "c=busybox:2")
    kubectl_in("rollout", "status", "statefulset/web")
    after = status(server, place, updatedReplicas=2, readyReplicas=2)["status"]
    assert after["currentRevision"] == after["updateRevision"]
    kubectl_in("scale", "statefulset/web", "--replicas=1")
    header, row = kubectl_in("get", "statefulset/web", "--subresource=scale").splitlines()
    assert (header.split(), row.split()[:2]) == (["NAME", "DESIRED", "AVAILABLE", "AGE"], ["web", "1"])
    eventually(lambda: [pod["metadata"]["name"] for pod in pods(server, "web")] == ["web-0"])
    kubectl_in("delete", "statefulset/web")
    eventually(lambda: not pods(server, "web"))
    assert len(server.request("GET", CLAIMS).json["items"]) == 2
    kubectl_in("delete", "pvc", "--all")
    eventually(lambda: not server.request("GET", VOLUMES).json["items"])
    assert not list((server.folder / "claims").glob("pvc-*"))


def test_an_ordered_stateful_set_waits_for_each_pod_to_be_ready(server: Server) -> None:
    made = workload("StatefulSet", "slow", 2, serviceName="slow")
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    made["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    server.request("POST", f"{APPS}/statefulsets", made)
    eventually(lambda: [pod for pod in pods(server, "slow") if pod["status"].get("phase") == "Running"])
    assert [pod["metadata"]["name"] for pod in pods(server, "slow")] == ["slow-0"]
    made["metadata"]["name"] = "wide"
    made["spec"] |= {"podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": "wide"}}}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "wide"}
    server.request("POST", f"{APPS}/statefulsets", made)
    eventually(lambda: len(pods(server, "wide")) == 2)
    for name in ("slow", "wide"):
        server.request("DELETE", f"{APPS}/statefulsets/{name}")


def test_a_claim_in_use_stays_until_its_pod_has_ended(server: Server) -> None:
    server.request("POST", CLAIMS, claim("used"))
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "used"}}
    container = {"name": "c", "image": "busybox", "command": STAY}
    spec = {"containers": [container], "volumes": [volume]}
    server.request(
        "POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"}, "spec": spec}
    )
    eventually(lambda: server.request("GET", f"{PODS}/user").json["status"]["phase"] == "Running")
    server.request("DELETE", f"{CLAIMS}/used")
    assert server.request("GET", f"{CLAIMS}/used").json["metadata"]["deletionTimestamp"]
    server.request("DELETE", f"{PODS}/user?gracePeriodSeconds=0")
    eventually(lambda: server.request("GET", f"{CLAIMS}/used").code == 404)


def test_a_claim_grows_where_its_class_allows_it_and_never_shrinks(server: Server) -> None:
    def ask(size: str) -> tuple[int, str]:
        body = {"spec": {"resources": {"requests": {"storage": size}}}}
        answer = server.request("PATCH", f"{CLAIMS}/sized", body, headers=MERGE)
        return answer.code, answer.json.get("message", "")

    def capacity() -> str:
        status: dict[str, Any] = server.request("GET", f"{CLAIMS}/sized").json.get("status", {})
        return str(status.get("capacity", {}).get("storage"))

    server.request("POST", CLAIMS, claim("sized"))
    eventually(lambda: capacity() == "1Gi")
    code, words = ask("2Gi")
    assert (code, "the storageclass that provisions the pvc must support resize" in words) == (403, True)
    code, words = ask("500Mi")
    assert (code, "Forbidden: field can not be less than status.capacity" in words) == (422, True)
    classes = "/apis/storage.k8s.io/v1/storageclasses/standard"
    server.request("PATCH", classes, {"allowVolumeExpansion": True}, headers=MERGE)
    assert ask("2Gi")[0] == 200
    eventually(lambda: capacity() == "2Gi")
    server.request("PATCH", classes, {"allowVolumeExpansion": None}, headers=MERGE)
    server.request("DELETE", f"{CLAIMS}/sized")


def test_a_claim_gets_the_volume_that_fits_or_waits_and_says_why(server: Server, tmp_path: Path) -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "mine"},
        "spec": {
            "capacity": {"storage": "5Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "manual",
            "hostPath": {"path": str(tmp_path)},
        },
    }
    server.request("POST", VOLUMES, volume)
    server.request("POST", CLAIMS, claim("fits", storageClassName="manual"))
    bound = eventually(lambda: server.request("GET", f"{CLAIMS}/fits").json["spec"].get("volumeName"))
    assert bound == "mine"
    server.request("POST", CLAIMS, claim("large", storageClassName="manual"))
    server.request("POST", CLAIMS, claim("unknown", storageClassName="fast"))
    events = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dunknown"
    told = eventually(lambda: server.request("GET", events).json["items"])
    assert told[0]["message"] == 'storageclass.storage.k8s.io "fast" not found'
    assert server.request("GET", f"{CLAIMS}/large").json["status"]["phase"] == "Pending"
    server.request("DELETE", f"{CLAIMS}/fits")
    released = eventually(
        lambda: server.request("GET", f"{VOLUMES}/mine").json["status"]["phase"] == "Released"
    )
    assert released
    for name in ("large", "unknown"):
        server.request("DELETE", f"{CLAIMS}/{name}")
    server.request("DELETE", f"{VOLUMES}/mine")


def test_workloads_go_on_after_a_restart(state: Path) -> None:
    server = Server(state).start()
    server.request("POST", f"{APPS}/deployments", workload("Deployment", "again", 1))
    status(server, f"{APPS}/deployments/again", availableReplicas=1)
    server.process.kill()
    server.process.communicate()
    server = Server(state).start()
    try:
        status(server, f"{APPS}/deployments/again", availableReplicas=1)
        patch(server, f"{APPS}/deployments/again", {"spec": {"replicas": 2}})
        status(server, f"{APPS}/deployments/again", availableReplicas=2)
        server.request("DELETE", f"{APPS}/deployments/again")
        eventually(lambda: not pods(server, "again"))
    finally:
        server.stop()
