"""``expander image``, and batches whose containers run in images of archives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.cli import main
from tests.cli.program import run
from tests.local.images.archives import Layout, docker_archive, files
from tests.local.images.tiny import tiny_layer

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: "j-$ITEM"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: app:1, args: ["$ITEM"]}]
"""
SAID: dict[str, Any] = {
    "Entrypoint": ["sh", "-c", 'echo "$0 $A in $PWD"; echo 1 > new'],
    "Env": ["A=b", "PATH=/bin"],
    "WorkingDir": "/data",
}


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPANDER_IMAGES", str(tmp_path / "images"))
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    (tmp_path / "job.yaml").write_text(JOB)


def test_an_imported_image_is_used_by_its_name_until_it_is_removed(tmp_path: Path) -> None:
    where = docker_archive(tmp_path / "a.tar", [tiny_layer()], **SAID)
    made = run("image", "import", where)
    assert (made.code, made.err) == (0, f"unpacking {where}, 1 layer\n")
    name, short = made.out.split()
    assert name == "docker.io/library/app:1"
    ran = run("run", "job.yaml", "x y", cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "[x y] x y b in /data\n"), ran.err
    assert run("image", "import", "a.tar", "--name", "other", cwd=tmp_path).err == ""
    table = run("image", "list").out.split("\n")
    assert table[0].split() == ["NAME", "ID", "SIZE", "AGE"]
    assert [line.split()[:2] for line in table[1:3]] == [
        [name, short],
        ["docker.io/library/other:latest", short],
    ]
    (found,) = json.loads(run("image", "list", "-o", "json").out)
    assert found["names"] == [name, "docker.io/library/other:latest"]
    assert found["id"].startswith(short)
    removed = run("image", "rm", "nobody", "other")
    assert (removed.code, removed.err.splitlines()[-1]) == (2, "image other removed"), "the others go"
    assert "no image 'nobody'" in removed.err
    assert os.path.isdir(found["root"])
    assert run("image", "rm", "--all").code == 0
    assert not os.path.exists(found["root"])
    answer = run("image", "list")
    assert (answer.code, answer.out, answer.err) == (0, "", "no images\n")
    assert run("image", "list", "-o", "json").out == "[]\n"


def test_an_image_can_be_given_to_a_run_alone(tmp_path: Path) -> None:
    Layout(tmp_path / "oci").add([tiny_layer()], **SAID)
    (tmp_path / "notes").mkdir()
    ran = run("run", "job.yaml", "x", "--image", "app:1=oci:oci", cwd=tmp_path)
    assert ran.code == 0
    assert ran.err.startswith("unpacking oci:oci, 1 layer\ngroup job: ")
    assert ran.out == "[x] x b in /data\n"
    heard: list[str] = []
    result = expander.run(
        tmp_path / "job.yaml",
        ["y"],
        images={"app:1": f"oci:{tmp_path}/oci"},
        state=tmp_path / "notes",
        on_output=lambda line: heard.append(line.text),
    )
    assert result.counts["succeeded"] == 1
    assert [text.strip() for text in heard] == ["y b in /data"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "none.tar"], "none.tar: no such file or directory"),
        (["import", "oci:oci"], "oci:oci does not say what its image is called"),
        (["import", "oci:oci", "--name", "a b"], "invalid image name 'a b'"),
        (["rm"], "specify images, or --all"),
        (["rm", "--all", "x"], "specify images, or --all"),
        (["rm", "x"], "no image 'x'"),
    ],
)
def test_what_cannot_be_is_one_clear_error(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Layout(tmp_path / "oci").add([files(a="1")])
    monkeypatch.chdir(tmp_path)
    assert main.run(["image", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert f"error: {message}" in err


def test_an_image_that_cannot_be_used_ends_a_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar" * 1000)
    answer = run("run", "job.yaml", "x", "--image", "app:1=docker-archive:a.tar", cwd=tmp_path)
    assert answer.code == 2
    assert "error: docker-archive:a.tar: it cannot be read: not a tar file" in answer.err
    for place, said in (("none", "no such file or directory"), ("a.tar", "not a folder")):
        answer = run("run", "job.yaml", "x", "--image", f"app:1={place}", cwd=tmp_path)
        assert (answer.code, f"error: {tmp_path}/{place}: {said}" in answer.err) == (2, True)
    assert not (tmp_path / "state" / "job" / "state.db").exists()
    answer = run("run", "job.yaml", "x", "--image", "app:1=oci:x", "--runtime", "process", cwd=tmp_path)
    assert "which the runtime process cannot use" in answer.err


def test_without_a_command_and_an_image_the_failure_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace(', args: ["$ITEM"]', ""))
    answer = run("run", "job.yaml", "x", cwd=tmp_path)
    assert answer.code == 1
    assert "no command specified; give it one, or use --image-command app:1=CMD" in answer.err
