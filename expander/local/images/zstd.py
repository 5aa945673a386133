"""Data compressed with zstd, unpacked by the program of that name: Python has it from 3.14 on only."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from expander.local.images.archive import ArchiveError

PROGRAM: Final = "zstd"
_WAY_OUT: Final = (
    f"install the program {PROGRAM}, or save the image with gzip, as docker and podman do by default"
)


class ZstdStream:
    """The unpacked data of a stream that begins with ``first`` and goes on with what ``more`` gives, nothing
    at its end. Raises ArchiveError when there is no such program.
    """

    def __init__(self, first: bytes, more: Callable[[], bytes]) -> None:
        try:
            self._process = subprocess.Popen(
                [PROGRAM, "-d", "-c", "-q"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            words = f"it is compressed with zstd, which cannot be read here ({_WAY_OUT})"
            raise ArchiveError(words) from error
        self._error: ArchiveError | None = None
        self._feeder = threading.Thread(target=self._feed, args=(first, more))
        self._feeder.start()

    def read(self, most: int) -> bytes:
        """At least one byte and at most ``most``; nothing at the end. Raises ArchiveError."""
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        data: bytes = process.stdout.read1(most)  # type: ignore[attr-defined]
        if not data:
            words = process.stderr.read().decode(errors="replace").strip()
            self._feeder.join()
            if self._error is not None:
                raise self._error
            if process.wait():
                why = words.partition("\n")[0].rpartition(": ")[2].strip()
                raise ArchiveError(f"it is damaged: {why or 'zstd failed'}")
        return data

    def close(self) -> None:
        """End the program, wherever it is."""
        self._process.kill()
        self._feeder.join()
        with self._process:
            pass

    def _feed(self, data: bytes, more: Callable[[], bytes]) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):  # it has ended
            try:
                while data:
                    stdin.write(data)
                    data = more()
            except ArchiveError as error:
                self._error = error
            finally:
                stdin.close()
