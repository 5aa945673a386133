"""``expander test``: what templates make, against the cases beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from expander.cli import main
from tests.cli.program import Answer, run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "job-$ITEM"}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "busybox:1", command: [sh, -c, "echo $ITEM"]}
"""
MAIN = "spec.template.spec.containers[main]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


Check = Callable[..., Answer]


@pytest.fixture
def check(folder: Path, capfd: pytest.CaptureFixture[str]) -> Check:
    """Writes one case, whose lines are indented, to ``job.test.yaml``, and runs the command."""

    def check(case: str | None, *arguments: str) -> Answer:
        if case is not None:
            Path("job.test.yaml").write_text(f"cases:\n- name: one\n{case}")
        code = main.run(["test", *(arguments or ["job.yaml"])])
        return Answer(code, *capfd.readouterr())

    return check


def lines(answer: Answer) -> list[str]:
    """What is told of the case."""
    assert answer.code == 1, answer.err
    return [line.removeprefix("job.test.yaml:2: one: ") for line in answer.out.splitlines()[:-1]]


def test_a_case_passes_when_everything_is_as_expected(folder: Path, check: Check) -> None:
    answer = check(f"""\
  items: [a, b]
  options: {{group: mine, label: {{team: x}}}}
  count: 2
  fields:
    metadata.labels: {{jobgroup: mine, team: x}}
    {MAIN}.image: busybox:1
    spec.template.spec.containers[0].command[0]: sh
    spec.backoffLimit: 6
    spec.parallelism: 1
    spec.activeDeadlineSeconds: null
  fieldsOf:
    a: {{metadata.name: job-a}}
    job/job-b: {{"{MAIN}.command": [sh, -c, echo b]}}
""")
    assert (answer.code, answer.out, answer.err) == (0, "1 case: 1 passed, 0 failed\n", "")


def test_each_expectation_that_does_not_hold_is_a_line(folder: Path, check: Check) -> None:
    answer = check(f"""\
  items: [a, b, c, d]
  count: 3
  fields: {{"{MAIN}.image": "busybox:2", spec.backoffLimit: null, spec.suspend: true}}
  fieldsOf: {{a: {{"{MAIN}.command": [sh, -c, echo b]}}, e: {{metadata.name: e}}}}
""")
    assert lines(answer) == [
        "count: expected 3, found 4",
        f"{MAIN}.image: expected busybox:2, found busybox:1 (all 4)",
        "spec.suspend: expected true, found false (all 4)",
        f"{MAIN}.command[2]: expected echo b, found echo a (a)",
        "fieldsOf: expected an object, found nothing (e)",
    ]


def test_the_file_of_manifests_is_written_once_and_then_holds(folder: Path, check: Check) -> None:
    case = "  items: [a, b]\n  manifests: golden/all.yaml\n"
    assert lines(check(case)) == [
        "manifests: expected golden/all.yaml, found nothing",
        "hint: --update writes golden/all.yaml",
    ]
    first = check(case, "--update")
    assert (first.code, first.out.splitlines()[0]) == (0, "job.test.yaml:2: one: golden/all.yaml written")
    assert run("validate", "golden").out == "2 manifests: 2 valid, 0 invalid\n"
    written = (folder / "golden/all.yaml").read_text()
    assert check(case, "--update").out == check(case).out == "1 case: 1 passed, 0 failed\n"
    assert (folder / "golden/all.yaml").read_text() == written
    (folder / "job.yaml").write_text(JOB.replace("busybox:1", "busybox:2"))
    assert lines(check(case)) == [f"{MAIN}.image: expected busybox:1, found busybox:2 (a, b)"]
    assert lines(check(case.replace("[a, b]", "[a, c]"))) == [
        f"{MAIN}.image: expected busybox:1, found busybox:2 (a)",
        "manifests: expected an object, found nothing (b)",
        "manifests: expected nothing, found an object (c)",
    ]


def test_nothing_is_written_when_something_else_fails(folder: Path, check: Check) -> None:
    answer = check('  items: [a, "b;c"]\n  manifests: all.yaml\n', "--update")
    assert lines(answer)[0].startswith("refused: expected nothing, found spec.template.spec.containers[0]")
    assert lines(answer)[-1] == "hint: --update writes all.yaml when all else is as expected"
    assert not (folder / "all.yaml").exists()


