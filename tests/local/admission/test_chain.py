"""What the cluster adds to pods, and the namespaces it takes objects for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import AdmissionError
from expander.local.admission import chain, namespace_lifecycle, service_account
from expander.local.admission.chain import admit
from expander.local.store.database import open_database
from expander.local.store.objects import ObjectStore

Object = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with closing(open_database(tmp_path / "state.db")) as database:
        store = ObjectStore(database)
        store.put(namespace("default"), new=True)
        for name in ("default", "mine"):
            store.put(account(name), new=True)
        yield store


def namespace(name: str, **metadata: str) -> Object:
    return {"kind": "Namespace", "metadata": {"name": name, "uid": name, **metadata}}


def account(name: str, **fields: Any) -> Object:
    metadata = {"name": name, "namespace": "default", "uid": f"account-{name}"}
    return {"kind": "ServiceAccount", "metadata": metadata, **fields}


def pod(name: str = "p", place: str = "default", **spec: Any) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": place},
        "spec": {"containers": [{"name": "c", "resources": {}}], **spec},
        "status": {"phase": "Pending"},
    }


def recorded_pod(reference: Path) -> Object:
    """A pod of a Job as the real server stored it."""
    recorded = json.loads((reference / "kubectl" / "failure-policy.json").read_text())
    answer = next(
        json.loads(exchange["response"])
        for command in recorded
        for exchange in command["http"]
        if exchange["response"].startswith('{"kind":"PodList"') and not exchange.get("truncated")
    )
    found: Object = answer["items"][0]
    return found


def test_an_object_for_a_namespace_that_is_not_there_is_refused_as_recorded(
    store: ObjectStore, reference: Path
) -> None:
    recorded = json.loads((reference / "kubectl" / "errors.json").read_text())
    (expected,) = (
        json.loads(exchange["response"])
        for command in recorded
        for exchange in command["http"]
        if "/namespaces/nope/" in exchange["path"] and exchange["status"] == 404
    )
    with pytest.raises(AdmissionError) as refused:
        admit(store, {"kind": "Job", "metadata": {"name": "j", "namespace": "nope"}, "spec": {}})
    found = refused.value
    assert (found.code, found.reason, found.message, found.details) == (
        expected["code"],
        expected["reason"],
        expected["message"],
        expected["details"],
    )


def test_nothing_new_comes_into_a_namespace_that_ends(store: ObjectStore) -> None:
    store.put(namespace("old", deletionTimestamp="2026-01-01T00:00:00Z"), new=True)
    with pytest.raises(AdmissionError) as refused:
        admit(store, pod(place="old"))
    assert refused.value.message == (
        'pods "p" is forbidden: unable to create new content in namespace old because it is being terminated'
    )
    assert refused.value.details["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace old is being terminated",
            "field": "metadata.namespace",
        }
    ]


def test_the_first_namespaces_cannot_be_deleted() -> None:
    with pytest.raises(AdmissionError) as refused:
        namespace_lifecycle.check_deletion(namespace("default"))
    assert refused.value.message == 'namespaces "default" is forbidden: this namespace may not be deleted'
    namespace_lifecycle.check_deletion(namespace("team-a"))


def test_a_pod_gets_what_recorded_pods_have(store: ObjectStore, reference: Path) -> None:
    expected = recorded_pod(reference)["spec"]
    found = admit(store, pod())["spec"]
    for field in (
        "serviceAccountName",
        "serviceAccount",
        "tolerations",
        "priority",
        "preemptionPolicy",
        "enableServiceLinks",
    ):
        assert found[field] == expected[field], field


def test_a_pods_own_word_stands(store: ObjectStore) -> None:
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 5}
    given = pod(tolerations=[own], serviceAccountName="mine", enableServiceLinks=False)
    spec = chain.with_pod_defaults(store, given)["spec"]
    assert [each.get("tolerationSeconds") for each in spec["tolerations"]] == [5, 300]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("mine", "mine")
    assert spec["enableServiceLinks"] is False
    everything = [{"operator": "Exists"}]
    assert chain.with_pod_defaults(store, pod(tolerations=everything))["spec"]["tolerations"] == everything


def test_a_pod_cannot_run_as_an_account_that_is_not_there(store: ObjectStore) -> None:
    with pytest.raises(AdmissionError) as refused:
        admit(store, pod(serviceAccountName="nobody"))
    assert refused.value.message == (
        'pods "p" is forbidden: error looking up service account default/nobody: '
        'serviceaccount "nobody" not found'
    )


def test_the_token_is_shown_as_recorded_and_not_to_the_kubelet(store: ObjectStore, reference: Path) -> None:
    expected = recorded_pod(reference)["spec"]
    found = admit(store, pod())
    name = found["spec"]["volumes"][0]["name"]
    recorded = expected["volumes"][0]["name"]
    assert (name[:-5], len(name)) == (recorded[:-5], len(recorded))
    assert found["spec"]["volumes"] == [{**expected["volumes"][0], "name": name}]
    mounts = expected["containers"][0]["volumeMounts"]
    assert found["spec"]["containers"][0]["volumeMounts"] == [{**mounts[0], "name": name}]
    bare = service_account.without_token(found)["spec"]
    assert (bare["volumes"], bare["containers"][0]["volumeMounts"]) == ([], [])


def test_who_wants_no_token_sees_none(store: ObjectStore) -> None:
    assert "volumes" not in admit(store, pod(automountServiceAccountToken=False))["spec"]
    store.put(account("quiet", automountServiceAccountToken=False), new=True)
    assert "volumes" not in admit(store, pod(serviceAccountName="quiet"))["spec"]
    assert (
        "volumes" in admit(store, pod(serviceAccountName="quiet", automountServiceAccountToken=True))["spec"]
    )


def test_requests_come_from_limits_before_a_quota_asks_for_them(store: ObjectStore) -> None:
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "default", "uid": "q"},
        "spec": {"hard": {"requests.cpu": "1"}},
        "status": {"hard": {"requests.cpu": "1"}, "used": {"requests.cpu": "0"}},
    }
    store.put(quota, new=True)
    small = pod()
    small["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "500m"}}
    admitted = admit(store, small)
    assert admitted["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "500m"}
    small["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}
    with pytest.raises(
        AdmissionError, match=r"exceeded quota: q, requested: requests\.cpu=2, used: requests\.cpu=0"
    ):
        admit(store, small)
