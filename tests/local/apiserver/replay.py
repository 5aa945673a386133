"""Types the recorded kubectl commands again, and says which of them answer as they did.

What differs between two runs on any cluster is made equal on both sides: uids, generated names, versions, times,
ages and addresses, and the widths of columns that follow from them.
"""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: process-item-$ITEM
  labels:
    jobgroup: jobexample
spec:
  template:
    metadata:
      name: jobexample
      labels:
        jobgroup: jobexample
    spec:
      containers:
      - name: c
        image: busybox:1.28
        command: ["sh", "-c", "echo Processing item $ITEM && sleep 2"]
      restartPolicy: Never
"""
UNKNOWN_KIND = """\
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata:
  name: volcano-sequential-jobs
"""
LONG = 20
"""Seconds of a pod that is to fill its quota until the session has looked at it, however slow the machine is."""
NODE = "node-1"
"""What the node was called."""
TRIES = 10
"""How often a command is typed that sleeps first, to let the cluster settle, or describes a quota, which counts
pods until they are gone: this machine may be slower."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

EQUAL = [
    (rf"\bsleep {LONG}\b", "sleep 2"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b(hello|allow)-\d{8}\b", r"\1-MINUTE"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-SUFFIX"),
    (r'("?resourceVersion"?:) "\d*"', r'\1 "VERSION"'),
    (r"127\.\d+\.\d+\.\d+|10\.\d+\.\d+\.\d+", "ADDRESS"),
    (r"https?://ADDRESS:\d+", "URL"),
    (r"\b(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?s\b|\b\d+[mhd](\d+[smh])?\b", "AGE"),
    (r"\(x\d+ over AGE\)", ""),
    (r"\bv1\.36\.2\b", ""),
    (r"[ \t]+", " "),
    (r" ?\n ?", "\n"),
]


@dataclass
class Replayed:
    """One command: what it said then and says now."""

    command: str
    then: dict[str, Any]
    now: dict[str, Any]

    @property
    def agrees(self) -> bool:
        return equalled(self.then) == equalled(self.now)


def equalled(answer: dict[str, Any]) -> tuple[int, str, str]:
    return answer["exit"], *(_equal(answer[stream]) for stream in ("stdout", "stderr"))


def _equal(text: str) -> str:
    for pattern, stand_in in EQUAL:
        text = re.sub(pattern, stand_in, text)
    return text.strip()


def replay(
    session: list[dict[str, Any]], folder: Path, environment: dict[str, str], node: str
) -> list[Replayed]:
    """Run the commands of a recorded session in ``folder``, in their order; ``node`` is the name of the node."""
    _write_files(session, folder)
    found = []
    for step in session:
        waits = step["command"].startswith(("sleep ", "kubectl describe quota "))
        for _ in range(TRIES if waits else 1):
            told = Replayed(step["command"], step, _answer(step["command"], folder, environment, node))
            if told.agrees:
                break
        found.append(told)
    return found


def _answer(command: str, folder: Path, environment: dict[str, str], node: str) -> dict[str, Any]:
    answer = subprocess.run(
        ["bash", "-c", _timed(command).replace(NODE, node)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    said = [re.sub(rf"\b{re.escape(node)}\b", NODE, each) for each in (answer.stdout, answer.stderr)]
    return {"exit": answer.returncode, "stdout": said[0], "stderr": said[1]}


def _timed(command: str) -> str:
    """A watch of 70 seconds, which sees a minute begin, ends 15 seconds after that."""
    left = 60 - time.time() % 60
    return command.replace("timeout 70 ", f"timeout {left + (15 if left > 5 else 75):.0f} ")


def _write_files(session: list[dict[str, Any]], folder: Path) -> None:
    """The files that the session works with, as far as its requests show them."""
    quota = any(step["command"].startswith("kubectl describe quota ") for step in session)
    (folder / "job-tmpl.yaml").write_text(JOB.replace("sleep 2", f"sleep {LONG}") if quota else JOB)
    (folder / "volcano.yaml").write_text(UNKNOWN_KIND)
    (folder / "jobs").mkdir(exist_ok=True)
    for item in ("apple", "banana", "cherry"):
        (folder / "jobs" / f"job-{item}.yaml").write_text(JOB.replace("$ITEM", item))
    for step in session:
        for name in re.findall(r"(?:-f|--patch-file=?) ?([\w./-]+\.yaml)", step["command"]):
            sent = [
                exchange
                for exchange in step["http"]
                if exchange["method"] == "POST" and exchange["body"].startswith('{"apiVersion"')
            ]
            if sent and not (folder / name).exists():
                documents = [json.dumps(_as_written(json.loads(each["body"]))) for each in sent]
                (folder / name).write_text("\n---\n".join(documents))
    patch = "\n".join(
        [
            "status:",
            "  conditions:",
            "  - type: ConfigIssue",
            '    status: "True"',
            '    reason: "NonExistingImage"',
            '    lastTransitionTime: "2026-01-01T00:00:00Z"',
            "",
        ]
    )
    (folder / "patch.yaml").write_text(patch)


def _as_written(obj: dict[str, Any]) -> dict[str, Any]:
    """An object as its file had it, without what kubectl adds."""
    metadata = obj["metadata"]
    metadata.pop("namespace", None)
    annotations = metadata.get("annotations") or {}
    annotations.pop(LAST_APPLIED, None)
    if not annotations:
        metadata.pop("annotations", None)
    return obj
