"""Verdicts on files, and what is said of a batch while it is made."""

from __future__ import annotations

import json
import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from expander.base.errors import ItemError
from expander.batch.request import BatchRequest
from expander.batch.validation import Validation
from expander.cli.output.validate import FORMATS, report_of
from expander.items.python import from_python
from expander.render.template_file import TemplateFile

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
OLD_LABEL = """apiVersion: batch/v1
kind: Job
metadata: {name: "a.$ITEM"}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {beta.kubernetes.io/os: linux}
      containers: [{name: c, image: x, command: [echo, "$ITEM"]}]
"""
NAME_WORDS = "metadata.name: this is used in Pod names and hostnames"
LABEL_WORDS = "spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14"


def printed(output: str, *paths: Path, workers: int = 1) -> tuple[str, Validation]:
    """The report on ``paths``, and the validation with its counts."""
    parts: list[str] = []
    validation = Validation([str(path) for path in paths], workers=workers)
    report = report_of(output, parts.append)
    for verdict in validation:
        report.add(verdict)
    report.finish(validation)
    return "".join(parts), validation


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}data:\n  k: b\n  k: c\n", "duplicate field 'k', already set in line 5"),
        (f"{HEAD}data:\n\tk: b\n", "character that cannot start any token"),
        (
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "b", "k": "c"}}',
            "duplicate field 'k', already set in line 1",
        ),
    ],
)
def test_a_field_twice_and_a_tab_are_refused(tmp_path: Path, output: str, text: str, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    found, validation = printed(output, path)
    assert validation.counts == {"valid": 0, "invalid": 1, "skipped": 0, "error": 0}
    assert words in found.replace("&apos;", "'").replace("&#39;", "'")


def test_the_server_s_warnings_are_in_every_format(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(OLD_LABEL.replace("$ITEM", "b"))
    text, validation = printed("text", path)
    assert validation.warned == 2
    assert f"{path}:8: Job/a.b: warning: {LABEL_WORDS}" in text
    warnings = json.loads(printed("json", path)[0])["warnings"]
    assert [each["rule"] for each in warnings] == ["name-not-label", "deprecated-label"]
    suite = ElementTree.fromstring(printed("junit", path)[0])
    said = "".join(suite.itertext())
    assert NAME_WORDS in said
    assert LABEL_WORDS in said
    results = json.loads(printed("sarif", path)[0])["runs"][0]["results"]
    assert [each["level"] for each in results] == ["warning", "warning"]


def test_the_server_s_warnings_are_said_once_for_a_template_and_not_of_names_that_items_make() -> None:
    said: list[str] = []
    errors: list[ItemError] = []
    request = BatchRequest(batch=TemplateFile.of(OLD_LABEL, "t.yaml"), items=from_python(["x", "y", "z"]))
    made = list(request.manifests(errors.append, None, said.append))
    assert len(made) == 3
    assert [words.startswith(LABEL_WORDS) for words in said] == [True]
    assert not errors


@pytest.mark.parametrize("output", FORMATS)
def test_the_same_files_give_the_same_bytes(
    tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expander.batch.validation.MAX_PORTION_FILES", 2)
    kinds = [
        f"{HEAD}data: {{k: b}}\n",
        f"{HEAD}dta: {{}}\n",
        OLD_LABEL,
        "apiVersion: a/v1\nkind: B\n",
        "a: b: c\n",
    ]
    paths = [tmp_path / f"{number:02}.yaml" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_text("---\n".join(kinds[(number + shift) % len(kinds)] for shift in range(3)))
    first = printed(output, *paths)[0]
    for seed in range(3):
        mixed = random.Random(seed).sample(paths, len(paths))
        assert printed(output, *mixed, workers=seed + 1)[0] == printed(output, *mixed)[0]
    assert printed(output, tmp_path)[0] == first


def test_annotations_of_github_name_file_line_and_object(tmp_path: Path) -> None:
    path = tmp_path / "a,b.yaml"
    path.write_text(f"{HEAD}dta: {{}}\n---\n{OLD_LABEL.replace('$ITEM', 'b')}---\na: b: c\n")
    lines = printed("github", path)[0].splitlines()
    file = str(path).replace(",", "%2C")
    assert lines[0].startswith(f"::error file={file},line=4,title=ConfigMap/a::dta: unknown field")
    assert lines[1].startswith(f"::warning file={file},line=8,title=Job/a.b::{NAME_WORDS}")
    assert lines[-1].startswith(f"::error file={file},line=16,title=document::not valid YAML: ")


def test_a_template_is_one_annotation_of_github(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"{OLD_LABEL}dta: {{}}\n---\n{OLD_LABEL}")
    hint = f"a template: `expander expand {path} ITEM... --dry-run` validates it"
    assert printed("github", path)[0] == f"::error file={path},line=1,title=Job/a.$ITEM::{hint}\n"


def test_odd_names_of_files_are_uris_in_sarif_and_steer_no_terminal_on_github(tmp_path: Path) -> None:
    path = tmp_path / "a b#ü:\x1b[31m.yaml"
    path.write_text(f"{HEAD}dta: {{}}\n")
    uris = [
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(printed("sarif", path)[0])["runs"][0]["results"]
        for place in result["locations"]
    ]
    assert uris == [f"{tmp_path}/a%20b%23%C3%BC%3A%1B%5B31m.yaml"]
    assert "\x1b" not in printed("github", path)[0]


def test_rules_in_sarif_say_what_they_are_and_where_to_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}dta: {{}}\n---\n{OLD_LABEL.replace('$ITEM', 'b')}")
    driver = json.loads(printed("sarif", path)[0])["runs"][0]["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == ["UnknownField", "deprecated-label", "name-not-label"]
    assert all(rule["helpUri"].startswith("https://kubernetes.io/docs/") for rule in driver["rules"])
    assert all(rule["shortDescription"]["text"].endswith(".") for rule in driver["rules"])
