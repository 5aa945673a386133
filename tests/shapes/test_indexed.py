"""The Indexed Job and its ConfigMaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha512
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import expander
from expander import validate
from expander.base.errors import InputError, UsageError
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import MAX_ITEMS_CHARS, item_at
from tests.cli.program import run
from tests.shapes.batch import SHOW, made, template


def parts(manifests: list[Manifest]) -> tuple[list[Any], Any]:
    """The ConfigMaps, and the Job behind them."""
    *maps, job = [manifest.tree for manifest in manifests]
    assert [tree["kind"] for tree in maps] == ["ConfigMap"] * len(maps)
    assert job["kind"] == "Job"
    return maps, job


def items_of(config_maps: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The items by their index, from the ConfigMaps."""
    files = {
        int(key.rpartition(".")[2]): text
        for config_map in config_maps
        for key, text in config_map["data"].items()
        if key.startswith("_items.")
    }
    return [json.loads(line) for number in sorted(files) for line in files[number].split("\n")[:-1]]


def test_every_index_fails_alone_and_is_tried_again_as_its_job_would_be() -> None:
    _, job = parts(made(template(backoffLimit=3), ["a", "b", "c"], "indexed"))
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (spec["completions"], spec["parallelism"], spec["backoffLimitPerIndex"]) == (3, 3, 3)
    assert not {"backoffLimit", "maxFailedIndexes"} & set(spec)


def test_a_pod_failure_policy_that_fails_the_job_fails_the_index() -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    _, job = parts(made(template(podFailurePolicy={"rules": [rule]}), ["a", "b"], "indexed"))
    assert job["spec"]["podFailurePolicy"]["rules"][0]["action"] == "FailIndex"


def test_all_objects_carry_the_group_and_are_valid() -> None:
    maps, job = parts(made(template(), ["a", "b"], "indexed"))
    for tree in [*maps, job]:
        assert tree["metadata"]["labels"] == {"jobgroup": "shows"}
        assert validate(tree) == []
    assert job["spec"]["template"]["metadata"]["labels"] == {"jobgroup": "shows"}
    assert all(tree["immutable"] for tree in maps)


def test_names_and_digest_are_the_same_for_the_same_items_and_others_for_others() -> None:
    def names(items: list[str]) -> list[str]:
        found = made(template(), items, "indexed")
        return [*(m.name for m in found), found[-1].tree["metadata"]["annotations"]["expander/items-digest"]]

    assert names(["a", "b"]) == names(["a", "b"])
    first, second = names(["a", "b"]), names(["a", "c"])
    assert first[1] == second[1] == "shows"
    assert first[0] != second[0]
    assert first[2] != second[2]


def test_the_items_can_be_read_back_by_index() -> None:
    items: list[Any] = ["a", 1, True, "line\nbreak \u2028", {"x": "y", "n": 2}]
    plain = made(template(["$INDEX"], name="show-$INDEX"), items[:4], "indexed")
    assert items_of(parts(plain)[0]) == items[:4]
    columns = made(template(["${ITEM.x}"], name="show-$INDEX"), items[4:], "indexed")
    assert items_of(parts(columns)[0]) == items[4:]


