"""Items that are too long for an argument: a cluster is warned of, this machine does not start them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "w-INDEX"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: ["true", "ITEM"]
"""
FIELD = "spec.template.spec.containers[0].command[1]"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (tmp_path / "t.yaml").write_text(JOB.replace("INDEX", "${INDEX}").replace("ITEM", "$ITEM"))
    jinja = JOB.replace("INDEX", "{{ index }}").replace("ITEM", "{{ item }}")
    (tmp_path / "t.yaml.jinja2").write_text(jinja)
    (tmp_path / "items").write_text(f"a\n{'x' * 200_000}\nb\n" + f"{'y' * 131_072}\n" * 5)
    return tmp_path


@pytest.mark.parametrize("template", ["t.yaml", "t.yaml.jinja2"])
@pytest.mark.parametrize("items", [("-i", "items"), ("-i", "items", "--limit", "4", "--unique")])
@pytest.mark.usefixtures("here")
def test_a_batch_for_clusters_is_warned_of_the_first_and_made(template: str, items: tuple[str, ...]) -> None:
    made = run("expand", template, *items, "-o", "json")
    sent = run("submit", template, *items, "--dry-run", "client", "-o", "json")
    assert (made.code, sent.code) == (0, 0)
    for answer in (made, sent):
        told = [line for line in answer.err.splitlines() if line.startswith("warning: ")]
        assert told[0].startswith("warning: item 2 'xxxx")
        assert f"... (items:2): {FIELD}: 200,000 bytes, and Linux starts no process with more than" in told[0]
        assert f"... (items:4): {FIELD}: 131,072 bytes" in told[1]
        if "--limit" in items:
            assert len(told) == 2
        else:
            assert told[3:] == ["warning: 3 more manifests have an argument or variable that is too long"]


@pytest.mark.parametrize("what", [["t.yaml"], ["t.yaml.jinja2"], ["--", "true", "{}"]])
@pytest.mark.usefixtures("here")
def test_a_run_refuses_them_and_does_the_others(what: list[str]) -> None:
    template, command = (what, []) if len(what) == 1 else ([], what)
    flags = ["-i", "items", "--unique", "--runtime", "process", "-o", "json"]
    answer = run("run", *template, *flags, *command)
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert (answer.code, lines[-1]["summary"]) == (1, {"refused": 2, "succeeded": 2})
    assert answer.err.count("bytes, and Linux starts no process with more than ") == 2
    assert FIELD in answer.err


@pytest.mark.usefixtures("here")
def test_a_constant_argument_is_an_error_of_the_template() -> None:
    Path("t.yaml").write_text(JOB.replace("INDEX", "${INDEX}").replace("ITEM", "x" * 200_000))
    answer = run("run", "t.yaml", "a", "b")
    assert (answer.code, answer.err.count("Linux starts no process")) == (2, 1)
