"""Reads answers of HTTP/1.1 from a connection: what servers and proxies of Kubernetes send, and no more.

http.client reads headers as those of mail, which takes longer than all else that is done for a request.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

LARGEST_HEAD: Final = 1 << 17
"""Bytes of headers after which an answer is none."""

PIECE: Final = 1 << 16


class Malformed(OSError):
    """What came is not an answer, or ended in the middle of one."""


class Answer:
    """The answer to a ``method``: its status and headers (names in lower case); the body is still to be read.

    Raises Malformed and OSError, as all of its methods do.
    """

    def __init__(self, sock: socket.socket, method: str) -> None:
        self._socket = sock
        self._rest = b""
        self.status = 100
        while self.status < 200:  # 100 and its like announce the answer
            self._read_head()
        coded = self.headers.get("transfer-encoding", "").lower()
        self._chunked = coded.endswith("chunked")
        self._length: int | None = None
        if method == "HEAD" or self.status in (204, 304):
            self._length, self._chunked = 0, False
        elif not self._chunked and "content-length" in self.headers:
            self._length = _number(self.headers["content-length"].encode(), 10)
        self.will_close = (
            "close" in self.headers.get("connection", "").lower()
            or not self._newer
            or (self._length is None and not self._chunked)
        )

    def read(self, most: int | None = None) -> bytes:
        """The whole body, or about its first ``most`` bytes."""
        found: list[bytes] = []
        size = 0
        for piece in self.pieces():
            found.append(piece)
            size += len(piece)
            if most is not None and size >= most:
                break
        return b"".join(found)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        if self._chunked:
            yield from self._chunks()
        elif self._length is not None:
            yield from self._exactly(self._length)
            self.will_close = self.will_close or bool(self._rest)
        else:
            if self._rest:
                yield self._rest
            while piece := self._socket.recv(PIECE):
                yield piece

    def _read_head(self) -> None:
        head = self._until(b"\r\n\r\n", LARGEST_HEAD)
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise Malformed("the answer is not HTTP/1.1")
        self._newer = version != "HTTP/1.0"
        self.status = int(rest[:3])
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = _number(self._until(b"\r\n", LARGEST_HEAD).partition(b";")[0].strip(), 16)
            if size == 0:
                while self._until(b"\r\n", LARGEST_HEAD):
                    pass  # trailers
                return
            yield from self._exactly(size)
            if self._until(b"\r\n", LARGEST_HEAD):
                raise Malformed("a chunk is longer than it says")

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._rest or self._receive()
            self._rest = piece[count:]
            piece = piece[:count]
            count -= len(piece)
            yield piece

    def _until(self, end: bytes, most: int) -> bytes:
        """What comes before ``end``."""
        found = self._rest
        while (at := found.find(end)) < 0:
            if len(found) > most:
                raise Malformed("a line of the answer does not end")
            found += self._receive()
        self._rest = found[at + len(end) :]
        return found[:at]

    def _receive(self) -> bytes:
        piece = self._socket.recv(PIECE)
        if not piece:
            raise Malformed("the answer ended too early")
        return piece


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise Malformed("the answer has no length")
    return number
