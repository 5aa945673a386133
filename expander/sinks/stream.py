"""A stream of bytes such as standard output, and the errors of writing in words for a user."""

from __future__ import annotations

import errno
import os
import select
from typing import BinaryIO

from expander.base.errors import ClosedPipe, ExpanderError, OutputError

_HINTS = {
    errno.ENOSPC: "free some space and rerun the command: what was written is kept",
    errno.EDQUOT: "your disk quota is exhausted; free some space and rerun the command",
    errno.EROFS: "the file system is mounted read-only; write somewhere else",
    errno.EACCES: "permission denied; check the owner and mode of the folder, or write somewhere else",
    errno.EPERM: "permission denied; check the owner and mode of the folder, or write somewhere else",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.EEXIST: "part of the path is a file, not a folder",
    errno.ELOOP: "it is a symbolic link, which is never followed; remove it",
    errno.EFBIG: "a limit on the size of files is set; see 'ulimit -f'",
    errno.ENOLCK: "the file system does not support locks; write somewhere else",
    errno.ENOSYS: "the file system does not support locks; write somewhere else",
}


def output_error(action: str, what: str, error: OSError) -> OutputError:
    """``cannot ACTION WHAT: reason``, with a hint where one is known; ``error`` is its cause."""
    reason = error.strerror or str(error)
    failure = OutputError(f"cannot {action} {what}: {reason}", hint=_HINTS.get(error.errno or 0))
    failure.__cause__ = error
    return failure


class StreamSink:
    """Writes to ``stream``, which the caller opened.

    All methods raise ClosedPipe when the reader is gone and OutputError when the system refuses. After
    that the stream's descriptor leads nowhere, so that flushing what is left in its buffer, as Python does
    with standard output at exit, cannot fail again.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        name = getattr(stream, "name", None)
        self._name = "standard output" if name in ("<stdout>", 1) else str(name or "the output")
        self._at_once = stream.isatty()

    def write(self, data: bytes | list[bytes]) -> None:
        """Write all of ``data``. A terminal sees it at once, anything else when the buffer is full."""
        rest = memoryview(b"".join(data) if isinstance(data, list) else data)
        try:
            while rest:
                rest = rest[self._write(rest) :]
        except OSError as error:
            raise self._failed(error) from error
        if self._at_once:
            self.flush()

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        try:
            while True:
                try:
                    return self._stream.flush()
                except BlockingIOError:
                    self._wait()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Flush, and close the stream."""
        self.flush()
        try:
            self._stream.close()
        except OSError as error:
            raise self._failed(error) from error

    def _write(self, data: memoryview) -> int:
        """Write some; how much. A pipe may be non-blocking when another program set it so."""
        try:
            written: int | None = self._stream.write(data)
        except BlockingIOError as error:
            written = error.characters_written
            self._wait()
        if written is None:
            self._wait()
        return written or 0

    def _wait(self) -> None:
        select.select([], [self._stream], [])

    def _failed(self, error: OSError) -> ExpanderError:
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, self._stream.fileno(), inheritable=self._stream.fileno() <= 2)
            os.close(nowhere)
        except (OSError, ValueError):
            pass
        if isinstance(error, BrokenPipeError):
            return ClosedPipe(f"the reader of {self._name} went away")
        return output_error("write to", self._name, error)
