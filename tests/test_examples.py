"""Every example prints what it says it prints."""

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.program import run
from tests.console import play, steps_of

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
EXAMPLES = [path for path in FOLDERS if "$BROKER_URL" not in (path / "README.md").read_text()]
"""All but those that need a broker; tests.queues has them."""

ELSEWHERE = ("03-group-life", "11-volcano")
"""About one group at a cluster, and no pattern of the pages; and about Jobs that the served cluster lacks."""


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_does_what_its_readme_says(example: Path, tmp_path: Path) -> None:
    folder = tmp_path / example.name
    shutil.copytree(example, folder)
    try:
        assert play(folder / "README.md", folder) > 0
    finally:
        for log in folder.rglob("server.log"):  # of a server that a session has begun
            run("serve", "stop", "--state", str(log.parent))


@pytest.mark.parametrize("example", [path for path in FOLDERS if path.name not in ELSEWHERE], ids=name)
def test_a_pattern_is_shown_here_and_with_kubectl(example: Path) -> None:
    commands = [step.command for step in steps_of((example / "README.md").read_text())]
    for wanted in ("expander run ", "expander serve --detach", "expander serve stop"):
        assert any(command.startswith(wanted) for command in commands), wanted
    assert any(re.search(r"kubectl (create|apply) -f", command) for command in commands)
    assert any("kubectl wait --for=" in command for command in commands)


def test_the_index_of_examples_names_each_with_its_title() -> None:
    index = (ROOT / "examples" / "README.md").read_text()
    for folder in FOLDERS:
        title = (folder / "README.md").read_text().splitlines()[0]
        number, colon, words = title.removeprefix("# ").partition(": ")
        assert (number, colon) == (folder.name[:2], ": ")
        assert f"\n| [{folder.name}]({folder.name}/README.md) | {words} | " in index


def test_the_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    command = "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[test]' && .venv/bin/python -m pytest"
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text()
