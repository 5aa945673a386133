"""Who tells a plan what limits there are."""

from pathlib import Path

import pytest

from expander.base.errors import InputError
from expander.plan.capacity import capacity_source

QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: batch, namespace: NAMESPACE}
spec: {hard: {count/jobs.batch: "5"}}
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_files_tell_the_limits_of_the_namespace_they_name(tmp_path: Path) -> None:
    limits = capacity_source(quotas=[write(tmp_path / "q.yaml", QUOTA.replace("NAMESPACE", "night"))])
    assert limits.asked == "files"
    assert [each["metadata"]["name"] for each in limits.of("night").quotas] == ["batch"]
    assert limits.of("day").quotas == ()
    assert limits.unknown() == []


def test_a_quota_of_a_namespace_that_the_batch_does_not_use_is_named(tmp_path: Path) -> None:
    limits = capacity_source(quotas=[write(tmp_path / "q.yaml", QUOTA.replace("NAMESPACE", "night"))])
    limits.of("day")
    assert limits.unknown() == ["ResourceQuota batch is for namespace night, which the batch does not use"]


def test_a_list_as_kubectl_prints_it_is_read_and_one_without_a_namespace_is_for_all(tmp_path: Path) -> None:
    text = (
        '{"apiVersion": "v1", "kind": "List", "items": ['
        '{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"cpu": "1"}},'
        ' "status": {"hard": {"cpu": "1"}, "used": {"cpu": "500m"}}},'
        '{"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "r"}, "spec": {"limits": []}}]}'
    )
    found = capacity_source(quotas=[write(tmp_path / "all.json", text)]).of("anywhere")
    assert (len(found.quotas), len(found.ranges)) == (1, 1)
    assert found.quotas[0]["status"]["used"] == {"cpu": "500m"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: ConfigMap\napiVersion: v1\n", "no ResourceQuota or LimitRange"),
        (
            "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {cpu: lots}}\n",
            "must be a quantity",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        capacity_source(quotas=[write(tmp_path / "q.yaml", text)])
    assert "q.yaml" in str(caught.value)


def test_without_a_cluster_a_plan_goes_on_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    limits = capacity_source()
    assert (limits.asked, limits.namespace) == ("nothing", "default")
    assert limits.of("a").quotas == ()
    assert "no cluster" in limits.unknown()[0]


def test_a_kubeconfig_that_was_named_has_to_lead_to_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cluster"):
        capacity_source(kubeconfig=str(tmp_path / "none"))
