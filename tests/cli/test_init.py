"""`expander init` as users call it."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.program import run

HERE = {
    "cronjob": [],
    "expansion": ["a", "b c"],
    "failure-policy": [],
    "indexed": [],
    "jinja2": [],
    "pod-to-pod": [],
    "sequential": [],
    "volcano": [],
}
"""The patterns that run with nothing else at hand, and their items."""


pytestmark = pytest.mark.usefixtures("folder")


def patterns() -> list[str]:
    return [line.split()[0] for line in run("init").out.splitlines()]


def test_without_a_pattern_they_are_listed_with_what_they_are() -> None:
    lines = run("init").out.splitlines()
    assert any(line.split(None, 1) == ["sequential", "Steps in order that pass files on"] for line in lines)
    assert {*HERE, "coarse-queue", "fine-queue"} <= set(patterns())
    assert run("init").err == "expander init PATTERN > job.yaml writes one\n"


def test_every_pattern_is_valid_without_a_warning() -> None:
    for pattern in patterns():
        assert run("init", pattern, "-o", pattern).code == 0
        (path,) = map(str, Path(pattern).iterdir())
        items = HERE.get(pattern, [])
        made = run("expand", path, *items).out if items or path.endswith("jinja2") else Path(path).read_text()
        answer = run("validate", "-", "--strict-warnings", stdin=made)
        assert answer.code == 0, (pattern, answer.out, answer.err)


def test_every_document_names_its_schema_to_editors() -> None:
    named = set()
    for pattern in set(patterns()) - {"jinja2", "volcano"}:
        for document in run("init", pattern).out.split("---\n"):
            head, kind = re.search(r"((?:#.*\n)+)apiVersion: (.*\nkind: \w+)\n", document).groups()  # type: ignore[union-attr]
            (schema,) = re.findall(
                r"^# yaml-language-server: \$schema=\S+/([\w-]+)\.json$", head, re.MULTILINE
            )
            named.add((kind.replace("\nkind: ", " "), schema))
    assert named == {
        ("batch/v1 Job", "job-batch-v1"),
        ("batch/v1 CronJob", "cronjob-batch-v1"),
        ("v1 Service", "service-v1"),
    }


@pytest.mark.parametrize("pattern", HERE)
def test_a_pattern_runs_as_it_is(pattern: str) -> None:
    path = run("init", pattern, "-o", "here").err.split()[-1]
    answer = run("run", "--runtime", "sandbox", path, *HERE[pattern], "-o", "json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out.splitlines()[-1])["summary"]["succeeded"] >= 1


def test_a_file_that_is_there_stays_unless_forced() -> None:
    assert run("init", "indexed", "-o", ".").err == "wrote job.yaml\n"
    Path("job.yaml").write_text("mine")
    refused = run("init", "indexed", "-o", ".")
    assert (refused.code, Path("job.yaml").read_text()) == (2, "mine")
    assert refused.err == "error: job.yaml: the file exists\n  hint: --force replaces it\n"
    assert run("init", "indexed", "-o", ".", "--force").code == 0
    assert Path("job.yaml").read_text() == run("init", "indexed").out
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["job.yaml"]


def test_a_pattern_that_is_not_there_is_an_error_with_what_was_meant() -> None:
    assert "did you mean indexed?" in run("init", "index").err
    unknown = run("init", "zzz")
    assert (unknown.code, "patterns: coarse-queue, cronjob" in unknown.err) == (2, True)
    assert run("init", "-o", "x").code == 2
