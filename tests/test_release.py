"""The release script and workflows: what they refuse, equal bytes, checksums, rights."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import expander

ROOT = Path(__file__).parent.parent
VERSION = expander.__version__
IGNORED = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info")
SYSTEMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")


def git(checkout: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    environment = {**os.environ, "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
    subprocess.run(["git", *identity, *words], cwd=checkout, env=environment, check=True, capture_output=True)


def checkout(folder: Path) -> Path:
    """A commit of this tree, with a section of the changelog for its version."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*IGNORED))
    changelog = folder / "CHANGELOG.md"
    older = "## 0.0.1 (2025-01-01)\n\n- Old.\n"
    changelog.write_text(f"# Changelog\n\n## {VERSION} (2026-01-02)\n\n### New\n- This.\n\n{older}")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return checkout(tmp_path / "checkout")


def release(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = str(checkout / ".ci" / "release.py")
    return subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)


def digests(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


def test_the_same_commit_makes_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("here", "there"):
        place = checkout(tmp_path / name)
        answer = release(place, "build", VERSION, "--no-isolation")
        assert answer.returncode == 0, answer.stderr
        made.append(digests(place / "dist"))
    assert made[0] == made[1]
    names = {f"kube_expander-{VERSION}.tar.gz", f"kube_expander-{VERSION}-py3-none-any.whl", "notes.md"}
    assert set(made[0]) == names
    assert (place / "dist" / "notes.md").read_text() == "### New\n- This.\n"
    again = release(place, "build", VERSION, "--no-isolation")
    assert (again.returncode, again.stderr) == (1, f"error: {place / 'dist'} is not empty\n")


def test_a_release_is_refused_for_another_version_a_change_and_a_missing_section(place: Path) -> None:
    other = release(place, "build", "9.9.9")
    assert (other.returncode, other.stderr) == (1, f"error: expander/version.py has {VERSION}, not 9.9.9\n")
    (place / "new.txt").touch()
    changed = release(place, "build", VERSION)
    assert changed.returncode == 1
    assert changed.stderr == "error: the tree is not that of a commit:\n?? new.txt\n"
    (place / "new.txt").unlink()
    (place / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## {VERSION}0\n\n- Other.\n\n## {VERSION}-rc1\n\n- Other.\n"
    )
    git(place, "commit", "--quiet", "--all", "--message", "b")
    missing = release(place, "build", VERSION)
    assert missing.stderr == f"error: CHANGELOG.md has no section '## {VERSION}'\n"
    assert [*(place / "dist").iterdir()] == []


def test_the_manifest_for_krew_has_the_checksum_of_each_plugin(place: Path) -> None:
    folder = place / "dist"
    folder.mkdir()
    (folder / f"kube_expander-{VERSION}-py3-none-any.whl").write_text("wheel")
    for system in SYSTEMS[1:]:
        (folder / f"kubectl-expander_{system}.tar.gz").write_text(system)
    missing = release(place, "finish", "--repository", "lab/expander")
    assert missing.returncode == 1
    assert "has 0 files kubectl-expander_linux_amd64.tar.gz, expected 1" in missing.stderr
    (folder / f"kubectl-expander_{SYSTEMS[0]}.tar.gz").write_text(SYSTEMS[0])
    assert release(place, "finish", "--repository", "lab/expander").returncode == 0
    plugin = yaml.safe_load((folder / "expander.yaml").read_text())
    assert plugin["metadata"]["name"] == "expander"
    assert plugin["spec"]["version"] == f"v{VERSION}"
    assert len(plugin["spec"]["shortDescription"]) < 60
    found = {}
    for platform in plugin["spec"]["platforms"]:
        labels = platform["selector"]["matchLabels"]
        system = f"{labels['os']}_{labels['arch']}"
        assert platform["uri"].endswith(
            f"/lab/expander/releases/download/v{VERSION}/kubectl-expander_{system}.tar.gz"
        )
        found[system] = platform["sha256"]
    assert found == {system: hashlib.sha256(system.encode()).hexdigest() for system in SYSTEMS}
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == 6


def test_an_archive_of_the_plugin_has_the_bytes_of_its_files_and_their_rights(place: Path) -> None:
    program = place / "kubectl-expander"
    program.write_text("program")
    program.chmod(0o750)
    code = "import release, sys; from pathlib import Path; release.pack(Path(sys.argv[1]), [*map(Path, sys.argv[2:])])"
    for archive in ("one.tar.gz", "two.tar.gz"):
        os.utime(program)
        words = [sys.executable, "-c", code, archive, str(program), "LICENSE"]
        environment = {**os.environ, "PYTHONPATH": str(place / ".ci")}
        subprocess.run(words, cwd=place, env=environment, check=True)
    assert (place / "one.tar.gz").read_bytes() == (place / "two.tar.gz").read_bytes()
    with tarfile.open(place / "one.tar.gz") as packed:
        rights = {member.name: (member.mode, member.uid) for member in packed}
    assert rights == {"kubectl-expander": (0o755, 0), "LICENSE": (0o644, 0)}


def workflows() -> dict[str, Any]:
    return {
        path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").iterdir()
    }


def test_actions_of_others_are_pinned_to_commits_and_jobs_have_the_rights_they_need() -> None:
    rights = {}
    for name, workflow in workflows().items():
        assert workflow["permissions"] == {}
        for job, definition in workflow["jobs"].items():
            rights[name, job] = {
                right for right, level in definition["permissions"].items() if level == "write"
            }
            for step in definition["steps"]:
                assert "uses" not in step or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
                assert "${{ github" not in step.get("run", "")
    assert {job: given for job, given in rights.items() if given} == {
        ("release.yml", "finish"): {"attestations", "id-token"},
        ("release.yml", "pypi"): {"id-token"},
        ("release.yml", "github"): {"contents"},
    }
