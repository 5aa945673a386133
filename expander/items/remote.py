"""Items at URLs (``s3://``, ``gs://``, ``https://`` ...), read by fsspec: the extra ``remote``.

A URL may hold credentials, as user and password or in its query: messages name it without both. What fsspec
caches, tries again and how it signs in is its own configuration.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from http.client import BAD_REQUEST, OK, PARTIAL_CONTENT, REQUESTED_RANGE_NOT_SATISFIABLE
from typing import Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import unquote

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, SourceLocation, UsageError
from expander.base.extras import install_command, library
from expander.base.regex import regex
from expander.base.urls import AFTER_PATH, links_of, without_credentials
from expander.base.waiting import Waits, said

EXTRA: Final = "remote"
"""The extra that installs fsspec."""

BUFFER_BYTES: Final = 1 << 16
"""Bytes that readers get at a time; what is fetched at a time is fsspec's matter."""

CONNECT_SECONDS: Final = 30.0
SILENT_SECONDS: Final = 60.0
"""How long a web server may take for its next bytes; there is no limit for the whole."""

MIN_SECRET_LENGTH: Final = 4
"""Shorter parts of a URL are left in what others say: they are words such as ``v1``."""

_URL: Final = regex(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::.*://).*", re.DOTALL)
_RANGE: Final = regex(r"bytes=(\d+)-(\d+)")
_CONTENT_RANGE: Final = regex(r"\s*bytes\s+(\d+)-(\d+)/(\d*)", re.IGNORECASE)
_NO_RANGES: Final = "the server gives no parts of the file"
_OTHER_PART: Final = "the server gives another part of the file than was asked for"
_CHANGED: Final = "it has changed while it was read"

Given = TypeVar("Given")


def is_url(text: str) -> bool:
    """Whether ``text`` is a URL, or several that are chained as fsspec does (``zip://a.csv::s3://...``)."""
    return _URL.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """The file at ``url``. ``label`` is its URL without credentials, ``path`` ends as the file's name."""

    url: str
    label: str
    path: str
    _files: Any
    """The file system of fsspec; not connected yet."""
    _place: str

    @classmethod
    def of(cls, url: str) -> RemoteFile:
        """Sends nothing, unless the URL leads into an archive.

        Raises UsageError when fsspec, or what it needs for this kind of URL, is missing.
        """
        links = links_of(url)
        label = without_credentials(url)
        if not links[-1].partition("://")[2].strip("/"):
            raise UsageError(f"found {label!r}, expected the URL of a file")
        fsspec = library("fsspec", EXTRA, SourceLocation(label))
        paths = [AFTER_PATH.split(link.partition("://")[2])[0] for link in links]
        path = next((each for each in paths if os.path.splitext(each)[1]), paths[0])
        try:
            files, place = fsspec.url_to_fs(url, **_options(fsspec, url))
        except ImportError as error:
            raise _missing(links, label, error) from None
        except Exception as error:
            raise UsageError(f"cannot be used: {_words(error, url)}", where=SourceLocation(label)) from None
        return cls(url, label, path, files, place)

    def open(self) -> BinaryIO:
        """The file, to be read once from its start; compressed if its name ends in ``.gz``.

        Raises InputError when it cannot be opened.
        """
        try:
            with said(f"waiting for {self.label}"):
                raw = _Stream(self)
        except OSError as error:
            raise InputError(f"cannot be opened: {error}", where=SourceLocation(self.label)) from None
        buffered = io.BufferedReader(raw, BUFFER_BYTES)
        if not self.path.lower().endswith(".gz"):
            return buffered
        from gzip import GzipFile

        unpacked = GzipFile(fileobj=buffered)
        unpacked.myfileobj = buffered  # type: ignore[assignment]  # closed with it
        return cast(BinaryIO, unpacked)

    def check_pattern(self) -> None:
        """Raise UsageError for a URL that is more than a path: what matches would not be a URL of its own."""
        if self.label != self.url or "::" in self.url:
            words = "a pattern cannot have a user, a query or several links"
            raise UsageError(words, where=SourceLocation(self.label))

    def matches(self) -> list[str]:
        """The URLs of the files that match this one, in their order.

        Raises InputError when they cannot be listed.
        """
        where = SourceLocation(self.label)
        try:
            with said(f"waiting for {self.label}"):
                found = sorted(self._files.glob(self._place))
        except Exception as error:
            raise InputError(f"cannot be listed: {_words(error, self.url)}", where=where) from None
        start = self.url.removesuffix(self._place)
        return [f"{start}{path}" for path in found]

    def opened(
        self, described: Mapping[str, Any], *, streaming: bool = False, size: int | None = None
    ) -> Any:
        """fsspec's file; ``streaming`` is for a web server that gives a file only as a whole.

        ``described`` is what the web server has said of it, which its answers are held against.
        """
        more: dict[str, Any] = {"block_size": 0} if streaming else {}
        if described:
            more["trace_request_ctx"] = described
        return self._files.open(self._place, "rb", **more, size=size)

    def described(self) -> dict[str, Any]:
        """What a web server says of the file; nothing for others: their packages notice changes."""
        return dict(self._files.info(self._place)) if "http" in self._files.protocol else {}


class _Stream(io.RawIOBase):
    """A file of fsspec whose errors are OSErrors without credentials."""

    def __init__(self, file: RemoteFile) -> None:
        self._of = file
        self._at = 0
        self._waits = Waits(f"waiting for {file.label}")
        self._described = self._do(file.described)
        size = self._described.get("size") if self._described.get("partial", True) else None
        self._file = self._do(lambda: file.opened(self._described, size=size))
        has_size = getattr(self._file, "size", 0) is not None  # a stream of the web says that it can seek
        self._seekable = has_size and bool(self._file.seekable())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        if not self._seekable:
            raise io.UnsupportedOperation("it can only be read from its start")
        self._at = int(self._do(lambda: self._file.seek(offset, whence)))
        return self._at

    def readinto(self, buffer: Any) -> int:
        with self._waits:
            data = self._do(lambda: self._read(len(buffer)))
        if not data and len(buffer):
            self._check_end()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._waits.close()
            if (file := getattr(self, "_file", None)) is not None:
                with suppress(Exception):  # what was read is read
                    file.close()

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._file.read(size))
        except ValueError as error:
            if _NO_RANGES not in str(error):
                raise
        self._file.close()
        self._file = self._of.opened(self._described, streaming=True)
        self._seekable, left = False, self._at
        while left and (skipped := self._file.read(min(left, BUFFER_BYTES))):
            left -= len(skipped)
        return bytes(self._file.read(size))

    def _check_end(self) -> None:
        """Raise OSError where a web server has said that there is more."""
        size = self._described.get("size") or 0
        if self._at < size:
            raise OSError(f"it ended after {self._at:,} of {size:,} bytes")

    def _do(self, work: Callable[[], Given]) -> Given:
        try:
            return work()
        except Exception as error:
            raise OSError(_words(error, self._of.url)) from None


