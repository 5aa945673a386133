"""Templates for the Python calls, and where their batches run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

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


def check_cancelled(
    call: Callable[[Callable[[expander.OutputLine], None]], Coroutine[Any, Any, Any]],
) -> None:
    """Cancel a call once its pod has said its pid, and see that no such process is left."""

    async def main() -> int:
        loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def heard(line: expander.OutputLine) -> None:
            loop.call_soon_threadsafe(begun.set_result, int(line.text))

        work = asyncio.create_task(call(heard))
        await asyncio.wait([work, begun], return_when=asyncio.FIRST_COMPLETED)
        process: int = begun.result()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return process

    process = asyncio.run(main())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
