"""Writes what containers print, as a kubelet's logs have it: a record per line with time and stream.

The format is CRI's, ``2026-11-29T10:47:40.123456789Z stdout F text``; as containerd does it, a line of more
than 16 KiB comes in parts (``P``), and so does a last line without an end. stdout and stderr are pipes:
whoever opens /dev/stdout by name appends to the log. What is not written yet is never more than a part of a
line. A log that has grown too large becomes ``<log>.1`` and a new one goes on in its place. What a full disk
has no room for is counted, and a line in the log says how much it was.

The file comes with the first record, after `SILENT_SECONDS`, or with a failure: a container that succeeds at
once and says nothing leaves none.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable

PART_BYTES = 16 * 1024
"""The longest text of a record; containerd's max_container_log_line_size."""

MAX_LOG_BYTES = 256 * 1024 * 1024
"""The size at which a log is rotated; so the last 256 to 512 MiB of a container's output are kept."""

READ_BYTES = 64 * 1024
"""Bytes that are read from a pipe at a time; the size of a pipe."""

ROTATED_SUFFIX = ".1"
"""What the name of a log gets that was rotated."""

SILENT_SECONDS = 0.1
"""Seconds after which the log of a container that runs is there, whatever it has written: who has only the
files to look at sees by it that the container runs."""

STDOUT, STDERR = b"stdout", b"stderr"

_second, _second_text = 0, ""


def _now() -> bytes:
    """The time as records have it."""
    global _second, _second_text
    second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    if second != _second:
        _second, _second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{_second_text}.{nanoseconds:09d}Z".encode()


