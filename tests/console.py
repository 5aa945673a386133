"""Runs the console sessions of a Markdown file and compares what is printed with what it says.

In a block ```` ```console ```` a line ``$ command`` is run by a shell; lines beginning with ``> `` continue it;
what follows is its output, standard error included. A last line ``[exit code N]`` states one other than 0,
a line ``...`` stands for any number of lines, ``...`` within a line for any text. What a command
``export NAME=VALUE`` sets, those after it have too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"export ([A-Z_]+)=(.+)")
_CODE = re.compile(r"\[exit code ([0-9]+)\]")


@dataclass
class Step:
    """A command, and what it is said to print and to exit with."""

    command: str
    output: list[str] = field(default_factory=list)
    code: int = 0


def steps_of(markdown: str) -> list[Step]:
    """The commands of all console blocks of a text, in order."""
    steps: list[Step] = []
    for block in _BLOCK.findall(markdown):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif line.startswith("> ") or line == ">":
                steps[-1].command += "\n" + line[2:]
            elif code := _CODE.fullmatch(line):
                steps[-1].code = int(code[1])
            else:
                steps[-1].output.append(line.rstrip())
    return steps


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*"
    return re.escape(line).replace(re.escape("..."), ".*") + r"\n"


def play(path: Path, folder: Path) -> int:
    """Run the sessions of ``path`` in ``folder``; fails on the first difference. Gives the number of steps."""
    steps = steps_of(path.read_text())
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "EXPANDER_STATE": str(folder / ".state"),
        "EXPANDER_PROGRESS": "never",  # such lines come on a slow machine only
    }
    for step in steps:
        if exported := _EXPORT.fullmatch(step.command):
            shown = ["bash", "-c", f"printf %s {exported[2]}"]
            value = subprocess.run(
                shown, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            environment[exported[1]] = value.stdout
            continue
        answer = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        found = answer.stdout.splitlines()
        pattern = "".join(map(_pattern, step.output))
        said = "\n".join(step.output)
        printed = "".join(f"{line.rstrip()}\n" for line in found)
        assert re.fullmatch(pattern, printed), (
            f"{path.name}: $ {step.command}\nsays:\n{said}\nprints:\n{printed}"
        )
        assert answer.returncode == step.code, f"{path.name}: $ {step.command}\nexit code {answer.returncode}"
    return len(steps)
