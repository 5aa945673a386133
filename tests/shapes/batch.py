"""A template whose container says what it was given, and what came of it in a shape."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expander import expand
from expander.base.errors import ItemError
from expander.local.executor import Executor
from expander.manifests.manifest import Manifest
from expander.render.template_file import TemplateFile
from expander.run.outcomes import LogFile
from expander.shapes.shape import parse_shape

SHOW = [os.path.realpath(sys.executable), "-c", Path(__file__).with_name("show.py").read_text()]
"""The program, so that it can be run where neither this folder nor a virtual environment is visible."""

Seen = Counter[str]


def template(
    args: Sequence[str] = ("$ITEM",),
    env: Mapping[str, str] | Sequence[Mapping[str, Any]] = (),
    name: str = "show-$ITEM",
    **spec: Any,
) -> TemplateFile:
    """A Job of one container that says what it was given."""
    entries = [{"name": k, "value": v} for k, v in env.items()] if isinstance(env, Mapping) else list(env)
    container = {"name": "main", "image": "python", "command": [*SHOW, *args], "env": entries}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "shows"}},
        "spec": {
            "backoffLimit": 0,
            **spec,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    return TemplateFile.of(json.dumps(job), "job.yaml")


def made(file: TemplateFile, items: Sequence[Any], shape: str) -> list[Manifest]:
    """The manifests of a shape; the first error of an item is raised."""

    def refuse(error: ItemError) -> None:
        raise error

    return list(
        expand(file, items, shape=parse_shape(shape), on_error=refuse, allow_shell=True, engine="item")
    )


def seen(manifests: Sequence[Manifest], folder: Path, runtime: str = "process") -> Seen:
    """What the containers of ``manifests`` said, run on this machine."""
    with Executor(folder, runtime=runtime, jobs=4, backoff_base=0.01) as executor:
        executor.submit(manifest.tree for manifest in manifests)
        jobs = sum(manifest.kind == "Job" for manifest in manifests)
        ended = executor.run(lambda found: _ended(found.group()) == jobs)
        assert ended, executor.group()
    return said(folder, () if runtime == "process" else ("PWD",))


def _ended(counts: Mapping[str, int]) -> int:
    return counts["succeeded"] + counts["failed"]


def said(folder: Path, without: Sequence[str] = ()) -> Seen:
    """What containers with logs below ``folder`` said, each as a line of JSON.

    ``without`` are variables to leave out: bubblewrap sets PWD itself.
    """
    lines: Seen = Counter()
    for log in folder.rglob("*_main_0.log"):
        text = LogFile("", "main", 0, log).read().decode()
        for line in text.split("\n"):
            if line.startswith("{"):
                found = json.loads(line)
                for name in without:
                    found["env"].pop(name, None)
                lines[json.dumps(found, sort_keys=True)] += 1
    return lines
