"""The Python of the README and of docs/python.md runs as it stands, and keeps mypy content."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import expander
from tests.cli.cluster import cluster

ROOT = Path(__file__).resolve().parents[1]


def python_in(document: str) -> str:
    """All Python blocks of a document, as one program with the lines where they are."""
    text = (ROOT / document).read_text()
    kept, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        kept.append(line if inside else "")
    assert any(kept)
    return "\n".join(kept) + "\n"


def ran(document: str, folder: Path, **variables: str) -> str:
    program = folder / "program.py"
    program.write_text(python_in(document))
    answer = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_guide_runs_from_top_to_bottom(tmp_path: Path) -> None:
    said = ran("docs/python.md", tmp_path)
    assert "process-apple {'jobgroup': 'fruits'}" in said
    assert "expected an integer, found 'x'" in said
    assert "spec.template.spec.containers FieldValueRequired Required value" in said
    assert "banana Complete Processing banana" in said
    assert "process-banana created" in said
    assert "2 nowhere.yaml cannot read the template: No such file or directory" in said


def test_the_guide_tells_of_every_call() -> None:
    text = python_in("docs/python.md")
    calls = [name for name in expander.__all__ if name.islower() and name != "__version__"]
    assert [name for name in calls if f"expander.{name}(" not in text] == []


def test_the_readme_runs_with_a_cluster(tmp_path: Path) -> None:
    guide = (ROOT / "docs/python.md").read_text()
    found = re.search(r'write_text\("""\\\n(.*?)"""\)', guide, re.DOTALL)
    assert found is not None
    (tmp_path / "job.yaml").write_text(found[1])
    with cluster(tmp_path) as server:
        said = ran("README.md", tmp_path, KUBECONFIG=str(server.kubeconfig))
    assert "spec.template.spec.containers" in said
    assert "'succeeded': 2" in said
    assert said.endswith("['Complete', 'Complete']\n")


def test_mypy_is_content(tmp_path: Path) -> None:
    programs = []
    for document in ("README.md", "docs/python.md"):
        programs.append(tmp_path / f"{Path(document).stem.lower()}_example.py")
        programs[-1].write_text(python_in(document))
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--disable-error-code=import-untyped",  # of pandas
            "--cache-dir",
            str(tmp_path / "cache"),
            *map(str, programs),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout
