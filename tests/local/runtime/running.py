"""Runs containers and waits for what is to become of them."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from expander.local.logs import last_output
from expander.local.runtime.process_tree import all_processes
from expander.local.runtime.runtime import Exit, Launch, Runtime, Started
from expander.local.runtime.supervisor_client import SupervisorClient

LONG = 120.0
"""Seconds after which a test gives up."""


class Bench:
    """A supervisor with a folder, and the events it has told so far."""

    def __init__(self, folder: Path, runtime: Runtime | None = None) -> None:
        self.folder = folder
        self.supervisor = SupervisorClient(folder / "state", runtime)
        self.events: list[Started | Exit] = []
        self._numbers = count()

    def launch(self, *argv: str, key: str | None = None, **fields: Any) -> str:
        """Start a container; its key."""
        key = key or f"c{next(self._numbers)}"
        fields.setdefault("env", {})
        fields.setdefault("log", str(self.log(key)))
        self.supervisor.start(Launch(key=key, argv=list(argv), **fields))
        return key

    def log(self, key: str) -> Path:
        """Where the output of a container goes."""
        return self.folder / f"{key}.log"

    def output(self, key: str) -> str:
        """What a container has written."""
        return last_output(self.log(key), 1 << 30).decode()

    def wait(self, ready: Callable[[], object]) -> None:
        """Read events until ``ready``."""
        while not ready():
            assert select.select([self.supervisor], [], [], LONG)[0], (
                f"nothing comes after {self.events[-3:]}"
            )
            self.events += self.supervisor.read()

    def pid(self, key: str) -> int:
        """The process of a container, once it runs."""
        found: dict[str, int] = {}

        def ready() -> bool:
            found.update({event.key: event.pid for event in self.events if isinstance(event, Started)})
            return key in found

        self.wait(ready)
        return found[key]

    def ends(self, key: str) -> list[Exit]:
        """The ends of a container told so far."""
        return [event for event in self.events if isinstance(event, Exit) and event.key == key]

    def end(self, key: str) -> Exit:
        """How a container ends."""
        self.wait(lambda: self.ends(key))
        (end,) = self.ends(key)
        return end

    def written(self, key: str, text: str) -> None:
        """Wait until a container has written ``text``."""
        path = self.log(key)
        for _ in range(int(LONG * 100)):
            if path.exists() and text in self.output(key):
                return
            select.select([], [], [], 0.01)
        raise AssertionError(f"{key} never wrote {text!r}")

    def run(self, *argv: str, **fields: Any) -> tuple[Exit, str]:
        """How a container ended, and what it wrote."""
        key = self.launch(*argv, **fields)
        return self.end(key), self.output(key) if self.log(key).exists() else ""


@contextmanager
def bench(folder: Path, runtime: Runtime | None = None) -> Iterator[Bench]:
    """A bench that is cleared at the end."""
    made = Bench(folder, runtime)
    try:
        yield made
    finally:
        made.supervisor.close()


def marked(mark: str) -> list[int]:
    """The living processes with ``mark`` in their environment or command line."""
    found = []
    for process in all_processes():
        if process.zombie or process.pid == os.getpid():
            continue
        for file in ("environ", "cmdline"):
            try:
                text = Path(f"/proc/{process.pid}/{file}").read_bytes()
            except OSError:
                continue
            if mark.encode() in text:
                found.append(process.pid)
                break
    return found
