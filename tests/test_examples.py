"""The README's tour and every example print what they say they print."""

import shutil
from pathlib import Path

import pytest

from tests.cli.program import run
from tests.console import play

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(
    path for path in (ROOT / "examples").iterdir() if path.is_dir() and not path.name.endswith("work-queue")
)
"""All but those that need a broker; tests.queues has them."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.name))
def test_an_example_does_what_its_readme_says(example: Path, tmp_path: Path) -> None:
    folder = tmp_path / example.name
    shutil.copytree(example, folder)
    try:
        assert play(folder / "README.md", folder) > 0
    finally:
        for log in folder.rglob("server.log"):  # of a server that a session has begun
            run("serve", "stop", "--state", str(log.parent))


def test_the_tour_of_the_readme_is_true(tmp_path: Path) -> None:
    assert play(ROOT / "README.md", tmp_path) > 5


def test_the_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    command = "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[test]' && .venv/bin/python -m pytest"
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text()
