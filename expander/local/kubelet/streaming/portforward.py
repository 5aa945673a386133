"""port-forward: connections to the ports of a pod, over a WebSocket.

As k8s.io/kubelet/pkg/cri/streaming/portforward: kubectl sends SPDY through the WebSocket and opens a pair of
streams (data and error) for each connection; older clients name the ports in the query, and get one
connection to each, as a pair of channels.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from expander.local.kubelet.streaming import spdy
from expander.local.kubelet.streaming.channels import V4, V4_BASE64, Channels

SPDY: Final = "SPDY/3.1+portforward.k8s.io"
PROTOCOLS: Final = (SPDY, V4, V4_BASE64)

CHUNK_BYTES: Final = 32 * 1024
MAX_STREAMS: Final = 1024
"""Streams of one client at a time."""
QUEUED_FRAMES: Final = 32
"""Frames of a stream that wait for the pod to read, before all streams of the client do."""

Addresses = Callable[[int], Sequence[str]]
"""Where a port of the pod may be reached."""


class ForwardError(Exception):
    """A port cannot be reached; the message is a kubelet's."""


class PortForwarder:
    """Connects to the ports of one pod, which messages call ``pod``."""

    def __init__(self, pod: str, uid: str, addresses: Addresses) -> None:
        self._pod, self._uid = pod, uid
        self._addresses = addresses

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a port. Raises `ForwardError`."""
        reasons: dict[str, None] = {}
        for address in await asyncio.to_thread(self._addresses, port):
            try:
                return await asyncio.open_connection(address, port, limit=CHUNK_BYTES)
            except OSError as error:
                reason = os.strerror(error.errno).lower() if error.errno else str(error)
                reasons[f"dial tcp {address}:{port}: connect: {reason}"] = None
        raise ForwardError(
            f"error forwarding port {port} to pod {self._pod}, uid {self._uid}: "
            f"failed to connect to localhost:{port}: {', '.join(reasons)}"
        )


class _Upload:
    """What goes to a port: bytes in order, waiting for the port to take them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_FRAMES)
        self._closed = False

    async def put(self, data: bytes) -> None:
        """Pass on data, b"" at the end. Waits while there is no room; what nobody takes is dropped."""
        if not self._closed:
            await self._queue.put(data)

    async def get(self) -> bytes:
        """The next data."""
        return await self._queue.get()

    def close(self) -> None:
        """Nobody takes any more."""
        self._closed = True
        while not self._queue.empty():
            self._queue.get_nowait()


async def relay(
    forwarder: PortForwarder, port: int, upload: _Upload, send: Callable[[bytes], Awaitable[None]]
) -> None:
    """Carry one connection until the port ends it. Raises `ForwardError`."""
    try:
        reader, writer = await forwarder.connect(port)
    except ForwardError:
        upload.close()
        raise

    async def push() -> None:
        while data := await upload.get():
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    pushing = asyncio.ensure_future(push())
    try:
        while data := await _read(reader):
            await send(data)
    finally:
        upload.close()
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(CHUNK_BYTES)
    except ConnectionError:
        return b""


class _Pair:
    """A pair of streams: the connection to one port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.data = self.error = 0
        self.upload = _Upload()
        self.task: asyncio.Task[None] | None = None


class Tunnel:
    """SPDY through a WebSocket."""

    def __init__(self, websocket: web.WebSocketResponse, forwarder: PortForwarder) -> None:
        self._websocket = websocket
        self._forwarder = forwarder
        self._reader, self._writer = spdy.Reader(), spdy.Writer()
        self._pairs: dict[str, _Pair] = {}
        """By the number of the request that the client gave."""
        self._streams: dict[int, _Pair] = {}

    async def run(self) -> None:
        """Serve until the client is gone, or says what makes no sense."""
        try:
            async for message in self._websocket:
                if message.type is WSMsgType.BINARY:
                    for frame in self._reader.feed(message.data):
                        await self._handle(frame)
        except spdy.SpdyError:
            pass
        finally:
            tasks = [each.task for each in self._pairs.values() if each.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, frame: spdy.Frame) -> None:
        if frame.type == spdy.SYN_STREAM:
            await self._open(frame.stream, frame.headers or {})
        elif frame.type == spdy.PING and frame.stream % 2:
            await self._send(self._writer.ping(frame.stream))
        elif frame.type in (spdy.DATA, spdy.RST_STREAM):
            pair = self._streams.get(frame.stream)
            if pair is None or frame.stream != pair.data:
                return
            if frame.type == spdy.RST_STREAM and pair.task is not None:
                pair.task.cancel()
                return
            if frame.data:
                await pair.upload.put(frame.data)
            if frame.flags & spdy.FIN:
                await pair.upload.put(b"")

    async def _open(self, stream: int, headers: Mapping[str, str]) -> None:
        """A stream of a pair; the connection begins with the second."""
        kind, port, request = (headers.get(name, "") for name in ("streamtype", "port", "requestid"))
        valid = is_port(port) and request and kind in ("data", "error")
        if not valid or len(self._streams) >= MAX_STREAMS:
            await self._send(self._writer.reset(stream))
            return
        await self._send(self._writer.reply(stream, headers))
        pair = self._pairs.setdefault(request, _Pair(int(port)))
        setattr(pair, kind, stream)
        self._streams[stream] = pair
        if pair.data and pair.error:
            pair.task = asyncio.create_task(self._forward(pair))

    async def _forward(self, pair: _Pair) -> None:
        """Carry one connection from its beginning to its end."""
        try:
            with suppress(ConnectionError):
                await self._relay(pair)
                for stream in (pair.data, pair.error):
                    await self._send(self._writer.data(stream, last=True))
        finally:
            pair.upload.close()
            self._streams.pop(pair.data, None)
            self._streams.pop(pair.error, None)
            self._pairs = {name: each for name, each in self._pairs.items() if each is not pair}

    async def _relay(self, pair: _Pair) -> None:
        async def send(data: bytes) -> None:
            await self._send(self._writer.data(pair.data, data))

        try:
            await relay(self._forwarder, pair.port, pair.upload, send)
        except ForwardError as error:
            await self._send(self._writer.data(pair.error, str(error).encode()))

    async def _send(self, data: bytes) -> None:
        await self._websocket.send_bytes(data)


def is_port(text: str) -> bool:
    """Whether a text is the number of a port."""
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536


async def forward_channels(channels: Channels, forwarder: PortForwarder, ports: Sequence[int]) -> None:
    """Serve a client of the older protocol: a channel for data and one for errors of each port."""
    uploads = [_Upload() for _ in ports]

    async def forward(number: int, port: int) -> None:
        async def send(data: bytes) -> None:
            await channels.send(2 * number, data)

        for channel in (2 * number, 2 * number + 1):
            await channels.send(channel, struct.pack("<H", port))
        try:
            await relay(forwarder, port, uploads[number], send)
        except ForwardError as error:
            await channels.send(2 * number + 1, str(error).encode())

    async def serve_client() -> None:
        while (message := await channels.receive()) is not None:
            channel, data = message
            if not channel % 2 and channel // 2 < len(uploads) and data:
                await uploads[channel // 2].put(data)

    client = asyncio.ensure_future(serve_client())
    done = asyncio.gather(*(forward(*each) for each in enumerate(ports)))
    try:
        await asyncio.wait((client, done), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (client, done):
            task.cancel()
        await asyncio.gather(client, done, return_exceptions=True)
