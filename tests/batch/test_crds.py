"""`--crds` of the commands that validate, and `expander crds save`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.yaml.writer import dump
from expander.batch.crds import PATH
from tests.cli.custom_cluster import CustomCluster, custom_cluster
from tests.cli.program import run
from tests.validate.crds.samples import INTEGER, STRING, definition, objects, rule, sweep

SPEC = objects(low=INTEGER, high=INTEGER, note=STRING) | {
    "x-kubernetes-validations": [rule("self.low <= self.high", message="low is above high")]
}
UNKNOWN = {**SPEC, "x-kubernetes-validations": [rule("self.low.noSuch()")]}
TEMPLATE = """\
apiVersion: lab.example.com/v1
kind: Sweep
metadata:
  name: s-$ITEM
spec:
  low: $ITEM
  high: 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "sweeps.yaml").write_text(dump(definition(SPEC)) + "---\nkind: Service\n")
    (tmp_path / "unknown.yaml").write_text(dump(definition(UNKNOWN)))
    (tmp_path / "sweep.yaml").write_text(TEMPLATE)
    (tmp_path / "good.yaml").write_text(dump(sweep({"low": 1, "high": 2})))
    (tmp_path / "bad.yaml").write_text(dump(sweep({"low": 3, "high": 2, "not": 1})))
    return tmp_path


def test_validate_holds_custom_resources_to_their_definition(folder: Path) -> None:
    good = run("validate", "good.yaml", "--crds", "crds")
    assert (good.code, "1 valid" in good.out) == (0, True)
    bad = run("validate", "bad.yaml", "--crds", "crds", "-o", "json")
    assert bad.code == 1
    [finding] = json.loads(bad.out)["findings"]
    assert finding == {
        "path": "spec.not", "reason": "UnknownField", "line": 8, "message": 'unknown field, did you mean "note"?'
    }  # fmt: skip


def test_without_definitions_the_kind_is_skipped(folder: Path) -> None:
    assert "1 skipped" in run("validate", "good.yaml").out


def test_a_rule_that_cannot_be_evaluated_is_said_and_fails(folder: Path) -> None:
    answer = run("validate", "good.yaml", "--crds", "unknown.yaml")
    assert answer.code == 1
    assert "warning: spec: rule not checked: self.low.noSuch()" in answer.out + answer.err
    machine = run("validate", "good.yaml", "--crds", "unknown.yaml", "-o", "json")
    assert [each["rule"] for each in json.loads(machine.out)["warnings"]] == ["unchecked-rule"]


def test_a_deprecated_version_is_a_warning(folder: Path) -> None:
    old = definition(SPEC, deprecated=True)
    (folder / "old.yaml").write_text(dump(old))
    answer = run("validate", "good.yaml", "--crds", "old.yaml")
    assert "lab.example.com/v1 Sweep is deprecated" in answer.out + answer.err
    assert answer.code == 0


def test_expand_and_plan_refuse_the_items_that_break_a_rule(folder: Path) -> None:
    for command in (["expand"], ["plan", "--offline"]):
        answer = run(command[0], "sweep.yaml", "1", "2", "9", "--crds", "crds", *command[1:])
        assert answer.code == 1, answer.err
        assert "item 3 '9' (<arguments>): spec: Invalid value: low is above high" in answer.err


def test_expand_says_which_rules_it_did_not_check(folder: Path) -> None:
    answer = run("expand", "sweep.yaml", "1", "--crds", "unknown.yaml")
    assert answer.code == 0
    assert "Sweep: spec: rule not checked: self.low.noSuch()" in answer.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Service\n", "no CustomResourceDefinition found"),
        ("kind: CustomResourceDefinition\napiVersion: x/v1\n", "only apiextensions.k8s.io/v1 is supported"),
        ("a: [", "wrong.yaml:"),
    ],
)
def test_a_file_without_definitions_is_one_clear_error(folder: Path, text: str, message: str) -> None:
    (folder / "wrong.yaml").write_text(text)
    answer = run("validate", "good.yaml", "--crds", "wrong.yaml")
    assert answer.code == 2
    assert answer.err.startswith("error: wrong.yaml")
    assert message in answer.err


def test_many_documents_have_the_same_answer_in_several_processes(folder: Path) -> None:
    lines = [json.dumps(sweep({"low": number % 7, "high": 3, "note": "x" * 300})) for number in range(4000)]
    (folder / "many.jsonl").write_text("\n".join(lines))
    answers = [run("validate", "many.jsonl", "--crds", "crds", "--workers", count) for count in "12"]
    assert answers[0] == answers[1]
    assert answers[0].out.count("low is above high") == sum(number % 7 > 3 for number in range(4000))


def test_python_takes_paths_data_and_loaded_definitions(folder: Path) -> None:
    loaded = expander.load_crds("crds")
    bad = sweep({"low": 3, "high": 2})
    found = {
        str(expander.validate(bad, crds=crds))
        for crds in (loaded, "crds", Path("crds"), ["crds"], definition(SPEC))
    }
    assert len(found) == 1
    assert "low is above high" in found.pop()
    assert expander.validate(sweep({"low": 1, "high": 1}), crds=loaded, old=bad) == []
    with pytest.raises(expander.UsageError, match="requires old"):
        expander.validate(bad, crds=loaded, subresource="status")
    with pytest.raises(expander.InputError, match="no schema for"):
        expander.validate(bad)


def test_definitions_of_a_cluster_are_saved_and_read_again(folder: Path) -> None:
    stored: dict[str, Any] = definition(SPEC)
    stored["metadata"] |= {"uid": "1", "managedFields": [{}]}
    with custom_cluster(folder) as cluster:
        add_definitions(cluster, [stored])
        first = run("crds", "save", "saved", "--kubeconfig", str(cluster.config))
        again = run("crds", "save", "saved", "--kubeconfig", str(cluster.config))
    assert first.err == "1 definition in saved: 1 created\n"
    assert again.err == "1 definition in saved: 1 unchanged\n"
    assert "uid" not in (folder / "saved" / "sweeps.lab.example.com.yaml").read_text()
    assert len(expander.load_crds("saved")) == 1


def add_definitions(cluster: CustomCluster, items: list[dict[str, Any]]) -> None:
    cluster.objects[PATH] = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}
