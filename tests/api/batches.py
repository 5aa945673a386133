"""Templates for the Python calls, and where their batches run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import expander

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "w-$ITEM", labels: {jobgroup: words}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: ["sh", "-c", 'echo "got $WORD"; test "$WORD" != bad'],
         env: [{name: WORD, value: $ITEM}]}
"""
LONG = TEMPLATE.replace("""'echo "got $WORD"; test "$WORD" != bad'""", "'sleep 600'")


def template(text: str = TEMPLATE) -> expander.TemplateFile:
    return expander.TemplateFile.of(text, "job.yaml")


def ran(
    state: Path, items: Any = ("good", "bad"), text: str = TEMPLATE, **options: Any
) -> expander.RunResult:
    """A batch on this machine."""
    return expander.run(template(text), items, runtime="process", state=state, **options)