def test_manifests_may_be_in_the_case(folder: Path, check: Check) -> None:
    manifest = json.loads(run("expand", "job.yaml", "a", "-o", "json").out)
    case = f"  items: [a]\n  manifests: [{json.dumps(manifest)}]\n"
    assert check(case).code == 0
    assert lines(check(case.replace("busybox:1", "alpine"))) == [
        f"{MAIN}.image: expected alpine, found busybox:1 (a)"
    ]


def test_manifests_that_cannot_be_read_fail_their_case_and_stay(folder: Path, check: Check) -> None:
    (folder / "bad.yaml").write_text("kind: [")
    answer = check("  items: [a]\n  manifests: bad.yaml\n- name: two\n  items: [a]\n  count: 1\n", "--update")
    told = lines(answer)
    assert told[0].startswith("error: manifests: bad.yaml:2:")
    assert told[1:] == ["hint: remove bad.yaml, and --update writes it"]
    assert answer.out.endswith("2 cases: 1 passed, 1 failed\n")
    assert (folder / "bad.yaml").read_text() == "kind: ["


def test_manifests_behind_a_link_are_written_where_it_leads(folder: Path, check: Check) -> None:
    (folder / "all.yaml").symlink_to("other.yaml")
    assert check("  items: [a]\n  manifests: all.yaml\n", "--update").code == 0
    assert (folder / "all.yaml").is_symlink()
    assert "job-a" in (folder / "other.yaml").read_text()


def test_of_long_text_the_lines_that_differ_are_told(folder: Path, check: Check) -> None:
    script = "".join(f"echo this is line {number} of many\n" for number in range(1, 41))
    (folder / "job.yaml").write_text(JOB.replace('"echo $ITEM"', json.dumps(script)))
    changed = json.dumps(script.replace("line 30", "row 30").replace("line 31", "row 31"))
    assert lines(check(f"  items: [a]\n  fields: {{'{MAIN}.command[2]': {changed}}}\n")) == [
        f'{MAIN}.command[2]: expected line 30: "echo this is row 30 of many\\necho this is row 31 of many", '
        'found "echo this is line 30 of many\\necho this is line 31 of many" (a)'
    ]


def test_a_case_shows_a_part_of_its_failures_and_json_has_all(folder: Path, check: Check) -> None:
    case = f"  items: {[f'x;{number}' for number in range(50)]}\n  count: 0\n"
    told = lines(check(case))
    assert (len(told), told[-1]) == (21, "and 30 more failures")
    assert len(json.loads(check(case, "-o", "json").out)["failures"]) == 50


def test_rows_that_a_schema_refuses_are_named_by_their_keys(folder: Path, check: Check) -> None:
    (folder / "rows.json").write_text('{"properties": {"size": {"maximum": 5}}}')
    (folder / "job.yaml").write_text(JOB.replace("$ITEM", "${ITEM.name}"))
    rows = "[{name: a, size: 3}, {name: b, size: 7}]"
    case = f"  items: {rows}\n  options: {{items-schema: rows.json}}\n  refused: {{b: the maximum of 5}}\n"
    answer = check(case)
    assert (answer.code, answer.out) == (0, "1 case: 1 passed, 0 failed\n")


def test_items_that_must_be_refused_are_named_with_the_reason(folder: Path, check: Check) -> None:
    items = '  items: [a, "b;c", a]\n'
    reasons = '{"b;c": could change what the shell script does, a: already used by item 1}'
    assert check(f"{items}  refused: {reasons}\n").code == 0
    found = lines(check(f"{items}  refused: {{a: other words, x: z}}\n"))
    assert found[0].startswith("refused: expected other words, found metadata.name: duplicate Job name")
    assert found[1] == "refused: expected z, found nothing (x)"
    assert found[2].startswith("refused: expected nothing, found ")
    assert found[2].endswith(" (b;c)")


def test_items_come_from_a_source_beside_the_cases(folder: Path, check: Check) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/rows.csv").write_text("name,cpu\nx,1\ny,2\n")
    (folder / "deep/each.test.yaml").write_text(
        "template: ../each.yaml\n"
        "cases:\n"
        "- {name: rows, items: rows.csv, options: {limit: 1}, fieldsOf: {x: {metadata.name: job-x}}, count: 1}\n"
    )
    (folder / "each.yaml").write_text(JOB.replace("$ITEM", "${ITEM.name}"))
    assert check(None, ".").out == "1 case: 1 passed, 0 failed\n"