class ContainerLog:
    """The log of one start of a container."""

    __slots__ = (
        "_ended",
        "_file",
        "_lost",
        "_parts",
        "_path",
        "_size",
        "_torn",
        "copy",
        "pipes",
        "unwritten",
    )

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1
        self._ended = False
        self._size = self._lost = 0
        self.unwritten = 0
        """Bytes of all that could not be written."""
        self._torn = False
        self._parts = {STDOUT: b"", STDERR: b""}
        self.pipes: dict[int, bytes] = {}
        """The reading ends that are open, with the stream that comes from each."""
        self.copy: Callable[[ContainerLog, bytes, bytes], None] | None = None
        """Gets all that a stream writes as well, while somebody is attached."""

    @property
    def path(self) -> str:
        """Its file."""
        return self._path

    @property
    def is_open(self) -> bool:
        """Whether the container has not ended."""
        return not self._ended

    @property
    def is_silent(self) -> bool:
        """Whether the container has neither ended nor got a file yet."""
        return self._file < 0 and not self._ended

    def open(self) -> None:
        """Have the file there. Raises OSError or ValueError when it cannot be opened."""
        if self._file < 0:
            self._file = self._open()
            self._size = os.fstat(self._file).st_size

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def open_pipes(self, owner: int | None) -> tuple[int, int]:
        """New pipes for stdout and stderr, the writing ends; ``owner`` may open them by name."""
        ends = []
        for stream in (STDOUT, STDERR):
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            if owner is not None:
                with contextlib.suppress(OSError, OverflowError):  # the start itself says what is wrong
                    os.fchown(writer, owner, -1)
            self.pipes[reader] = stream
            ends.append(writer)
        return ends[0], ends[1]

    def open_terminal(self, master: int, terminal: int) -> tuple[int, int]:
        """Take what a terminal shows for stdout; both writing ends are the terminal."""
        reader = os.dup(master)
        os.set_blocking(reader, False)
        self.pipes[reader] = STDOUT
        return os.dup(terminal), os.dup(terminal)

    def read(self, reader: int) -> bool:
        """Read what a pipe has now, at most `READ_BYTES`; False when nothing more will come."""
        try:
            data = os.read(reader, READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self._take(self.pipes[reader], data)
        return bool(data)

    def _take(self, stream: bytes, data: bytes) -> None:
        self.write(stream, data)
        if self.copy is not None:
            self.copy(self, stream, data)

    def drain(self) -> None:
        """Read what the pipes still hold, and complete the log: the container has ended."""
        for reader, stream in self.pipes.items():
            try:
                while data := os.read(reader, READ_BYTES):
                    self._take(stream, data)
            except OSError:
                pass
        self._finish()

    def close(self) -> None:
        """Close the log and its pipes."""
        for reader in self.pipes:
            os.close(reader)
        self.pipes.clear()
        self._ended = True
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def write(self, stream: bytes, data: bytes) -> None:
        """Append what came from a stream."""
        data = self._parts[stream] + data
        end = data.rfind(b"\n") + 1
        rest, head = data[end:], b"%b %b " % (_now(), stream)
        records: list[bytes] = []
        if not _has_long_line(data):
            if end:
                begin = head + b"F "
                records.append(begin + data[: end - 1].replace(b"\n", b"\n" + begin) + b"\n")
        else:
            for line in data.split(b"\n")[:-1]:
                line = _cut(records, head, line, 1)
                records.append(b"%bF %b\n" % (head, line))
        if len(data) > PART_BYTES:
            rest = _cut(records, head, rest, 0)
        self._parts[stream] = rest
        if records:
            self._append(b"".join(records))

    def _finish(self) -> None:
        """Write the lines that were not ended."""
        for stream, rest in self._parts.items():
            if rest:
                self._append(b"%b %b P %b\n" % (_now(), stream, rest))
                self._parts[stream] = b""
        if self._lost:
            self._append(b"")
        if self._lost:
            self._mark_in_place()

    def _append(self, data: bytes) -> None:
        """Write records; what the disk has no room for is counted, and said once it has some again."""
        count = len(data)
        try:
            self.open()
        except OSError:
            self._lose(count)
            return
        if self._size + count > MAX_LOG_BYTES:
            self._rotate()
        if self._lost:
            data = self._mark() + data
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:] if written else data)
        except OSError:
            self._lose(min(count, len(data) - written))
            self._torn = written > 0 or self._torn
        else:
            self._lost, self._torn = 0, False
        self._size += written

    def _lose(self, count: int) -> None:
        self._lost += count
        self.unwritten += count

    def _mark(self) -> bytes:
        """The record that says how much was lost here."""
        words = f"[expander: {self._lost} bytes of log could not be written]"
        return b"%b %b F %b\n" % (_now(), STDERR, words.encode())

    def _mark_in_place(self) -> None:
        """Put the mark over the last records: the container has ended, and the disk is still full."""
        with contextlib.suppress(OSError), open(self._path, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(0, size - 2 * PART_BYTES)
            file.seek(begin)
            tail = file.read(2 * PART_BYTES)
            start = begin + tail.rfind(b"\n", 0, max(0, len(tail) - 2 * len(self._mark()))) + 1
            self._lose(size - start)
            mark = self._mark()
            file.seek(start)
            file.write(mark)
            file.truncate(start + len(mark))

    def _rotate(self) -> None:
        """Go on in a new file; the one before is kept, the one before that is gone."""
        rotated = self._path + ROTATED_SUFFIX
        drops = os.path.exists(rotated)
        try:
            os.replace(self._path, rotated)
            file = self._open()
        except OSError:
            return
        os.close(self._file)
        self._file, self._size, self._torn = file, 0, False
        if drops:
            words = (
                f"[expander: output before this was dropped: a log keeps the last {MAX_LOG_BYTES >> 20} MiB]"
            )
            self._append(b"%b %b F %b\n" % (_now(), STDERR, words.encode()))


def _has_long_line(data: bytes) -> bool:
    """Whether a line is longer than a record may be."""
    at = 0
    while len(data) - at > PART_BYTES:
        at = data.rfind(b"\n", at, at + PART_BYTES + 1) + 1
        if not at:
            return True
    return False


def _cut(records: list[bytes], head: bytes, line: bytes, keep: int) -> bytes:
    """Take parts off a line that is too long, and give what is left of it: ``keep`` bytes or more."""
    at = 0
    while len(line) - at >= PART_BYTES + keep:
        records.append(b"%bP %b\n" % (head, line[at : at + PART_BYTES]))
        at += PART_BYTES
    return line[at:]


class LogPipes:
    """The pipes of all containers, waited for with ``poll``."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._logs: dict[int, ContainerLog] = {}
        self._paused: set[ContainerLog] = set()
        self._silent: deque[tuple[float, ContainerLog]] = deque()

    def watch(self, log: ContainerLog) -> None:
        """Read the pipes of a log from now on."""
        for reader in log.pipes:
            self._poll.register(reader, select.POLLIN)
            self._logs[reader] = log
        self._silent.append((time.monotonic() + SILENT_SECONDS, log))

    def open_silent(self) -> float | None:
        """Open the logs of containers that have been silent for long; the seconds until the next, if any."""
        while self._silent:
            at, log = self._silent[0]
            if log.is_silent and (left := at - time.monotonic()) > 0:
                return left
            self._silent.popleft()
            if log.is_silent:
                with contextlib.suppress(OSError):
                    log.open()
        return None

    def pause(self, log: ContainerLog) -> None:
        """Leave what the container writes in its pipes, which holds it up when they are full."""
        if log not in self._paused:
            self._paused.add(log)
            for reader in log.pipes:
                self._poll.unregister(reader)

    def resume(self, log: ContainerLog) -> None:
        """Read on."""
        if log in self._paused:
            self._paused.remove(log)
            for reader in log.pipes:
                self._poll.register(reader, select.POLLIN)

    def read(self, reader: int) -> None:
        """A pipe is readable; nothing happens when it is none of these."""
        log = self._logs.get(reader)
        if log is None or log in self._paused or log.read(reader):
            return
        self._forget(reader, log)
        del log.pipes[reader]
        os.close(reader)

    def close(self, log: ContainerLog) -> None:
        """The container has ended: complete its log."""
        log.drain()
        for reader in log.pipes:
            self._forget(reader, log)
        self._paused.discard(log)
        log.close()

    def _forget(self, reader: int, log: ContainerLog) -> None:
        if log not in self._paused:
            self._poll.unregister(reader)
        del self._logs[reader]
