"""Commands that the page starts: each is a process of its own, as if it were typed."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

from expander.base.errors import UsageError
from expander.group.report_data import plain_text
from expander.ui.places import ACTIONS, GroupPlace, Places, program

MAX_LINES: Final = 500
"""Lines of a command's output that are passed on; the last ones tell how it ended."""

MAX_LINE_BYTES: Final = 1 << 16


class Actions:
    """Runs commands, one at a time for a group. What was started goes on when its reader leaves."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._processes: dict[GroupPlace, asyncio.subprocess.Process] = {}
        self._starting: set[GroupPlace] = set()

    async def run(self, place: GroupPlace, action: str, *, dry: bool) -> AsyncIterator[dict[str, Any]]:
        """Messages: the command, its lines, its exit code.

        Raises UsageError for what is no action, or while another one of the group goes on.
        """
        if action not in ACTIONS:
            raise UsageError(f"no such action: {action}")
        if place in self._processes or place in self._starting:
            raise UsageError(f"another command is at work on group {place.group}")
        arguments = self._places.command(place, action, dry=dry)
        real = self._places.command(place, action, dry=False)
        self._starting.add(place)
        try:
            process = self._processes[place] = await asyncio.create_subprocess_exec(
                *program(),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL if dry else asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE if dry else asyncio.subprocess.STDOUT,
                start_new_session=True,
                limit=MAX_LINE_BYTES,
            )
        finally:
            self._starting.discard(place)
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        pump = asyncio.create_task(self._pump(place, process, lines))
        yield {"command": shlex.join(["expander", *real])}
        while (line := await lines.get()) is not None:
            yield {"line": line}
        await pump
        yield {"exit": process.returncode}

    async def _pump(
        self, place: GroupPlace, process: asyncio.subprocess.Process, lines: asyncio.Queue[str | None]
    ) -> None:
        """Read what a process writes to its end, whoever listens."""
        stream = process.stdout or process.stderr
        assert stream is not None
        try:
            while data := await stream.read(MAX_LINE_BYTES):
                for line in data.decode(errors="replace").splitlines():
                    if lines.qsize() == MAX_LINES:
                        lines.get_nowait()
                    lines.put_nowait(plain_text(line))
            await process.wait()
        finally:
            self._processes.pop(place, None)
            lines.put_nowait(None)

    async def stop_one(self, place: GroupPlace) -> None:
        """End what is at work on a group, as SIGTERM does; one that ends already, at once."""
        if (process := self._processes.get(place)) is not None:
            _signal(process, signal.SIGTERM)
            await process.wait()

    async def stop(self, stopping: Callable[[list[str]], None]) -> None:
        """End what is at work, as SIGTERM does; ``stopping`` gets the groups it works on before."""
        found = dict(self._processes)
        if found:
            stopping(sorted(place.group for place in found))
        for process in found.values():
            _signal(process, signal.SIGTERM)
        for process in found.values():
            await process.wait()

    def kill(self) -> None:
        """Kill what is at work."""
        for process in self._processes.values():
            _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)
