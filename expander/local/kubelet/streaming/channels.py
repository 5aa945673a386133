"""Several streams over one WebSocket: the first byte of a message is its channel.

As apimachinery's util/httpstream/wsstream and client-go's tools/remotecommand have it: with a protocol in
base64 messages are text, and the channel is a digit; only version 5 can close a channel (message 255, N).
"""

from __future__ import annotations

import base64
import binascii
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import WSMsgType, web

CLOSE: Final = 255
"""The channel that tells of the end of another (version 5)."""

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"
V4_BASE64: Final = "v4.base64.channel.k8s.io"

MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
"""The longest message that is taken; golang.org/x/net/websocket's limit."""

CLOSE_SECONDS: Final = 2.0
"""Seconds that a client gets to close the connection too."""

_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def is_upgrade(headers: Mapping[str, str]) -> bool:
    """Whether a request wants to become a WebSocket."""
    upgrades = headers.get("Connection", "").lower().replace(" ", "").split(",")
    return headers.get("Upgrade", "").lower() == "websocket" and "upgrade" in upgrades


def negotiate(headers: Mapping[str, str], supported: Sequence[str]) -> str | None:
    """The first protocol of the client that is supported: "" when it names none, None when none is."""
    given = headers.get("Sec-WebSocket-Protocol", "")
    offered = [word.strip() for word in given.split(",") if word.strip()]
    return next((word for word in offered if word in supported), None if offered else "")


async def upgrade(request: web.BaseRequest, protocol: str) -> web.WebSocketResponse:
    """Make a WebSocket of a request."""
    made = web.WebSocketResponse(
        protocols=[protocol] if protocol else [],
        max_msg_size=MAX_MESSAGE_BYTES,
        timeout=CLOSE_SECONDS,
        compress=False,
    )
    await made.prepare(request)
    found = None if request.transport is None else request.transport.get_extra_info("socket")
    if found is not None:  # a client that is gone without a word is noticed
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class Channels:
    """The channels of a WebSocket that speaks ``protocol``."""

    def __init__(self, websocket: web.WebSocketResponse, protocol: str) -> None:
        self._websocket = websocket
        self._text = "base64" in protocol
        self._closes = protocol == V5

    async def send(self, channel: int, data: bytes) -> None:
        """Send a message; waits while the client does not read. Raises ConnectionError when it is gone."""
        if self._text:
            await self._websocket.send_str(f"{channel}{base64.b64encode(data).decode()}")
        else:
            await self._websocket.send_bytes(bytes((channel,)) + data)

    async def receive(self) -> tuple[int, bytes] | None:
        """The next message: its channel and data, or `CLOSE` and the number of a channel. None at the end."""
        while True:
            message = await self._websocket.receive()
            if message.type is WSMsgType.BINARY:
                data = message.data
            elif message.type is WSMsgType.TEXT:
                data = message.data.encode()
            else:
                return None
            if self._text:
                try:
                    data = bytes((data[0] - ord("0"),)) + base64.b64decode(data[1:], validate=True)
                except (IndexError, ValueError, binascii.Error):
                    return None
            if data and (data[0] != CLOSE or self._closes):
                return data[0], data[1:]

    async def close(self) -> None:
        """End the connection, with a word to the client."""
        await self._websocket.close()
