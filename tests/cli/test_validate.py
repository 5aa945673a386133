"""`expander validate` as users call it."""

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.cli.program import EXPANDER, run

ROOT = Path(__file__).resolve().parents[2]
JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  labels: {{jobgroup: g}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
"""
BAD = JOB.replace("image:", "imag:").format(name="bad")
BELOW_ZERO = JOB.replace("spec:\n", "spec:\n  parallelism: -1\n", 1)
NEGATIVE = BELOW_ZERO.format(name="negative")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "good.yaml").write_text("# one\n" + JOB.format(name="good"))
    (tmp_path / "jobs" / "two.yml").write_text(BAD + "---\n# another\n" + NEGATIVE)
    (tmp_path / "jobs" / "notes.txt").write_text("not a manifest: {")
    (tmp_path / "jobs" / "deep").mkdir()
    (tmp_path / "jobs" / "deep" / "more.json").write_text('{"apiVersion": "x.y/v1", "kind": "Foo"}')
    return tmp_path


def test_findings_name_the_file_the_line_the_manifest_and_the_field(folder: Path) -> None:
    answer = run("validate", "jobs", cwd=folder)
    assert answer.code == 1
    assert answer.out.splitlines() == [
        'jobs/two.yml:12: Job/bad: spec.template.spec.containers[0].imag: unknown field, did you mean "image"?',
        "jobs/two.yml:21: Job/negative: spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
        "3 manifests: 1 valid, 2 invalid",
    ]


def test_a_kind_without_a_schema_is_skipped_and_never_valid(folder: Path) -> None:
    answer = run("validate", "-R", "-v", "jobs", cwd=folder)
    assert "jobs/deep/more.json:1: Foo/: skipped, no schema for x.y/v1" in answer.out
    assert (
        answer.out.splitlines()[-1] == "4 manifests: 1 valid, 2 invalid, 1 skipped (no schema for the kind)"
    )
    assert run("validate", "jobs/deep", cwd=folder).code == 0


def test_standard_input_holds_any_mixture_of_documents(folder: Path) -> None:
    lines = "\n".join(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{n}"}}) for n in range(3)
    )
    answer = run("validate", "-", cwd=folder, stdin=f"{JOB.format(name='a')}---\n{lines}\n---\n{BAD}")
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "5 manifests: 4 valid, 1 invalid"
    assert answer.out.startswith("<stdin>:29: Job/bad:")


def test_a_template_among_manifests_is_one_line_that_says_how_it_is_validated(folder: Path) -> None:
    template = JOB.format(name="a-$ITEM").replace("jobgroup: g", "frame: $ITEM")
    (folder / "jobs" / "two.yml").write_text(f"{template}---\n{template.replace('a-', 'b-')}---\n{BAD}")
    answer = run("validate", "jobs", cwd=folder)
    hint = "a template: `expander expand jobs/two.yml ITEM... --dry-run` validates it"
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines()[0] == f"jobs/two.yml:1: Job/a-$ITEM: {hint}"
    assert answer.out.splitlines()[1].endswith('unknown field, did you mean "image"?')
    assert answer.out.splitlines()[2:] == ["4 manifests: 1 valid, 3 invalid"]
    for words in (["-v"], ["-o", "json"]):
        whole = run("validate", "jobs", *words, cwd=folder)
        assert "lowercase RFC 1123 subdomain" in whole.out
        assert whole.err == f"hint: jobs/two.yml is {hint}\n"


def test_cases_of_a_folder_are_no_manifests_unless_they_are_named(folder: Path) -> None:
    cases = folder / "jobs" / "a.test.yaml"
    cases.write_text("cases:\n- {items: [a], count: 1}\n")
    assert run("validate", "jobs", cwd=folder).out.endswith("3 manifests: 1 valid, 2 invalid\n")
    assert "jobs/a.test.yaml" in run("validate", "jobs/a.test.yaml", cwd=folder).out
    cases.write_text(JOB.format(name="named-so"))  # an object of the API, called as cases are
    assert run("validate", "jobs", cwd=folder).out.endswith("4 manifests: 2 valid, 2 invalid\n")


def test_json_is_one_object_per_document(folder: Path) -> None:
    answer = run("validate", "jobs", "-o", "json", cwd=folder)
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [(one["source"], one["index"], one["line"], one["status"]) for one in found] == [
        ("jobs/good.yaml", 0, 2, "valid"),
        ("jobs/two.yml", 0, 1, "invalid"),
        ("jobs/two.yml", 1, 15, "invalid"),
    ]
    assert found[2]["findings"] == [
        {
            "path": "spec.parallelism",
            "reason": "FieldValueInvalid",
            "message": "Invalid value: -1: must be greater than or equal to 0",
            "line": 21,
        }
    ]
    assert (found[1]["apiVersion"], found[1]["kind"], found[1]["name"]) == ("batch/v1", "Job", "bad")


def test_junit_begins_with_a_case_and_what_concerns_the_batch_is_a_message(folder: Path) -> None:
    assert run("validate", "nowhere", "-o", "junit", cwd=folder).out == ""
    unnamed = JOB.format(name="x").replace("  name: x", "  generateName: x-")
    (folder / "two.yaml").write_text(f"{unnamed}---\n{unnamed}".replace("{jobgroup: g}", "{}"))
    found = run("validate", "two.yaml", "-o", "junit", "--strict-warnings", cwd=folder)
    assert found.err.startswith("batch: warning: metadata.labels[jobgroup]: 2 of 2 Jobs have no such label")
    assert (found.code, len([*ElementTree.fromstring(found.out).iter("testcase")])) == (1, 2)
    (folder / "two.yaml").write_text(unnamed.replace("image:", "imag:"))
    assert "Job/x-*: spec.template" in run("validate", "two.yaml", cwd=folder).out


def test_junit_and_sarif_are_well_formed_and_complete(folder: Path) -> None:
    (folder / "odd.yaml").write_text('a: "\x85<&>"\nb: "')
    suites = ElementTree.fromstring(run("validate", "-R", "jobs", "odd.yaml", "-o", "junit", cwd=folder).out)
    cases = [(case.get("name"), [child.tag for child in case]) for case in suites.iter("testcase")]
    assert cases == [
        ("Job/good", []), ("Job/bad", ["failure"]), ("Job/negative", ["failure"]), ("Foo/0", ["skipped"]), ("document/0", ["error"]),
    ]  # fmt: skip
    sarif = json.loads(run("validate", "jobs", "-o", "sarif", cwd=folder).out)
    results = sarif["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["UnknownField", "FieldValueInvalid"]
    assert results[0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "jobs/two.yml"},
        "region": {"startLine": 12},
    }


def test_a_document_that_cannot_be_read_does_not_hide_the_others(folder: Path) -> None:
    answer = run("validate", "-", cwd=folder, stdin=f"a: b: c\n---\n{JOB.format(name='a')}---\n{NEGATIVE}")
    assert answer.code == 1
    assert answer.out.splitlines()[0].startswith("<stdin>:1: error: not valid YAML")
    assert answer.out.splitlines()[-1] == "3 manifests: 1 valid, 1 invalid, 1 unreadable"


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00", b"a: \xff", b"[" * 10_000, b"{" * 10_000, b"- " * 10_000, b'{"a":' * 10_000, b"x: " + b"y" * 10_000_000,
        b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (c + 1, c + 1, b",".join([b"*%c" % c] * 9)) for c in b"abcdefgh"),
        b"\x00", b"--- x\n", b"%YAML 1.1\na: b\n", b"? [a]\n: b\n", b"!!binary x: y\n", b"a: !!int z", b"\x80" * 100,
    ],
)  # fmt: skip
def test_hostile_text_is_one_clear_error(folder: Path, text: bytes) -> None:
    answer = run("validate", "-", cwd=folder, stdin=text)
    assert answer.code == 1
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert len(lines) == 2
    assert ": error: " in lines[0]
    assert lines[1] == "1 manifest: 0 valid, 0 invalid, 1 unreadable"


def test_the_batch_is_looked_at_as_a_whole(folder: Path) -> None:
    bare = JOB.replace("  labels: {{jobgroup: g}}\n", "")
    stream = "---\n".join(bare.format(name=f"j{number % 100}") for number in range(101))
    answer = run("validate", "-", cwd=folder, stdin=stream)
    assert answer.code == 0
    assert "warning: metadata.name: duplicate Job name 'j0', already used in <stdin>:1" in answer.out
    assert "batch: warning: metadata.labels[jobgroup]: 101 of 101 Jobs have no such label" in answer.out
    assert "batch: warning: spec.ttlSecondsAfterFinished: 101 of 101 Jobs have none" in answer.out
    assert run("validate", "-", "--strict-warnings", cwd=folder, stdin=stream).code == 1


def test_warnings_of_one_kind_are_not_repeated_without_end(folder: Path) -> None:
    risky = JOB.replace("Never", "OnFailure").replace("busybox", "busybox:1.10")
    answer = run(
        "validate",
        "-",
        cwd=folder,
        stdin="---\n".join(risky.format(name=f"j{number}") for number in range(20)),
    )
    assert answer.out.count("its logs with it") == 3
    assert "... and 17 more warnings 'lost-logs'" in answer.out
    assert answer.out.count("the tag 1.10 is the number 1.1") == 3


def test_a_quota_is_held_against_the_whole_batch(folder: Path) -> None:
    (folder / "quota.yaml").write_text(
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec:\n  hard:\n"
        "    count/jobs.batch: '2'\n    requests.cpu: '1'\n    limits.memory: 10Gi\n    pods: '100'\n"
    )
    job = JOB.replace(
        "image: busybox",
        "image: busybox\n        resources: {{requests: {{cpu: 400m}}, limits: {{memory: 1Gi}}}}",
    )
    stream = "---\n".join(job.format(name=f"j{number}") for number in range(3))
    answer = run("validate", "-", "--quota", "quota.yaml", cwd=folder, stdin=stream)
    assert "spec.hard[count/jobs.batch]: the batch asks for 3, the quota has 2" in answer.out
    assert "spec.hard[requests.cpu]: the batch asks for 1200m, the quota has 1" in answer.out
    assert "limits.memory" not in answer.out
    assert run("validate", "-", "--quota", "jobs/good.yaml", cwd=folder, stdin=stream).code == 2


def test_large_batches_are_examined_by_several_processes_with_the_same_answer(folder: Path) -> None:
    stream = "---\n".join((BELOW_ZERO if n % 500 == 0 else JOB).format(name=f"j{n}") for n in range(8000))
    (folder / "many.yaml").write_text(stream)
    lines = "\n".join(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{n}"}})
        for n in range(20_000)
    )
    (folder / "many.jsonl").write_text(lines)
    one = run("validate", "many.yaml", "many.jsonl", "--workers", "1", "-o", "json", cwd=folder)
    two = run("validate", "many.yaml", "many.jsonl", "--workers", "2", "-o", "json", cwd=folder)
    assert one.out == two.out
    assert len(one.out.splitlines()) == 28_000
    found = [json.loads(line) for line in one.out.splitlines()[:8000]]
    assert [number for number, one in enumerate(found) if one["status"] == "invalid"] == list(
        range(0, 8000, 500)
    )
    assert [one["index"] for one in found] == list(range(8000))


def test_the_version_of_kubernetes_decides_which_fields_there_are(folder: Path) -> None:
    new = JOB.replace("spec:\n", "spec:\n  managedBy: example.com/me\n", 1).format(name="a")
    assert run("validate", "-", cwd=folder, stdin=new).code == 0
    answer = run("validate", "-", "--kubernetes-version", "1.29", cwd=folder, stdin=new)
    assert answer.code == 1
    assert "spec.managedBy" in answer.out
    assert run("validate", "-", "--kubernetes-version", "2.0", cwd=folder, stdin=new).code == 2


def test_the_version_of_kubernetes_decides_which_rules_there_are(folder: Path) -> None:
    job = JOB.format(name="a") + '        env: [{name: "1 odd name"}]\n'
    answer = run("validate", "-", "--kubernetes-version", "1.31", cwd=folder, stdin=job)
    assert answer.code == 1
    assert "a valid environment variable name must consist of alphabetic characters, digits," in answer.out
    assert run("validate", "-", "--kubernetes-version", "1.32", cwd=folder, stdin=job).code == 0


@pytest.mark.parametrize("arguments", [["nothere.yaml"], ["empty"], [], ["jobs", "-o", "xml"]])
def test_wrong_usage_exits_with_2(folder: Path, arguments: list[str]) -> None:
    (folder / "empty").mkdir()
    answer = run("validate", *arguments, cwd=folder)
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err


def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    (folder / "many.yaml").write_text("---\n".join(NEGATIVE for _ in range(20_000)))
    command = f"set -o pipefail; {EXPANDER} validate many.yaml | head -n 1"
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (answer.stderr, answer.returncode) == ("", 141)


def test_it_works_in_a_process_without_any_network(folder: Path) -> None:
    command = ["unshare", "-n", EXPANDER, "validate", "jobs/good.yaml"]
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        command = ["unshare", "-rn", *command[2:]]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "1 manifest: 1 valid, 0 invalid\n")


def test_every_recorded_valid_manifest_is_accepted(reference: Path) -> None:
    assert " 0 invalid" in run("validate", str(reference / "validation" / "bases")).out


def manifests_of_examples() -> list[str]:
    """Those files that are no templates and no cases of them."""
    paths = (each for each in (ROOT / "examples").glob("*/*.yaml") if not each.name.endswith(".test.yaml"))
    return sorted(str(path.relative_to(ROOT)) for path in paths if "ITEM" not in path.read_text())


@pytest.mark.parametrize("path", manifests_of_examples())
def test_every_manifest_of_an_example_is_accepted_without_a_warning(path: str) -> None:
    answer = run("validate", "--strict-warnings", str(ROOT / path))
    assert answer.code == 0, answer.out


@pytest.mark.parametrize(
    ("template", "items"),
    [
        ("templates/init/expansion/job.yaml", ["a", "b c"]),
        ("templates/init/jinja2/job.yaml.jinja2", []),
        ("examples/01-expansion/job-tmpl.yaml", ["a", "b"]),
        ("examples/02-jinja2/job.yaml.jinja2", []),
        ("examples/02-jinja2/job-each.yaml.jinja2", ["-i", str(ROOT / "examples/02-jinja2/fruits.csv")]),
        ("examples/03-group-life/frame.yaml", ["-i", str(ROOT / "examples/03-group-life/frames.csv")]),
        ("examples/12-shapes/job.yaml", ["-i", str(ROOT / "examples/12-shapes/frames.csv")]),
        (
            "examples/12-shapes/job.yaml",
            ["-i", str(ROOT / "examples/12-shapes/frames.csv"), "--as", "indexed"],
        ),
    ],
)
def test_what_our_own_templates_give_is_accepted_without_a_warning(template: str, items: list[str]) -> None:
    made = run("expand", str(ROOT / template), *items)
    assert made.code == 0, made.err
    assert run("validate", "-", "--strict-warnings", stdin=made.out).code == 0
