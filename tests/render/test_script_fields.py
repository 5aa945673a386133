"""Scripts outside of command lines: files of ConfigMaps, and fields of custom resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import expander
from tests.render.test_values_and_code import PAYLOADS, executed

FILES = {
    "run.sh": '#!/bin/sh\nset -e\necho "$ITEM"\nmytool $ITEM\n',
    "run.bash": "for x in a b; do\n  [[ $x == '$ITEM' ]] && echo '$ITEM'\ndone\n",
    "job": '#!/usr/bin/env bash\ncat <<END\n$ITEM\nEND\n',
    "job.sh": "cat <<'END'\n$ITEM\nEND\n",
    "eval.sh": 'eval "echo $ITEM"\n',
    "train.py": "print('$ITEM')\n",
    "tool": "#!/usr/bin/perl\nprint '$ITEM';\n",
}  # fmt: skip


def config_map(name: str, text: str, kind: str = "ConfigMap") -> dict[str, Any]:
    field = "data" if kind == "ConfigMap" else "stringData"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "c-$INDEX"}, field: {name: text}}


def resource(version: str, kind: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "r-$INDEX"}, "spec": spec}


CODE = [
    resource("argoproj.io/v1alpha1", "Workflow", {"templates": [{"container": {"image": "x", "command": ["sh", "-c", "echo $ITEM"]}}]}),
    resource("argoproj.io/v1alpha1", "Workflow", {"templates": [{"script": {"image": "x", "command": ["bash", "-eu"], "source": "echo $ITEM"}}]}),
    resource("argoproj.io/v1alpha1", "Workflow", {"templates": [{"script": {"image": "x", "command": ["python"], "source": "print('$ITEM')"}}]}),
    resource("argoproj.io/v1alpha1", "Workflow", {"templates": [{"container": {"image": "x", "args": ["-c", "echo $ITEM"]}}]}),
    resource("tekton.dev/v1", "TaskRun", {"taskSpec": {"steps": [{"image": "x", "script": "echo $ITEM\n"}]}}),
    resource("tekton.dev/v1", "TaskRun", {"taskSpec": {"steps": [{"image": "x", "script": "#!/usr/bin/env python\nprint('$ITEM')"}]}}),
    resource("ray.io/v1", "RayJob", {"entrypoint": "python train.py $ITEM"}),
    resource("example.com/v1", "Run", {"command": "process $ITEM"}),
    resource("example.com/v1", "Run", {"steps": [{"args": "--x $ITEM"}]}),
    resource("example.com/v1", "Run", {"script": "process '$ITEM'"}),
    resource("example.com/v1", "Run", {"script": "$ITEM"}),
    resource("example.com/v1", "Run", {"template": {"metadata": {"annotations": {"script": "process $ITEM"}}}}),
]  # fmt: skip

DATA = [
    config_map("items.txt", "the item $ITEM\n"),
    config_map("app.yaml", "name: $ITEM\n"),
    resource("argoproj.io/v1alpha1", "Workflow", {"templates": [{"container": {"image": "x", "command": ["mytool", "$ITEM"]}}]}),
    resource("example.com/v1", "Run", {"source": "$ITEM", "title": "the run of $ITEM"}),
    resource("batch.volcano.sh/v1alpha1", "Job", {"queue": "q $ITEM"}),
]  # fmt: skip


def expanded(
    tree: dict[str, Any], values: list[str], tmp_path: Path, **options: Any
) -> tuple[list[Any], list[Any]]:
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps(tree))
    errors: list[expander.ItemError] = []
    made = list(expander.expand(path, values, validate=False, on_error=errors.append, **options))
    return [each.tree for each in made], errors


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
@pytest.mark.parametrize("name", FILES)
def test_no_payload_in_a_script_of_a_config_map_is_executed(name: str, kind: str, tmp_path: Path) -> None:
    made, errors = expanded(config_map(name, FILES[name], kind), PAYLOADS, tmp_path)
    assert errors
    for tree in made if kind == "ConfigMap" else ():
        for shell in ["bash"] if "bash" in name + FILES[name] else ["dash", "bash"]:
            assert not executed(shell, tree["data"][name], tmp_path), tree
    for value in ("apple", "x/y.txt", "2024-01-01"):
        assert expanded(config_map(name, FILES[name], kind), [value], tmp_path)[0]


def test_scripts_of_config_maps_take_ordinary_values(tmp_path: Path) -> None:
    script = config_map("run.sh", '#!/bin/sh\nconvert "/in/$ITEM" "/out/$ITEM.png"\n')
    made, errors = expanded(script, ["my dog (1).jpg", "R&D", "Müller", "a$b"], tmp_path)
    assert len(made) == 3
    (problem,) = errors[0].problems
    assert problem.field == "data.run.sh" or "run.sh" in problem.field
    assert "shell='env'" not in problem.hint


@pytest.mark.parametrize("tree", CODE, ids=lambda tree: json.dumps(tree["spec"]))
def test_payloads_in_code_of_custom_resources_are_refused(tree: dict[str, Any], tmp_path: Path) -> None:
    made, errors = expanded(tree, ["x;touch pwned", "'; touch pwned #", "$(touch pwned)", "apple"], tmp_path)
    assert [each["metadata"]["name"] for each in made] == ["r-3"]
    assert len(errors) == 3


@pytest.mark.parametrize("tree", DATA, ids=json.dumps)
def test_values_that_are_no_code_pass(tree: dict[str, Any], tmp_path: Path) -> None:
    made, errors = expanded(tree, ["x;touch pwned", "it's $(x)"], tmp_path)
    assert len(made) == 2
    assert not errors


def test_variables_reach_the_containers_of_custom_resources(tmp_path: Path) -> None:
    step = {"image": "x", "script": "#!/bin/sh\necho $ITEM\n"}
    made, _ = expanded(
        resource("tekton.dev/v1", "TaskRun", {"taskSpec": {"steps": [step]}}), ["a;b"], tmp_path, shell="env"
    )
    assert made[0]["spec"]["taskSpec"]["steps"] == [
        {"image": "x", "script": '#!/bin/sh\necho "${ITEM}"\n', "env": [{"name": "ITEM", "value": "a;b"}]}
    ]
    with pytest.raises(expander.InputError, match="no container that could have them"):
        expanded(config_map("run.sh", FILES["run.sh"]), ["a"], tmp_path, shell="env")


@pytest.mark.parametrize(
    ("script", "name", "value", "fine"),
    [
        ('echo "$NAME"', "NAME", "x;touch pwned", True),
        ("[ $NAME = x ]", "NAME", "-v a[$(touch pwned)] -o x", False),
        ('eval "$NAME"', "NAME", "touch pwned", False),
        ("$NAME", "NAME", "touch pwned", False),
        ("echo $((NAME + 1))", "NAME", "a[$(touch pwned)]", False),
        ("true", "BASH_ENV", "$(touch pwned)", False),
        ("true", "LD_PRELOAD", "a b", False),
    ],
)
def test_a_variable_that_a_script_runs_takes_harmless_values_only(
    script: str, name: str, value: str, fine: bool, tmp_path: Path
) -> None:
    container = {
        "name": "main",
        "image": "x",
        "command": ["bash", "-c", script],
        "env": [{"name": name, "value": "$ITEM"}],
    }
    job = resource("batch/v1", "Job", {"template": {"spec": {"containers": [container]}}})
    made, errors = expanded(job, [value, "apple"], tmp_path)
    assert (len(made), len(errors)) == ((2, 0) if fine else (1, 1))