def test_config_maps_stay_small_enough_for_apply_and_for_a_server() -> None:
    items = [f"{number} " + "ü'\"\n\x01" * 200 for number in range(1500)]
    maps, job = parts(made(template(name="show-$INDEX"), items, "indexed"))
    assert len(maps) > 5
    for tree in maps:
        assert len(json.dumps(tree)) < 1_400_000
        assert len(json.dumps(tree, ensure_ascii=False).encode()) < 262_144
    assert items_of(maps) == items
    sources = job["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]
    assert [source["configMap"]["name"] for source in sources] == [tree["metadata"]["name"] for tree in maps]


def test_an_item_that_no_config_map_holds_is_named() -> None:
    with pytest.raises(InputError, match=r"item 2 .*a ConfigMap holds 1 MiB"):
        made(template(["$ITEM"] * 5, name="show-$INDEX"), ["a", "b" * 240_000, "c"], "indexed")


def test_more_items_than_an_indexed_job_has_completions_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expander.shapes.indexed.MAX_UNLIMITED_COMPLETIONS", 3)
    with pytest.raises(InputError, match=r"more than 3 items") as caught:
        made(template(), ["a", "b", "c", "d"], "indexed")
    assert "shape='chunks=N'" in str(caught.value)


def test_variables_that_no_item_changes_stay_in_the_pod_template() -> None:
    env: list[dict[str, Any]] = [
        {"name": "CONST", "value": "$(NODE)"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "OWN", "value": "$ITEM"},
        {"name": "AFTER", "value": "$(OWN)-$(NODE)"},
    ]
    maps, job = parts(made(template([], env), ["a", "b"], "indexed"))
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert [entry["name"] for entry in container["env"]] == ["CONST", "NODE"]
    assert container["args"] == SHOW
    script = maps[0]["data"]["main.0"]
    assert "export OWN='a'\n" in script
    assert "export AFTER='a-'\"${NODE-\\$(NODE)}\"" in script


def test_the_items_of_each_index_stand_in_an_annotation_where_they_are_few_enough() -> None:
    _, job = parts(made(template(name="show-$INDEX"), ["a", 7], "indexed"))
    annotations = job["metadata"]["annotations"]
    assert [item_at(annotations, index) for index in range(2)] == ["a", "7"]


def test_many_items_are_packed() -> None:
    many = [f"sample-{number}/\N{SNOWMAN}" for number in range(5000)]
    *_, job = [manifest.tree for manifest in made(template(name="show-$INDEX"), many, "indexed")]
    annotations = job["metadata"]["annotations"]
    assert len(annotations["expander/items"]) <= MAX_ITEMS_CHARS
    assert [item_at(annotations, index) for index in range(5000)] == many


def test_items_that_do_not_fit_are_unknown_rather_than_all_called_alike() -> None:
    noise = (sha512(str(number).encode()).hexdigest() for number in range(800))
    endless = ["".join(islice(noise, 20)) for _ in range(40)]
    *_, job = [manifest.tree for manifest in made(template(name="show-$INDEX"), endless, "indexed")]
    annotations = job["metadata"]["annotations"]
    assert "expander/items" not in annotations
    assert item_at(annotations, 0) == ""
    assert item_at({}, 0) is None
    assert item_at({**annotations, "expander/items": "zlib:!"}, 0) == ""


def test_results_name_the_item_of_each_index(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(template().text)
    words = ["--state", "state", "--runtime", "process"]
    assert run("run", "job.yaml", "pear", "it's", "--as", "indexed", *words, cwd=tmp_path).code == 0
    found = run("results", "--group", "shows", "--state", "state", "-o", "json", cwd=tmp_path)
    assert [record["item"] for record in json.loads(found.out)] == ["pear", "it's"]


def test_a_shape_is_a_word_in_python_too() -> None:
    found = list(expander.expand(template(), ["a", "b"], shape="indexed"))
    assert [manifest.kind for manifest in found] == ["ConfigMap", "Job"]
    with pytest.raises(UsageError, match="needs the URL of a broker"):
        list(expander.expand(template(), ["a"], shape="queue=redis"))


def test_init_containers_get_their_part_of_the_item_too(tmp_path: Path) -> None:
    file = template(["$ITEM"], {"OWN": "$ITEM"})
    job = json.loads(file.text)
    pod = job["spec"]["template"]["spec"]
    script = 'printf %s "$0" > "${EXPANDER_MOUNT_DATA:-/data}/item"'
    mount = [{"name": "data", "mountPath": "/data"}]
    pod["initContainers"] = [
        {
            "name": "prepare",
            "image": "busybox",
            "command": ["sh", "-c", script, "$ITEM"],
            "volumeMounts": mount,
        }
    ]
    pod["containers"][0]["command"] = ["sh", "-c", 'echo "$OWN $(cat "${EXPANDER_MOUNT_DATA:-/data}/item")"']
    pod["containers"][0]["volumeMounts"] = mount
    pod["volumes"] = [{"name": "data", "emptyDir": {}}]
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    words = ["--as", "indexed", "--state", "state", "--runtime", "process"]
    answer = run("run", "job.yaml", "pear", "it's", *words, cwd=tmp_path)
    assert sorted(line.partition("] ")[2] for line in answer.out.splitlines()) == ["it's it's", "pear pear"]
