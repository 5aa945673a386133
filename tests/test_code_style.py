"""ruff and mypy are content; the wheel carries what the program needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str, cwd: Path = ROOT) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_mypy_finds_nothing() -> None:
    run("mypy")


def test_the_wheel_has_the_schemas_and_templates_and_finds_them(tmp_path: Path) -> None:
    run("build", "--wheel", "--no-isolation", "--outdir", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    names = {
        str(path.relative_to(tmp_path / "installed"))
        for path in (tmp_path / "installed").rglob("*")
        if path.is_file()
    }
    for folder in ("schemas", "templates"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        shipped = {f"expander/{path}" for path in files if "__pycache__" not in path.parts}
        assert shipped
        assert shipped <= names
    code = (
        "from expander.base.data_files import folder; from expander.validate.check import check; "
        "import expander; print(folder('templates'), expander.__file__, check({'apiVersion': 'v1', 'kind': 'Pod'}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "installed", capture_output=True, text=True, check=True
    )
    assert answer.stdout.count(str(tmp_path / "installed")) == 2
    assert "metadata.name" in answer.stdout
