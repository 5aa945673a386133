"""Fields that are given empty: what Go omits is not kept, whichever way it comes in."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Server

MAPS = "/api/v1/namespaces/default/configmaps"
EXAMPLES = Path(__file__).parents[3] / "examples"
EMPTY: dict[str, Any] = {"annotations": {}, "labels": {}, "finalizers": []}


def config(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {},
    }


def kept(server: Server, name: str) -> set[str]:
    """The fields of a ConfigMap that could be empty and are there."""
    found = server.request("GET", f"{MAPS}/{name}").json
    return {*EMPTY, "data"} & {*found, *found["metadata"]}


def test_a_new_object_has_no_empty_fields(server: Server) -> None:
    answer = server.request("POST", MAPS, config("created", **EMPTY))
    assert (answer.code, kept(server, "created")) == (201, set())
    assert "data" not in answer.json


def test_an_update_leaves_no_empty_fields(server: Server) -> None:
    server.request("POST", MAPS, config("updated", labels={"a": "b"}) | {"data": {"a": "b"}})
    assert server.request("PUT", f"{MAPS}/updated", config("updated", **EMPTY)).code == 200
    assert kept(server, "updated") == set()


@pytest.mark.parametrize("media", ["merge-patch+json", "strategic-merge-patch+json"])
def test_a_patch_that_empties_fields_removes_them(server: Server, media: str) -> None:
    name = f"patched-{media.partition('-')[0]}"
    server.request("POST", MAPS, config(name, labels={"a": "b"}) | {"data": {"a": "b"}})
    body = {"metadata": {"labels": {"a": None}, "finalizers": []}, "data": {"a": None}}
    headers = {"Content-Type": f"application/{media}"}
    assert server.request("PATCH", f"{MAPS}/{name}", body, headers=headers).code == 200
    assert kept(server, name) == set()


def test_what_is_applied_empty_is_not_kept(server: Server) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    path = f"{MAPS}/applied?fieldManager=test"
    for code in (201, 200):
        assert server.request("PATCH", path, config("applied", **EMPTY), headers=headers).code == code
        assert kept(server, "applied") == set()


@pytest.mark.parametrize("manifest", ["04-cronjob/cronjob.yaml", "06-fine-work-queue/redis.yaml"])
def test_an_example_that_was_applied_has_no_difference(
    server: Server, kubectl: str, tmp_path: Path, manifest: str
) -> None:
    for command in ("apply", "diff"):
        done = subprocess.run(
            [kubectl, command, "-f", EXAMPLES / manifest],
            env={"KUBECONFIG": str(server.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "given"), [("absent", {}), ("null", {"rules": None}), ("empty", {"rules": []})]
)
def test_a_role_without_rules_says_null_and_can_be_replaced_by_itself(
    server: Server, name: str, given: dict[str, Any]
) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
    made = server.request("POST", roles, {"metadata": {"name": name}, **given}).json
    assert (made["metadata"]["name"], made["rules"]) == (name, None)
    again = server.request("PUT", f"{roles}/{name}", made)
    assert (again.code, again.json["rules"]) == (200, None)
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    media = {"Content-Type": "application/strategic-merge-patch+json"}
    patched = server.request("PATCH", f"{roles}/{name}", {"rules": [rule]}, headers=media)
    assert (patched.code, patched.json["rules"]) == (200, [rule])
