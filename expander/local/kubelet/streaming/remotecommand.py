"""exec and attach over a WebSocket: stdin, stdout, stderr, the status and the size of the terminal.

As k8s.io/kubelet/pkg/cri/streaming/remotecommand does it. A client that goes away ends its streams: the
command reads the end of its stdin, or its terminal hangs up. It is not killed, as a kubelet does not.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from expander.local.kubelet.streaming.channels import CLOSE, V4, V4_BASE64, V5, Channels
from expander.local.kubelet.streaming.runtime import StreamOptions
from expander.local.runtime.runtime import Exit
from expander.local.runtime.streams import Streams

PROTOCOLS: Final = (V5, V4, V4_BASE64, "channel.k8s.io", "base64.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)

CHUNK_BYTES: Final = 32 * 1024
"""Bytes of output in a message."""

HANG_UP_SECONDS: Final = 1.0
"""Seconds that a terminal gets to show the last of what a command wrote."""

Status = dict[str, Any]


def success() -> Status:
    """All went well."""
    return {"metadata": {}, "status": "Success"}


def internal_error(why: str) -> Status:
    """There are no streams, or the command could not be run."""
    message = f"Internal error occurred: {why}"
    details = {"causes": [{"message": why}]}
    failed = {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError"}
    return failed | {"details": details, "code": 500}


def exit_status(code: int) -> Status:
    """A command has ended with this exit code."""
    if not code:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def send_status(channels: Channels, protocol: str, status: Status) -> None:
    """Tell the client what came of it; before version 4 that was a text, and only of failures."""
    if protocol.startswith("v"):
        await channels.send(ERROR, json.dumps(status, separators=(",", ":")).encode())
    elif status["status"] != "Success":
        await channels.send(ERROR, str(status["message"]).encode())


class Session:
    """One client and the streams of one process.

    ``ended`` is how a command ends; without it the streams do. ``shown``: stdout is for the client, and not
    just to hear of its end. ``on_stdin_left`` is called when nothing more comes from the client.
    """

    def __init__(
        self,
        channels: Channels,
        streams: Streams,
        ended: asyncio.Future[Exit] | None = None,
        *,
        shown: bool = True,
        on_stdin_left: Callable[[], None] = lambda: None,
    ) -> None:
        self._channels = channels
        self._streams = streams
        self._ended = ended
        self._shown = shown
        self._on_stdin_left = on_stdin_left

    async def run(self, options: StreamOptions, begin: asyncio.Event | None = None) -> bool:
        """Carry data until the process is done; False if the client has left before. Waits for ``begin``."""
        try:
            if begin is not None:
                await begin.wait()
            first = STDOUT if options.stdout else STDERR if options.stderr else ERROR
            await self._channels.send(first, b"")  # the client knows now that it is connected
            return await self._carry()
        finally:
            self._streams.close()
            self._on_stdin_left()

    async def _carry(self) -> bool:
        outputs = ((self._streams.stdout, STDOUT), (self._streams.stderr, STDERR))
        pumps = [self._pump(file, channel) for file, channel in outputs if file is not None]
        client = asyncio.ensure_future(self._serve_client())
        done = asyncio.gather(*pumps, *(() if self._ended is None else (asyncio.shield(self._ended),)))
        try:
            await asyncio.wait((client, done), return_when=asyncio.FIRST_COMPLETED)
            return done.done() and done.exception() is None
        finally:
            for task in (client, done):
                task.cancel()
            await asyncio.gather(client, done, return_exceptions=True)

    async def _pump(self, file: int, channel: int) -> None:
        """Send what the process writes, until it has ended or closed this stream."""
        loop = asyncio.get_running_loop()
        while True:
            over = self._ended is not None and self._ended.done()
            try:
                data = os.read(file, CHUNK_BYTES)
            except BlockingIOError:
                if over and self._streams.terminal is None:
                    return
                ready = await _wait(
                    loop.add_reader,
                    loop.remove_reader,
                    file,
                    None if over else self._ended,
                    HANG_UP_SECONDS if over else None,
                )
                if over and not ready:
                    return
                continue
            except OSError:  # the terminal has hung up
                return
            if not data:
                return
            if self._shown:
                await self._channels.send(channel, data)
            await asyncio.sleep(0)  # a flood is one of many

    async def _serve_client(self) -> None:
        """Take what the client sends until it is gone."""
        while (message := await self._channels.receive()) is not None:
            channel, data = message
            if channel == STDIN:
                await self._write(data)
            elif channel == RESIZE:
                self._resize(data)
            elif channel == CLOSE and data == bytes((STDIN,)) and self._streams.terminal is None:
                self._leave_stdin()

    def _leave_stdin(self) -> None:
        self._streams.close_stdin()
        self._on_stdin_left()

    async def _write(self, data: bytes) -> None:
        """Write to stdin, and wait for the process to read; what nobody reads is lost."""
        loop = asyncio.get_running_loop()
        while data and (file := self._streams.stdin) is not None:
            try:
                data = data[os.write(file, data) :]
            except BlockingIOError:
                await _wait(loop.add_writer, loop.remove_writer, file)
            except OSError:
                self._leave_stdin()

    def _resize(self, data: bytes) -> None:
        with suppress(ValueError, TypeError, KeyError):
            size = json.loads(data)
            self._streams.resize(int(size["Width"]), int(size["Height"]))


async def _wait(
    add: Callable[..., object],
    remove: Callable[[int], object],
    file: int,
    other: asyncio.Future[Any] | None = None,
    timeout: float | None = None,
) -> bool:
    """Wait until a file is ready, or for ``other``, or so many seconds; whether the file is."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    add(file, set_ready)
    try:
        awaited = (ready,) if other is None else (ready, other)
        await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return ready.done()
    finally:
        remove(file)
