"""Runs the program as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

EXPANDER = str(Path(sys.executable).parent / "expander")


@dataclass
class Answer:
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str


def run(*arguments: str, cwd: Path | None = None, stdin: str | bytes = "") -> Answer:
    """One run of the program with ``stdin`` as its standard input."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    answer = subprocess.run(
        [EXPANDER, *arguments],
        cwd=cwd,
        input=given,
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return Answer(answer.returncode, answer.stdout.decode(), answer.stderr.decode())
