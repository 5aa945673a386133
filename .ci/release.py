#!/usr/bin/env python3
"""Makes what a release consists of, in a folder; .github/workflows/release.yml publishes it.

    release.py build 0.2.0     the sdist, the wheel, and notes: the section of the changelog
    release.py sbom            what pip installs with the wheel in the folder, as CycloneDX
    release.py plugin          kubectl-expander for krew and this platform, of the wheel in the folder
    release.py finish          krew's manifest of the plugins in the folder, and checksums of everything in it

``build`` refuses a tree with changes, and a version that is not that of the program and of the changelog.
The same commit makes the same bytes. The tools are those of the dependency group ``release``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = "kubectl-expander"
SYSTEMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")
"""The platforms of the plugin, as krew calls them."""

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
PYTHONS = ("3.11", "3.12", "3.13")
"""The versions of Python that the plugin runs with; the machine that makes it has them all."""

CHECKSUMS = "SHA256SUMS"


class Refused(Exception):
    """What must be mended before there can be a release."""


def run(*words: object, **variables: str) -> str:
    """What a command in the checkout prints. Raises CalledProcessError when it fails."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        [*map(str, words)], cwd=ROOT, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def check(version: str) -> None:
    """Raise Refused unless the program has this version, and the tree is that of a commit."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "expander" / "version.py").read_text(), re.MULTILINE)
    if found is None or found[1] != version:
        raise Refused(f"expander/version.py has {found and found[1]}, not {version}")
    if changes := run("git", "status", "--porcelain"):
        raise Refused(f"the tree is not that of a commit:\n{changes.rstrip()}")


def notes(changelog: str, version: str) -> str:
    """The section of a version in the changelog. Raises Refused when there is none."""
    heading = rf"^## {re.escape(version)}(?!\S)[^\n]*\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise Refused(f"CHANGELOG.md has no section '## {version}'")
    return found[1].strip() + "\n"


def build(version: str, folder: Path, *options: str) -> None:
    """Build the distributions, the wheel from the sdist, and write the notes. Raises Refused."""
    check(version)
    text = notes((ROOT / "CHANGELOG.md").read_text(), version)
    if any(folder.iterdir()):
        raise Refused(f"{folder} is not empty")
    run(sys.executable, "-m", "build", *options, "--outdir", folder, SOURCE_DATE_EPOCH=commit_time())
    (folder / "notes.md").write_text(text)


def commit_time() -> str:
    """The time of the commit, in seconds: that of every file that is made."""
    return run("git", "log", "-1", "--format=%ct").strip()


def make_sbom(folder: Path) -> None:
    """List what is in a new environment with the wheel."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=False)
        python = Path(place, "bin", "python")
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", only(folder, "*.whl"))
        words = ["--pyproject", ROOT / "pyproject.toml", "--output-reproducible"]
        sbom = json.loads(run(sys.executable, "-m", "cyclonedx_py", "environment", python, *words))
    sbom["metadata"]["component"]["version"] = version_of(folder)  # which pyproject.toml does not know
    (folder / "sbom.cdx.json").write_text(json.dumps(sbom, indent=1) + "\n")


def make_plugin(folder: Path) -> None:
    """Pack the wheel and what it requires into one program for this platform. Needs PYTHONS on the PATH."""
    machine = platform.machine()
    target = f"{platform.system().lower()}_{MACHINES.get(machine, machine)}"
    if target not in SYSTEMS:
        raise Refused(f"no plugin for {target}; those are for {', '.join(SYSTEMS)}")
    with tempfile.TemporaryDirectory() as place:
        program = Path(place, PLUGIN)
        words = [
            "--pip-version=25.3",
            "--console-script",
            PLUGIN,
            "--venv",
            "--sh-boot",
            "--no-compile",
            "--output-file",
            program,
        ]
        pythons = [f"--python=python{each}" for each in PYTHONS]
        run(
            sys.executable,
            "-m",
            "pex",
            only(folder, "*.whl"),
            *pythons,
            *words,
            SOURCE_DATE_EPOCH=commit_time(),
        )
        pack(folder / f"{PLUGIN}_{target}.tar.gz", [program, ROOT / "LICENSE", ROOT / "NOTICE"])


def pack(archive: Path, files: list[Path]) -> None:
    """A tar.gz whose bytes depend on the files alone."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as packed:
        for file in files:
            member = tarfile.TarInfo(file.name)
            member.size, member.mtime = file.stat().st_size, int(commit_time())
            member.mode = 0o755 if os.access(file, os.X_OK) else 0o644
            with file.open("rb") as data:
                packed.addfile(member, data)
    archive.write_bytes(gzip.compress(content.getvalue(), mtime=0))


def finish(folder: Path, repository: str) -> None:
    """Fill krew's manifest in, and write checksums. Raises Refused when a plugin is missing."""
    version = version_of(folder)
    sums = {f"sha256_{each}": sha256(only(folder, f"{PLUGIN}_{each}.tar.gz")) for each in SYSTEMS}
    template = Template((ROOT / ".ci" / "krew.yaml").read_text())
    (folder / "expander.yaml").write_text(template.substitute(version=version, repository=repository, **sums))
    write_checksums(folder)


def version_of(folder: Path) -> str:
    """The version of the wheel in the folder."""
    return only(folder, "*.whl").name.split("-")[1]


def only(folder: Path, pattern: str) -> Path:
    """The one file of that name. Raises Refused when there is none, or several."""
    found = [*folder.glob(pattern)]
    if len(found) != 1:
        raise Refused(f"{folder} has {len(found)} files {pattern}, expected 1")
    return found[0]


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_checksums(folder: Path) -> None:
    """Write what `sha256sum --check` reads, of all other files in the folder."""
    files = sorted(each for each in folder.iterdir() if each.name != CHECKSUMS)
    (folder / CHECKSUMS).write_text("".join(f"{sha256(each)}  {each.name}\n" for each in files))


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "sbom", "plugin", "finish"):
        command = commands.add_parser(name)
        command.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder (default: dist)")
        if name == "build":
            command.add_argument("version")
            command.add_argument("--no-isolation", action="store_true", help="build with what is installed")
        elif name == "finish":
            command.add_argument("--repository", required=True, help="OWNER/NAME on GitHub")
    options = parser.parse_args()
    folder = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        match options.command:
            case "build":
                build(options.version, folder, *["--no-isolation"] * options.no_isolation)
            case "sbom":
                make_sbom(folder)
            case "plugin":
                make_plugin(folder)
            case "finish":
                finish(folder, options.repository)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: exit code {error.returncode} of {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
