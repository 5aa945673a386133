"""Files of cases: what is wrong in them is told with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from expander.base.errors import InputError
from expander.cli.test import _cases
from expander.test.case import files_of_cases, read_cases


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text("metadata: {name: $ITEM}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("count: 1, itms: [a]", 'cases[0].itms: unknown field, did you mean "items"?'),
        ("count: x", "cases[0].count: found 'x', expected a number"),
        ("count: true", "cases[0].count: found true, expected a number"),
        ("count: null", "cases[0].count: found null, expected a number"),
        (f"fields: [{'x, ' * 1000}x]", '"x", "..., expected a mapping'),
        ("items: 3, count: 1", "cases[0].items: found 3, expected a list or text"),
        (
            "items: [a]",
            "cases[0]: expects nothing; expected one of count, manifests, fields, fieldsOf, refused",
        ),
        ("fields: {a..b: 1}", "cases[0].fields.a..b: expected a path such as spec.template.spec"),
        ("fieldsOf: {a: 1}", "cases[0].fieldsOf.a: found 1, expected a mapping"),
        ("refused: {a: 1}", "cases[0].refused.a: found 1, expected text in the message"),
        ("run: {exitcodes: {}}", 'cases[0].run.exitcodes: unknown field, did you mean "exitCodes"?'),
        ("run: {exitCodes: {a: x}}", "cases[0].run.exitCodes.a: found 'x', expected a number"),
        ("run: {timeout: 0}", "cases[0].run.timeout: found 0, expected 1 or more"),
        ("manifests: ../up.yaml", "cases[0].manifests: ../up.yaml is outside the folder of the cases"),
        ("manifests: job.yaml", "cases[0].manifests: job.yaml is the template"),
        ("manifests: ./job.yaml", "cases[0].manifests: ./job.yaml is the template"),
        ('manifests: ""', "cases[0].manifests: found '', expected the path of a file"),
        ('manifests: "a\\0b"', "cases[0].manifests: found 'a\\x00b', expected the path of a file"),
        ("manifests: /tmp/up.yaml", "cases[0].manifests: /tmp/up.yaml is outside the folder of the cases"),
        ("count: 1, options: {sett: 1}", 'cases[0].options.sett: unknown option, did you mean "set"?'),
        ("count: 1, options: {output: x}", "cases[0].options.output: unknown option"),
        ("count: 1, options: {as: 3}", "cases[0].options: unknown shape '3'"),
        ("count: 1, options: {parallelism: x}", "cases[0].options: invalid value for --parallelism"),
        (
            "count: 1, options: {limit: 1}, items: [a]",
            "options.limit: only for items of a source, not for a list",
        ),
        ("count: 1, options: {no-validate: 1}", "options.no-validate: found 1, expected true or false"),
        (
            "count: 1, options: {set: true}",
            "options.set: found true, expected text, a number, a list or a mapping",
        ),
        ("count: 1, items: none.csv", "cases[0].items: found 'none.csv', expected a source of items"),
        ("count: 1, items: '-'", "cases[0].items: a case cannot read standard input"),
        ("count: 1, items: [{s: a}, {s: y}]", "cases[0].items[1].s: found y, which YAML reads as true"),
        (
            "count: 1, items: [no]",
            'cases[0].items[0]: found no, which YAML reads as false\n  hint: write "no"',
        ),
        ("count: 1, items: [[a]]", "cases[0].items: item 1 (job.test.yaml:4): found a list"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(folder: Path, case: str, words: str) -> None:
    Path("job.test.yaml").write_text(f"# cases\n\ncases:\n- {{name: one, {case}}}\n")
    with pytest.raises(InputError) as error:
        _cases(["job.yaml"], None)
    assert str(error.value).startswith("job.test.yaml:4:")
    assert words in str(error.value)


def test_all_that_is_wrong_in_all_files_is_told_at_once(folder: Path) -> None:
    for name in ("job", "other"):
        Path(f"{name}.yaml").touch()
        Path(f"{name}.test.yaml").write_text("cases:\n- {nam: x, count: 1}\n- {name: z, cont: 1}\n")
    with pytest.raises(InputError) as error:
        _cases(["."], None)
    files = [str(problem.where) for problem in error.value.problems]
    assert files == ["job.test.yaml:2:4", "job.test.yaml:3:13", "other.test.yaml:2:4", "other.test.yaml:3:13"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found 0 documents, expected one"),
        ("cases: []", "cases: no cases"),
        ("- name: a", "expected a mapping with template, cases"),
        ("[", "not valid YAML"),
        ("cases: [{name: a, count: 1}, {name: a, count: 2}]", "cases[1].name: 'a' is also cases[0]"),
        (
            "cases: [{name: a, manifests: g.yaml}, {name: b, manifests: g.yaml}]",
            "cases[1].manifests: g.yaml is that of cases[0] too",
        ),
        ("cases: [{count: 1}]", "cases[0].name: required: what the case is called"),
    ],
)
def test_a_file_without_cases_that_can_be_told_apart_is_refused(folder: Path, text: str, words: str) -> None:
    Path("job.test.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        read_cases("job.test.yaml", ())
    assert words in str(error.value)


def test_a_template_that_is_not_there_is_told_with_the_name_it_should_have(folder: Path) -> None:
    Path("none.test.yaml").write_text("cases: [{name: a, count: 1}]")
    with pytest.raises(InputError) as error:
        read_cases("none.test.yaml", ())
    assert "no template beside it: there is no none.yaml" in str(error.value)


def test_files_are_found_by_template_name_and_folder_once_each(folder: Path) -> None:
    for name in ("job", "a/b/deep", ".git/hidden"):
        path = Path(f"{name}.test.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("a/b/deep.yaml.j2").touch()
    assert files_of_cases(["."]) == ["job.test.yaml", "a/b/deep.test.yaml"]
    assert files_of_cases(["a/b/deep.yaml.j2", "a", "job.yaml", "job.test.yaml"]) == [
        "a/b/deep.test.yaml",
        "job.test.yaml",
    ]