def _options(fsspec: Any, url: str) -> dict[str, Any]:
    """What file systems of the web get: proxies of the environment, and no limit for the whole transfer."""
    found: dict[str, Any] = {}
    for name in ("http", "https"):
        if f"{name}://" in url:
            from aiohttp import ClientTimeout

            given = fsspec.config.conf.get(name, {}).get("client_kwargs", {})
            timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
            ours = {"trust_env": True, "timeout": timeout, "trace_configs": [_checked_parts()]}
            found[name] = {"client_kwargs": ours | given}
    return found


@cache  # file systems are the same only if it is
def _checked_parts() -> Any:
    """Makes aiohttp refuse an answer that is not the part of a file that was asked for."""
    from aiohttp import TraceConfig

    async def check(_session: Any, context: Any, done: Any) -> None:
        asked = _RANGE.match(done.headers.get("Range", ""))
        if asked is None:
            return
        described = context.trace_request_ctx or {}
        wrong = _wrong(int(asked[1]), int(asked[2]), done.response.status, done.response.headers, described)
        if wrong:
            done.response.close()
            raise ValueError(wrong)

    tracing = TraceConfig()
    tracing.on_request_end.append(check)
    return tracing


def _wrong(
    start: int, end: int, status: int, headers: Mapping[str, str], described: Mapping[str, Any]
) -> str | None:
    """What is wrong with an answer to a request for the bytes from ``start`` to ``end``, if anything is.

    ``described`` is what the server has said of the whole file. fsspec takes any answer for the part.
    """
    if status != PARTIAL_CONTENT:
        is_error = status >= BAD_REQUEST and status != REQUESTED_RANGE_NOT_SATISFIABLE  # fsspec raises it
        return None if is_error else _NO_RANGES if status == OK else _OTHER_PART
    told = _CONTENT_RANGE.match(headers.get("Content-Range", ""))
    first = int(told[1]) if told else 0  # some do not say where a whole file starts
    length = headers.get("Content-Length", "")
    last = first + int(length) - 1 if length.isdecimal() else int(told[2]) if told else end
    total = int(told[3]) if told and told[3] else None
    size = described.get("size") or total
    if total not in (None, size) or _is_other_version(described, headers):
        return _CHANGED
    is_part = first == start and last >= (end if size is None else min(end, size - 1))
    return None if is_part else _OTHER_PART


