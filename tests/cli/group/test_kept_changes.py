"""What ``retry --with`` changed is not lost by the ``run`` or ``submit`` that comes after it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import cluster, jobs, submitted, until
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: w-$ITEM, labels: {jobgroup: words}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: i, command: [sh, -c, 'echo $WORD; test $WORD = good'], env: [{name: WORD, value: bad}]}
"""

OVERRIDDEN = "1 Job changed by `retry --with` or a policy: the edited template replaces the changes"


@pytest.fixture(autouse=True)
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    path = tmp_path / "words.yaml"
    path.write_text(TEMPLATE)
    return path


def test_a_local_run_keeps_a_change_until_the_template_is_edited(template: Path) -> None:
    arguments = ["run", str(template), "a", "--runtime", "process"]
    where = ["--group", "words", "--local", "--runtime", "process"]
    run(*arguments)
    assert "[a #2] fair" in run("retry", *where, "--with", "WORD=fair").out
    assert "1 failed Job kept" in run(*arguments).err
    again = run(*arguments, "--rerun", "failed")
    assert (again.code, again.out) == (1, "[a #3] fair\n")
    template.write_text(TEMPLATE.replace("value: bad", "value: good"))
    edited = run(*arguments)
    assert (edited.code, edited.out) == (0, "[a #4] good\n")
    assert OVERRIDDEN in edited.err


def summary(answer: Answer) -> dict[str, int]:
    """The counts in the last line of ``submit -o json``."""
    return dict(json.loads(answer.out.splitlines()[-1])["summary"])


def word_of(server: Server) -> str:
    """The word in the only Job, when it has ended."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found[:] = jobs(server)
        return bool(found and (found[0].get("status") or {}).get("conditions"))

    until(ended)
    return str(found[0]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"])


def test_a_submission_keeps_a_change_until_the_template_is_edited(tmp_path: Path, template: Path) -> None:
    with cluster(tmp_path) as server:
        submitted(tmp_path, server, str(template), "a")
        assert word_of(server) == "bad"
        where = ["--group", "words", "--kubeconfig", str(server.kubeconfig)]
        assert run("retry", *where, "--with", "WORD=fair").code == 0
        assert word_of(server) == "fair"
        plain = submitted(tmp_path, server, str(template), "a")
        assert (plain.code, summary(plain)) == (0, {"unchanged": 1})
        again = submitted(tmp_path, server, str(template), "a", "--rerun", "failed")
        assert summary(again) == {"created": 1}
        assert word_of(server) == "fair"
        assert jobs(server)[0]["metadata"]["annotations"]["expander/attempt"] == "3"
        template.write_text(TEMPLATE.replace("value: bad", "value: good"))
        edited = submitted(tmp_path, server, str(template), "a")
        assert summary(edited) == {"created": 1}
        assert OVERRIDDEN in edited.err
        assert word_of(server) == "good"