def test_other_shapes_and_templates_with_parameters_of_their_own_are_checked_too(
    folder: Path, check: Check
) -> None:
    case = "  items: [a, b]\n  options: {as: indexed, parallelism: 2}\n  count: 2\n"
    assert check(f"{case}  fields: {{spec.completions: 2, spec.parallelism: 2}}\n").code == 0
    own = JOB.replace("$ITEM", "{{ each }}")
    (folder / "own.yaml.jinja2").write_text("{% for each in range(3) %}\n---\n" + own + "{% endfor %}\n")
    (folder / "own.test.yaml").write_text("cases: [{name: own, count: 3, options: {ttl: 1h}}]\n")
    assert check(None, "own.yaml.jinja2").code == 0


def test_a_template_that_is_wrong_fails_its_cases(folder: Path, check: Check) -> None:
    (folder / "job.yaml").write_text(JOB.replace("image", "imag"))
    assert lines(check("  items: [a]\n  count: 1\n"))[0].startswith("error: job.yaml:9:")


def test_values_of_secrets_are_not_told(folder: Path, check: Check) -> None:
    (folder / "job.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: $ITEM}\nstringData: {key: secret-$ITEM}\n"
    )
    told = lines(check("  items: [a]\n  fields: {stringData.key: other}\n"))
    assert told == ["stringData.key: expected *** (before), found *** (after) (a)"]


def test_json_and_junit_have_each_case(folder: Path, check: Check) -> None:
    Path("job.test.yaml").write_text(
        "cases:\n- {name: good, items: [a], count: 1}\n- {name: <bad>, items: [a], count: 2}\n"
    )
    answer = check(None, "-o", "json", "--junit", "report.xml")
    assert answer.code == 1
    failure = {"path": "count", "expected": 2, "found": 1, "items": []}
    assert [json.loads(line) for line in answer.out.splitlines()] == [
        {"file": "job.test.yaml", "line": 2, "case": "good", "passed": True, "failures": []},
        {"file": "job.test.yaml", "line": 3, "case": "<bad>", "passed": False, "failures": [failure]},
    ]
    (suite,) = ElementTree.parse(folder / "report.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("job.test.yaml", "2", "1")
    good, bad = suite
    assert (len(good), bad.get("name"), bad.get("line")) == (0, "<bad>", "3")
    assert bad[0].get("message") == "count: expected 2, found 1"


def test_a_part_of_the_cases_is_chosen_by_name(folder: Path, check: Check) -> None:
    case = "  items: [a]\n  count: 1\n- name: Other\n  items: [a]\n  count: 7\n"
    assert check(case, "-k", "ONE").out == "1 case: 1 passed, 0 failed\n"
    assert check(case, "-k", "job.t").out.endswith("2 cases: 1 passed, 1 failed\n")
    assert check(None, str(folder), "-k", folder.parent.name).code == 2  # a folder is not what is asked for
    nothing = check(case, "-k", "three")
    assert (nothing.code, nothing.err) == (2, "error: no case has 'three' in its name or file\n")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere", "error: no such file or folder: 'nowhere'\n"),
        (".", "error: no cases in .: no file is named *.test.yaml\n"),
        (
            "job.yaml",
            "error: the template has no cases: there is no job.test.yaml\n"
            "  hint: cases in another place: expander test FILE\n",
        ),
    ],
)
def test_a_run_without_cases_is_an_error(folder: Path, check: Check, path: str, words: str) -> None:
    answer = check(None, path)
    assert (answer.code, answer.out, answer.err) == (2, "", words)


def test_a_version_may_be_written_as_the_number_that_yaml_reads(folder: Path, check: Check) -> None:
    for version, code in (("1.30", 0), ("1.31", 0), ("1.3", 0), ("'1.3'", 1)):
        case = f"  items: [a]\n  options: {{kubernetes-version: {version}}}\n  count: 1\n"
        assert check(case).code == code


def test_whatever_files_and_cases_are_called_each_failure_is_one_line(folder: Path) -> None:
    odd = folder / "odd\n\x1b[31m"
    odd.mkdir()
    (odd / "job.yaml").write_text(JOB)
    (odd / "job.test.yaml").write_text(
        'cases: [{name: "a\\n\\e[31m", items: [b], count: 2}, {name: b, count: 1}]'
    )
    assert run("test").out.splitlines() == [
        r"odd\n\x1b[31m/job.test.yaml:1: a\n\x1b[31m: count: expected 2, found 1",
        r"odd\n\x1b[31m/job.test.yaml:1: b: error: no items; hint: give them after the template, or with -i "
        "(- reads standard input); a Jinja2 template (*.jinja2, *.j2) may bring its own parameters",
        "2 cases: 0 passed, 2 failed",
    ]
