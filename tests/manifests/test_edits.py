"""Labels, annotations and other changes made to every manifest."""

import json
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.manifests.edits import Edits, apply_edits


def job(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", **metadata},
        "spec": {"template": {"spec": {}}},
    }


def test_the_group_goes_on_the_job_and_its_pod_template() -> None:
    tree = job()
    assert apply_edits(tree, Edits(group="night", labels={"team": "x"})) == []
    assert tree["metadata"]["labels"] == {"jobgroup": "night", "team": "x"}
    assert tree["spec"]["template"]["metadata"]["labels"] == {"jobgroup": "night", "team": "x"}


def test_the_templates_own_group_is_kept_and_completed() -> None:
    tree = job(labels={"jobgroup": "own"})
    apply_edits(tree, Edits(default_group="file"))
    assert tree["metadata"]["labels"] == {"jobgroup": "own"}
    assert tree["spec"]["template"]["metadata"]["labels"] == {"jobgroup": "own"}


def test_a_group_asked_for_replaces_the_templates() -> None:
    tree = job(labels={"jobgroup": "own"})
    apply_edits(tree, Edits(group="asked"))
    assert tree["metadata"]["labels"] == {"jobgroup": "asked"}


def test_the_key_of_the_group_can_be_chosen() -> None:
    tree = job()
    apply_edits(tree, Edits(group="g", group_label="example.com/batch"))
    assert tree["metadata"]["labels"] == {"example.com/batch": "g"}


def test_labels_of_the_template_win_unless_told_otherwise() -> None:
    tree = job(labels={"team": "own"})
    kept = apply_edits(tree, Edits(labels={"team": "asked"}))
    assert tree["metadata"]["labels"]["team"] == "own"
    assert kept == ["label team=own of the template is kept"]
    assert apply_edits(tree, Edits(labels={"team": "asked"}, overwrite=True)) == []
    assert tree["metadata"]["labels"]["team"] == "asked"


def test_nothing_is_added_when_nothing_is_asked_for() -> None:
    tree = job()
    assert apply_edits(tree, Edits()) == []
    assert tree == job()


def test_time_to_live_and_namespace_are_set_where_they_belong() -> None:
    tree = job()
    apply_edits(tree, Edits(ttl=60, namespace="team-a"))
    assert tree["spec"]["ttlSecondsAfterFinished"] == 60
    assert tree["metadata"]["namespace"] == "team-a"
    assert "metadata" not in tree["spec"]["template"]
    cron = {"kind": "CronJob", "metadata": {}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}}
    apply_edits(cron, Edits(ttl=60, group="g"))
    inner: Any = cron["spec"]
    assert inner["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 60
    assert inner["jobTemplate"]["metadata"]["labels"] == {"jobgroup": "g"}
    assert inner["jobTemplate"]["spec"]["template"]["metadata"]["labels"] == {"jobgroup": "g"}
    cluster_wide = {"kind": "Namespace", "metadata": {"name": "n"}}
    apply_edits(cluster_wide, Edits(namespace="team-a"))
    assert cluster_wide["metadata"] == {"name": "n"}


@pytest.mark.parametrize("metadata", [None, 5, [], "x"])
def test_odd_metadata_is_left_to_validation(metadata: Any) -> None:
    tree = {"kind": "Job", "metadata": metadata, "spec": 3}
    apply_edits(tree, Edits(group="g", labels={"a": "b"}, ttl=1, namespace="n"))
    assert tree["spec"] == 3


@pytest.mark.parametrize("text", ["$ITEM", "{{ item }}"])
def test_the_jobs_of_a_cronjob_get_its_item(tmp_path: Path, text: str) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i", "args": [text]}]}
    spec = {"schedule": "0 1 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    tree = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": f"c-{text}"}, "spec": spec}
    template = tmp_path / ("c.yaml" if text == "$ITEM" else "c.yaml.j2")
    template.write_text(json.dumps(tree))
    (made,) = expander.expand(str(template), ["apple"])
    metadata = made.tree["spec"]["jobTemplate"]["metadata"]
    assert metadata["annotations"] == made.tree["metadata"]["annotations"] == {"expander/item": "apple"}
