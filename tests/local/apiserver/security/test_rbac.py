"""serve --rbac: service accounts may do what roles allow, and no more; its owner may do everything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.apiserver.conftest import Kubectl
from tests.local.apiserver.serving import Answer, Server, job
from tests.local.apiserver.test_verbs import JOBS, PODS

ROBOT = "system:serviceaccount:default:robot"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/default/roles"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--runtime", "process", "--rbac")
    started = Server(tmp_path_factory.mktemp("served") / "state", flags).start()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    started.request("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    yield started
    assert started.stop() == 0


def rule(verbs: str, resources: str, group: str = "", **more: Any) -> dict[str, Any]:
    return {"apiGroups": [group], "verbs": verbs.split(), "resources": resources.split(), **more}


def role(name: str, *rules: dict[str, Any], kind: str = "Role", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **more}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": list(rules),
    }


def binding(title: str, of: str, of_kind: str = "Role", **subject: Any) -> dict[str, Any]:
    subject = subject or {"kind": "ServiceAccount", "name": "robot", "namespace": "default"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": title},
        "roleRef": {"kind": of_kind, "name": of},
        "subjects": [subject],
    }


def grant(server: Server, name: str, *rules: dict[str, Any]) -> None:
    """Give the robot a role of its own in the namespace default."""
    assert server.request("POST", ROLES, role(name, *rules)).code == 201
    bound = server.request("POST", f"{RBAC}/namespaces/default/rolebindings", binding(name, name))
    assert bound.code == 201, bound.json


def revoke(server: Server, name: str) -> None:
    server.request("DELETE", f"{RBAC}/namespaces/default/rolebindings/{name}")
    server.request("DELETE", f"{ROLES}/{name}")


def ask(server: Server, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """A request of the robot, with a token of its own."""
    made = server.request("POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", {"spec": {}})
    bearer = {"Authorization": f"Bearer {made.json['status']['token']}"}
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return server.request(method, path, body, headers=bearer | named)


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", PODS, 'pods is forbidden: User "{}" cannot list resource "pods" in API group "" in the namespace'),
        ("GET", f"{PODS}/p", 'pods "p" is forbidden: User "{}" cannot get resource "pods" in API group ""'),
        ("GET", f"{JOBS}?watch=1", 'jobs.batch is forbidden: User "{}" cannot watch resource "jobs"'),
        ("GET", "/api/v1/nodes", '"{}" cannot list resource "nodes" in API group "" at the cluster scope'),
        ("DELETE", JOBS, 'cannot deletecollection resource "jobs" in API group "batch" in the namespace "default"'),
        ("GET", f"{PODS}/p/exec?command=sh", 'pods "p" is forbidden: User "{}" cannot get resource "pods/exec"'),
        ("POST", f"{PODS}/p/eviction", 'cannot create resource "pods/eviction" in API group ""'),
        ("GET", "/metrics", 'forbidden: User "{}" cannot get path "/metrics"'),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", 'cannot create resource "tokenreviews"'),
    ],
)  # fmt: skip
def test_what_no_role_allows_is_forbidden_in_the_words_of_the_api(
    server: Server, method: str, path: str, words: str
) -> None:
    answer = ask(server, method, path, {} if method == "POST" else None)
    assert (answer.code, answer.json["reason"]) == (403, "Forbidden")
    assert words.format(ROBOT) in answer.json["message"]
    assert server.request("GET", "/api/v1/nodes").code == 200


def test_a_role_allows_what_its_rules_say(server: Server) -> None:
    grant(server, "some", rule("get", "pods", resourceNames=["one"]), rule("create list", "jobs", "batch"))
    try:
        assert ask(server, "POST", JOBS, job("by-robot")).code == 201
        assert ask(server, "GET", JOBS).code == 200
        assert ask(server, "GET", f"{JOBS}/by-robot").code == 403
        assert ask(server, "GET", f"{PODS}/one").code == 404
        assert ask(server, "GET", f"{PODS}/two").code == 403
        assert ask(server, "GET", "/apis/batch/v1/jobs").code == 403
    finally:
        revoke(server, "some")
    assert ask(server, "GET", JOBS).code == 403


def test_a_patch_creates_only_what_one_may_create(server: Server) -> None:
    grant(server, "patcher", rule("patch", "configmaps"))
    path = "/api/v1/namespaces/default/configmaps/made"
    query, body = "?fieldManager=me", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}
    apply = {"Content_Type": "application/apply-patch+yaml"}
    try:
        assert ask(server, "PATCH", path + query, body, **apply).code == 403
        assert server.request("GET", path).code == 404
    finally:
        revoke(server, "patcher")


def test_nobody_gives_away_more_than_they_have(server: Server) -> None:
    own = "rbac.authorization.k8s.io"
    grant(server, "giver", rule("create update", "roles rolebindings", own), rule("get list", "pods"))
    bindings = f"{RBAC}/namespaces/default/rolebindings"
    try:
        refused = ask(server, "POST", ROLES, role("more", rule("get watch", "pods")))
        assert refused.code == 403
        assert refused.json["message"] == (
            f'roles.rbac.authorization.k8s.io "more" is forbidden: user "{ROBOT}" '
            '(groups=["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]) is '
            'attempting to grant RBAC permissions not currently held:\n'
            '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}'
        )  # fmt: skip
        assert ask(server, "POST", bindings, binding("all", "cluster-admin", "ClusterRole")).code == 403
        assert ask(server, "POST", ROLES, role("same", rule("get", "pods", resourceNames=["x"]))).code == 201
        wider = server.request("GET", f"{ROLES}/same").json | {"rules": [rule("*", "*")]}
        assert ask(server, "PUT", f"{ROLES}/same", wider).code == 403
        assert ask(server, "POST", bindings, binding("same", "same")).code == 201
    finally:
        revoke(server, "giver")
        revoke(server, "same")


def test_a_role_that_gathers_others_is_for_those_who_may_do_everything(server: Server) -> None:
    own = "rbac.authorization.k8s.io"
    rules = rule("create update patch bind", "clusterroles", own)
    path = f"{RBAC}/clusterroles"
    mine = role("mine", rules, kind="ClusterRole")
    assert server.request("POST", path, mine).code == 201
    bound = {**binding("mine", "mine", "ClusterRole"), "kind": "ClusterRoleBinding"}
    assert server.request("POST", f"{RBAC}/clusterrolebindings", bound).code == 201
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    gathers = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]}}
    words = "must have cluster-admin privileges to use the aggregationRule"
    try:
        apply = {"apiVersion": mine["apiVersion"], "kind": "ClusterRole", "metadata": {"name": "mine"}}
        attempts = (
            ("POST", path, {**role("all", kind="ClusterRole"), **gathers}, "application/json"),
            ("PATCH", f"{path}/mine", gathers, "application/merge-patch+json"),
            ("PATCH", f"{path}/mine", gathers, "application/strategic-merge-patch+json"),
            ("PATCH", f"{path}/mine?fieldManager=me", {**apply, **gathers}, "application/apply-patch+yaml"),
            ("PATCH", f"{path}/view", {"aggregationRule": None}, "application/merge-patch+json"),
        )
        for method, place, body, media in attempts:
            answer = ask(server, method, place, body, Content_Type=media)
            assert (answer.code, answer.json["message"].endswith(words)) == (403, True), answer.json
        assert server.request("GET", f"{path}/mine").json["rules"] == [rules]
    finally:
        server.request("DELETE", f"{RBAC}/clusterrolebindings/mine")
        server.request("DELETE", f"{path}/mine")


def test_a_binding_names_a_role_that_is_there_or_may_be_bound_where_it_is_made(server: Server) -> None:
    own = "rbac.authorization.k8s.io"
    bindings = f"{RBAC}/namespaces/default/rolebindings"
    grant(
        server,
        "binder",
        rule("create", "rolebindings", own),
        rule("bind", "clusterroles", own, resourceNames=["view"]),
    )
    try:
        for kind in ("Role", "ClusterRole"):  # who makes it later would give it to the robot
            answer = ask(server, "POST", bindings, binding("early", "not-there", kind))
            assert (answer.code, answer.json["message"]) == (
                404,
                f'{kind.lower()}s.{own} "not-there" not found',
            )
        assert ask(server, "POST", bindings, binding("seen", "view", "ClusterRole")).code == 201
        assert ask(server, "POST", bindings, binding("made", "edit", "ClusterRole")).code == 403
    finally:
        server.request("DELETE", f"{bindings}/seen")
        revoke(server, "binder")


def test_nobody_becomes_another_without_the_right_to(server: Server) -> None:
    assert ask(server, "GET", PODS, Impersonate_User="kubernetes-admin").code == 403
    assert ask(server, "GET", PODS, Impersonate_Group="system:masters").code == 400
    grant(server, "mask", rule("impersonate", "serviceaccounts", resourceNames=["robot"]))
    try:
        both = {"Impersonate_User": ROBOT, "Impersonate_Group": "system:masters"}
        assert "cannot impersonate resource" in ask(server, "GET", PODS, **both).json["message"]
        assert ask(server, "GET", "/version", Impersonate_User=ROBOT).code == 200
    finally:
        revoke(server, "mask")


def test_kubectl_says_what_others_may_do(server: Server, run: Kubectl) -> None:
    view = ("create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=default:robot")
    assert run(*view).returncode == 0
    robot = f"--as={ROBOT}"
    assert run("auth", "can-i", "list", "jobs", robot).stdout == "yes\n"
    assert run("auth", "can-i", "get", "pods", "--subresource=log", robot).stdout == "yes\n"
    for words in (("get", "secrets"), ("create", "jobs"), ("list", "jobs", "-A"), ("get", "/metrics")):
        assert run("auth", "can-i", *words, robot).stdout == "no\n", words
    assert "jobs.batch" in run("auth", "can-i", "--list", robot).stdout
    assert ROBOT in run("auth", "whoami", robot).stdout
    assert run("auth", "can-i", "*", "*").stdout == "yes\n"
    assert run("get", "pods", "--as=me", "--as-group=system:masters").returncode == 0
    asked = {
        "spec": {
            "user": ROBOT,
            "resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"},
        }
    }
    told = server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", asked).json["status"]
    reason = 'RBAC: allowed by RoleBinding "viewer/default" of ClusterRole "view" to ServiceAccount "robot/default"'
    assert told == {"allowed": True, "reason": reason}
    run("delete", "rolebinding", "viewer")  # fmt: skip


def test_a_cluster_role_has_the_rules_of_those_it_selects(server: Server) -> None:
    label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    path = f"{RBAC}/clusterroles"
    more = role("more-view", rule("get", "widgets", "example.com"), kind="ClusterRole", labels=label)
    assert server.request("POST", path, more).code == 201

    def groups(name: str) -> set[str]:
        rules = server.request("GET", f"{path}/{name}").json["rules"]
        return {group for each in rules for group in each.get("apiGroups") or ()}

    assert all("example.com" in groups(name) for name in ("view", "edit", "admin"))
    server.request("DELETE", f"{path}/more-view")
    assert not any("example.com" in groups(name) for name in ("view", "edit", "admin"))


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (role("r", {"verbs": []}), "rules[0].verbs: Required value: verbs must contain at least one value"),
        (role("r", {"verbs": ["get"]}), "rules[0].apiGroups: Required value: resource rules must supply at least"),
        (role("r", {"verbs": ["get"], "nonResourceURLs": ["/"]}), "namespaced rules cannot apply to non-resource URLs"),
        (binding("b", "r", "Group"), 'roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"'),
        (binding("b", "r", kind="ServiceAccount", name=""), "subjects[0].name: Required value"),
        (binding("b", "r", kind="Robot", name="x"), 'subjects[0].kind: Unsupported value: "Robot"'),
    ],
)  # fmt: skip
def test_a_role_that_cannot_be_is_refused(server: Server, obj: dict[str, Any], words: str) -> None:
    answer = server.request("POST", f"{RBAC}/namespaces/default/{obj['kind'].lower()}s", obj)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid"), answer.json
    assert words in answer.json["message"]


def test_the_role_of_a_binding_never_changes(server: Server, run: Kubectl) -> None:
    run("create", "rolebinding", "fixed", "--clusterrole=view", "--user=me")
    patch = json.dumps({"roleRef": {"name": "edit"}})
    assert "cannot change roleRef" in run("patch", "rolebinding", "fixed", "-p", patch).stderr
    run("delete", "rolebinding", "fixed")
