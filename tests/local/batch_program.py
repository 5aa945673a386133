"""A program that runs a batch to its end with an executor, and takes it up again when it is run again.

Arguments: state folder, folder for what the items write, number of items.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expander.group.known.summaries import summary_of
from expander.local.executor import Executor

WORK = "echo begin $POD_UID >> $OUT/$ITEM; sleep 0.0$((ITEM % 7 + 1)); echo end $POD_UID >> $OUT/$ITEM"


def jobs(out: str, count: int) -> Iterator[dict[str, Any]]:
    """One Job for each item, which appends to a file of its own at its begin and at its end."""
    for item in range(count):
        variables = [
            {"name": "OUT", "value": out},
            {"name": "ITEM", "value": str(item)},
            {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        ]
        container = {"name": "main", "image": "busybox", "command": ["sh", "-c", WORK], "env": variables}
        yield {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"item-{item}"},
            "spec": {
                "backoffLimit": 0,
                "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
            },
        }


def main() -> None:
    state, out, count = sys.argv[1:]
    with Executor(Path(state), runtime="process", jobs=8, summarize=summary_of) as executor:
        executor.submit(jobs(out, int(count)))
        executor.run(lambda _: executor.group()["succeeded"] + executor.group()["failed"] == int(count))


if __name__ == "__main__":
    main()