def _is_other_version(described: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a file of the web has changed, as far as it is told."""
    for name in ("ETag", "Last-Modified"):
        if described.get(name) and headers.get(name):
            return described[name].removeprefix("W/") != headers[name].removeprefix("W/")
    return False


def _missing(links: list[str], label: str, error: ImportError) -> UsageError:
    """The error for a kind of URL whose package is not installed."""
    registry = library("fsspec.registry", EXTRA)
    for link in links:
        scheme = link.partition(":")[0]
        package = registry.known_implementations.get(scheme, {}).get("class", "").partition(".")[0]
        try:
            registry.get_filesystem_class(scheme)
        except ImportError as missing:
            if package == "fsspec":  # it is a module of fsspec that imports what is missing
                package = getattr(missing.__cause__, "name", None) or package
            return UsageError(
                f"{scheme}:// requires {package}, which is not installed",
                where=SourceLocation(label),
                hint=install_command(EXTRA, package),
            )
        except ValueError:
            continue
    return UsageError(f"a package is missing: {_words(error, '')}", where=SourceLocation(label))


def _words(error: BaseException, url: str) -> str:
    """Why something failed, on one line and without credentials."""
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # fsspec takes any failure for a missing file
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        message = str(getattr(error, "message", "")).partition("\n")[0]
        return f"HTTP {status}: {message}".rstrip(": ")
    if type(error).__name__ == "TooManyRedirects":
        return "too many redirects"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    refused = getattr(error, "os_error", error)
    if isinstance(refused, ConnectionError) and refused.errno:
        return os.strerror(refused.errno)  # in place of asyncio's "Connect call failed"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    words = str(words).strip().partition("\n")[0]
    for secret in sorted(_secrets(url), key=len, reverse=True):
        words = words.replace(secret, "...")
    return words


def _secrets(url: str) -> Iterator[str]:
    """What of a URL no message may have."""
    yield url
    for link in links_of(url):
        rest = link.partition("://")[2]
        user = rest.partition("/")[0].rpartition("@")[0]
        _, *after = AFTER_PATH.split(rest)
        parts = [user, *user.split(":"), *after]
        parts += [value.partition("=")[2] for part in after for value in part.split("&")]
        for part in parts:
            yield from (form for form in (part, unquote(part)) if len(form) >= MIN_SECRET_LENGTH)
