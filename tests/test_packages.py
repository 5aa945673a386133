"""What others take from the repository: distributions, pre-commit hook, GitHub action, container image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
BAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n"


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def program(words: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


class Distributions(NamedTuple):
    """The sdist unpacked, and the wheel that was made of it alone as it is installed."""

    source: Path
    installed: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("built")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    subprocess.run(["tar", "xf", sdist, "-C", folder], check=True)
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "installed")
    return Distributions(folder / sdist.name.removesuffix(".tar.gz"), folder / "installed")


def files_below(root: Path) -> set[str]:
    """The files of the project below a folder, by the rules of .gitignore."""
    ignored = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines())]
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {
        str(path) for path in found if not any(fnmatch(part, name) for part in path.parts for name in ignored)
    }


def test_the_sdist_has_every_file_of_the_project(built: Distributions) -> None:
    assert files_below(built.source) - {"PKG-INFO"} == files_below(ROOT)


def test_the_wheel_has_the_program_and_its_data(built: Distributions) -> None:
    shipped = {name for name in files_below(ROOT) if name.startswith("expander/")}
    for place, folder in (("schemas", "schemas"), ("templates", "templates"), ("topics", "docs/topics")):
        shipped |= {f"expander/{place}/{name}" for name in files_below(ROOT / folder)}
    there = {name for name in files_below(built.installed) if name.startswith("expander/")}
    assert there == shipped


@pytest.mark.parametrize("place", ["source", "installed"])
def test_each_distribution_validates_explains_and_documents_itself(
    place: str, built: Distributions, tmp_path: Path
) -> None:
    def said(*words: str) -> str:
        root = str(getattr(built, place))
        answer = program([sys.executable, "-P", "-m", "expander", *words], tmp_path, PYTHONPATH=root)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout + answer.stderr

    (tmp_path / "job.yaml").write_text(said("init", "expansion"))
    assert "3 complete" in said("run", "--runtime", "process", "job.yaml", "a", "b", "c", "--state", "state")
    (tmp_path / "made.yaml").write_text(said("expand", "job.yaml", "a", "b"))
    assert said("validate", "made.yaml") == "2 manifests: 2 valid, 0 invalid\n"
    assert said("help", "items").startswith("ITEMS")
    assert said("help", "--man", "man").endswith("manual pages to man\n")
    assert (tmp_path / "man" / "expander-queue-fill.1").read_text().startswith(".TH")


def test_the_versions_of_python_that_are_named_are_those_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if "Python :: 3." in each]
    assert project["requires-python"] == f">={named[0]}"
    for workflow, job in (("ci.yml", "test"), ("release.yml", "test")):
        matrix = loaded(f".github/workflows/{workflow}")["jobs"][job]["strategy"]["matrix"]
        assert matrix["python"] == named


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 1)])
def test_the_hook_of_pre_commit_fails_for_manifests_that_a_server_refuses(
    text: str, code: int, tmp_path: Path
) -> None:
    (hook,) = loaded(".pre-commit-hooks.yaml")
    (tmp_path / "a.yaml").write_text(text)
    assert program([*hook["entry"].split(), "a.yaml"], tmp_path).returncode == code


def action(cwd: Path, paths: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step that validates, with the inputs' defaults where none is given."""
    definition = loaded("action.yml")
    step = definition["runs"]["steps"][-1]
    given = {name: each.get("default", "") for name, each in definition["inputs"].items()} | inputs
    given["paths"] = paths
    variables = {
        name: given[re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) }}", value)[1]]  # type: ignore[index]
        for name, value in step["env"].items()
    }
    temporary = cwd / "runner"
    (temporary / "expander").mkdir(parents=True)
    (temporary / "expander" / "bin").symlink_to(BIN)
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return program(words, cwd, RUNNER_TEMP=str(temporary), **variables)


def test_the_action_annotates_the_line_at_fault_in_folders_and_names_with_odd_characters(
    tmp_path: Path,
) -> None:
    (tmp_path / "m" / "deep").mkdir(parents=True)
    (tmp_path / "m" / "deep" / "a.yaml").write_text(BAD)
    (tmp_path / "$(x).yaml").write_text(GOOD)
    answer = action(tmp_path, "m\n $(x).yaml\n")
    assert answer.returncode == 1
    assert answer.stdout.startswith("::error file=m/deep/a.yaml,line=3")


def test_the_action_takes_a_version_policies_and_strict_warnings(tmp_path: Path) -> None:
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {restartPolicy: Never, "
    container = "containers: [{name: a, image: a, resources: {limits: {memory: 100m}}}]"
    (tmp_path / "job.yaml").write_text(f"{job}{container}}}}}}}\n")
    assert action(tmp_path, "job.yaml").returncode == 0
    shutil.rmtree(tmp_path / "runner")
    assert action(tmp_path, "job.yaml", **{"strict-warnings": "true"}).returncode == 1
    for name, value in {"kubernetes-version": "1.12", "policies": "no policies", "crds": "none"}.items():
        shutil.rmtree(tmp_path / "runner")
        answer = action(tmp_path, "job.yaml", **{name: value})
        assert (answer.returncode, value.split()[0] in answer.stderr) == (2, True)


def test_the_image_runs_the_program_as_a_user_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    final = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]
    user = next(line.split()[1] for line in final if line.startswith("USER "))
    assert re.fullmatch(r"[1-9]\d{2,}:[1-9]\d{2,}", user)
    entry = next(line.split(maxsplit=1)[1] for line in final if line.startswith("ENTRYPOINT "))
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert yaml.safe_load(entry)[0] in scripts
