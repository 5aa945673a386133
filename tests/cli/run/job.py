"""A template of Jobs that run a script for an item."""

from __future__ import annotations

from pathlib import Path

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: job-$ITEM
  labels: {jobgroup: tests}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: ["sh", "-c", "SCRIPT"]
        env:
        - name: THE_ITEM
          value: $ITEM
"""


def template(script: str, name: str = "job.yaml") -> str:
    """Write the template; its name."""
    Path(name).write_text(JOB.replace("SCRIPT", script))
    return name
