"""An object beside the Job that is the same for all items is made once, in every engine, shape and command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.errors import ItemError
from tests.cli.program import run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: work-ITEM}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: ["sh", "-c", "cat $EXPANDER_MOUNT_S/go.txt"]
        env: [{name: WORD, value: ITEM}]
        volumeMounts: [{name: s, mountPath: /s}]
      volumes: [{name: s, configMap: {name: scripts}}]
"""
OBJECTS = {
    "ConfigMap": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scripts}\ndata: {go.txt: shared}\n",
    "Secret": "apiVersion: v1\nkind: Secret\nmetadata: {name: scripts}\nstringData: {a: b}\n",
    "PersistentVolumeClaim": (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: scripts}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    ),
    "ServiceAccount": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: scripts}\n",
}
ENGINES = {"item": "$ITEM", "text": "$ITEM", "jinja2": "{{ item }}"}


def made(engine: Any, text: str, items: list[Any], **options: Any) -> list[expander.Manifest]:
    value = "{{ word }}" if engine == "jinja2" else "${ITEM.word}"
    template = expander.TemplateFile.of(text.replace("ITEM", ENGINES[engine]).replace("VALUE", value), "t")
    return list(expander.expand(template, items, engine=engine, **options))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("before", [True, False])
def test_it_is_made_once_whatever_it_is_and_wherever_it_stands(engine: str, kind: str, before: bool) -> None:
    documents = [OBJECTS[kind], JOB] if before else [JOB, OBJECTS[kind]]
    found = made(engine, "---\n".join(documents), [f"i{number}" for number in range(1500)])
    shared = [manifest for manifest in found if manifest.kind == kind]
    assert (len(found), len(shared)) == (1501, 1)
    assert (shared[0].item, shared[0].tree["metadata"].get("annotations")) == (None, None)
    assert [manifest.name for manifest in found if manifest.kind == "Job"][-1] == "work-i1499"


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_the_same_for_other_items_so_that_a_later_batch_finds_it_unchanged(engine: str) -> None:
    text = f"{JOB}---\n{OBJECTS['ConfigMap']}"
    first, later = (
        next(each.json() for each in made(engine, text, items, group="g") if each.kind == "ConfigMap")
        for items in (["a", "b"], ["x"])
    )
    assert first == later


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_are_the_same_for_all_items_change_nothing_about_that(engine: str) -> None:
    text = f"{OBJECTS['ConfigMap'].replace('shared', chr(34) + 'VALUE' + chr(34))}---\n{JOB}"
    found = made(engine, text, ["a", "b", "c"], overrides={"word": "w"})
    (shared,) = [each for each in found if each.kind == "ConfigMap"]
    assert shared.tree["data"] == {"go.txt": "w"}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_object_that_depends_on_the_item_needs_names_that_differ(engine: str) -> None:
    errors: list[ItemError] = []
    text = f"{OBJECTS['ConfigMap'].replace('shared', 'ITEM')}---\n{JOB}"
    found = made(engine, text, ["a", "b"], on_error=errors.append)
    assert [each.kind for each in found].count("ConfigMap") == 1
    assert "'scripts'" in str(errors[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_that_no_item_changes_is_still_an_error(engine: str) -> None:
    errors: list[ItemError] = []
    made(engine, JOB.replace("work-ITEM", "work").replace("ITEM", "x"), ["a", "b"], on_error=errors.append)
    assert len(errors) == 1
    assert "'work'" in str(errors[0])


def test_the_first_item_may_fail_and_the_others_still_have_it() -> None:
    errors: list[ItemError] = []
    text = f"{OBJECTS['ConfigMap']}---\n{JOB.replace('backoffLimit: 0', 'backoffLimit: ITEM')}"
    found = made("item", text, ["x", "1", "2"], on_error=errors.append)
    assert [each.kind for each in found] == ["ConfigMap", "Job", "Job"]
    assert len(errors) == 1


def test_items_with_different_columns_share_it_too() -> None:
    text = f"{OBJECTS['ConfigMap']}---\n{JOB}".replace("value: ITEM", "value: x")
    template = expander.TemplateFile.of(text.replace("ITEM", "$ITEM"), "t")
    found = list(expander.expand(template, [{"item": "a"}, {"item": "b", "other": "c"}, "d"]))
    assert [each.kind for each in found].count("ConfigMap") == 1


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
def test_shapes_make_it_once(shape: str) -> None:
    found = made("item", f"{OBJECTS['ConfigMap']}---\n{JOB}", ["a", "b", "c"], shape=shape)
    assert sum(each.name == "scripts" for each in found) == 1


def test_commands_make_it_once(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(f"{OBJECTS['ConfigMap']}---\n{JOB}".replace("ITEM", "$ITEM"))
    files = run("expand", "t.yaml", "a", "b", "c", "-o", "jobs", cwd=tmp_path)
    assert (files.code, sorted(path.name for path in (tmp_path / "jobs").glob("*.yaml"))) == (
        0,
        ["configmap-scripts.yaml", "job-a.yaml", "job-b.yaml", "job-c.yaml"],
    )
    plan = run("plan", "t.yaml", "a", "b", "c", "--offline", "-o", "json", cwd=tmp_path)
    assert (plan.code, json.loads(plan.out)["objects"]) == (0, {"ConfigMap": 1, "Job": 3})
    sent = run("submit", "t.yaml", "a", "b", "c", "--dry-run=client", "-o", "json", cwd=tmp_path)
    assert (sent.code, json.loads(sent.out.splitlines()[-1])) == (0, {"summary": {"created": 4}})
    here = run("run", "t.yaml", "a", "b", "c", "--runtime", "process", "--state", "state", cwd=tmp_path)
    assert (here.code, here.out.count("shared")) == (0, 3)


OWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: data-ITEM}\ndata: {a: b}\n"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("first", ["Job", "ConfigMap"])
def test_of_an_item_of_which_one_object_is_refused_none_is_made(engine: str, first: str) -> None:
    """A deadline may be 1 and not -1, which the Job is refused for, and nothing else of the item."""
    errors: list[ItemError] = []
    refused = JOB.replace("backoffLimit: 0", "activeDeadlineSeconds: ITEM")
    refused = refused.replace("work-ITEM", "work-x-ITEM").replace("value: ITEM", 'value: "ITEM"')
    text = "---\n".join([OWN, refused] if first == "ConfigMap" else [refused, OWN])
    found = made(engine, text, ["-1", "1", "-2", "3"], on_error=errors.append)
    kinds = [("ConfigMap", "data-{}"), ("Job", "work-x-{}")]
    kinds = kinds if first == "ConfigMap" else kinds[::-1]
    assert [(each.kind, each.name) for each in found] == [
        (kind, name.format(item)) for item in ("1", "3") for kind, name in kinds
    ]
    assert [error.number for error in errors] == [1, 3]


@pytest.mark.parametrize("good", [1, 600])
def test_what_a_refused_item_has_in_common_with_another_is_made_for_that(good: int) -> None:
    text = f"{OBJECTS['ConfigMap']}---\n{JOB.replace('backoffLimit: 0', 'activeDeadlineSeconds: 7')}"
    text = text.replace("name: scripts", 'name: "scripts-${ITEM.kind}"')
    text = text.replace("work-ITEM", '"work-${ITEM.n}"').replace("value: ITEM", 'value: "${ITEM.n}"')
    text = text.replace("activeDeadlineSeconds: 7", "activeDeadlineSeconds: ${ITEM.seconds}")
    rows = [{"n": str(n), "kind": "k", "seconds": 1 if n >= good else -1} for n in range(good + 2)]
    errors: list[ItemError] = []
    template = expander.TemplateFile.of(text, "t")
    found = [*expander.expand(template, rows, on_error=errors.append)]
    expected = ["scripts-k", f"work-{good}", f"work-{good + 1}"]
    assert ([each.name for each in found], len(errors)) == (expected, good)
