"""kubectl debug: ephemeral containers in pods that run."""

from typing import Any

from tests.local.apiserver.serving import Answer, Server
from tests.local.kubelet.streaming.connection import connect, kubectl_run, pod, processes, start, wait_until

STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


def add(server: Server, path: str, *containers: dict[str, Any]) -> Answer:
    """Ask for ephemeral containers, as kubectl does."""
    made = [{"image": "busybox", "command": ["true"], **each} for each in containers]
    patch = {"spec": {"ephemeralContainers": made}}
    return server.request("PATCH", f"{path}/ephemeralcontainers", patch, headers=STRATEGIC)


def statuses(server: Server, path: str) -> dict[str, Any]:
    """The states of the ephemeral containers of a pod."""
    found = server.request("GET", path).json["status"].get("ephemeralContainerStatuses") or ()
    return {each["name"]: each["state"] for each in found}


def test_kubectl_debug_looks_into_a_container(kubectl: str, server: Server) -> None:
    path = start(server, pod("looked", "echo mine > /tmp/mine.7301; exec sleep 7301"))
    wait_until(lambda: bool(processes("7301")))
    script = b"ps ax | grep -q '[s]leep 7301' && cat /tmp/mine.7301; exit 5\n"
    command = ("debug", "-i", "looked", "--image=busybox", "--target=main", "-c", "eye", "--", "sh")
    assert b"mine\n" in kubectl_run(kubectl, server, *command, data=script).stdout
    wait_until(lambda: "terminated" in statuses(server, path).get("eye", {}))
    assert statuses(server, path)["eye"]["terminated"]["exitCode"] == 5
    found = server.request("GET", path).json
    assert found["status"]["phase"] == "Running"
    assert found["spec"]["ephemeralContainers"][0]["imagePullPolicy"] == "Always"
    assert server.request("GET", f"{path}/log?container=eye").data == b"mine\n"


def test_an_ephemeral_container_ends_with_its_pod(server: Server) -> None:
    path = start(server, pod("short"))
    shell = {"name": "shell", "command": ["sleep", "7311"], "stdin": True, "tty": True}
    assert add(server, path, shell).code == 200
    wait_until(lambda: "running" in statuses(server, path).get("shell", {}))
    with connect(server, f"{path}/attach", container="shell", stdout=True, tty=True) as connection:
        connection.wait_until_connected()
        server.request("DELETE", path)
        assert connection.result()[0]["status"] == "Success"
    wait_until(lambda: not processes("7311"))


def test_ephemeral_containers_stay_as_they_are(server: Server) -> None:
    path = start(server, pod("kept"))
    assert add(server, path, {"name": "one"}).code == 200
    refused = add(server, path, {"name": "one", "image": "other"})
    assert refused.json["message"] == (
        'Pod "kept" is invalid: spec.ephemeralContainers: Forbidden: existing ephemeral containers "one" may '
        "not be changed\n"
    )
    found = server.request("GET", f"{path}/ephemeralcontainers").json
    found["spec"]["ephemeralContainers"] = []
    found["metadata"].pop("resourceVersion")
    refused = server.request("PUT", f"{path}/ephemeralcontainers", found)
    assert "may not be removed" in refused.json["message"]
    refused = add(server, path, {"name": "two", "targetContainerName": "none"})
    assert refused.json["message"].endswith('].targetContainerName: Not found: "none"')
    labelled = server.request("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, headers=STRATEGIC)
    assert labelled.code == 200
    assert [*statuses(server, path)] == ["one"]


def test_a_new_pod_has_none(server: Server) -> None:
    manifest = pod("early", ephemeralContainers=[{"name": "a", "image": "b"}])
    answer = server.request("POST", "/api/v1/namespaces/default/pods", manifest)
    assert answer.json["message"] == (
        'Pod "early" is invalid: spec.ephemeralContainers: Forbidden: cannot be set on create'
    )
