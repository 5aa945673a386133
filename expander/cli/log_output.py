"""Writes logs to standard output: blocks of whole lines, in front of each whose line it is."""

from __future__ import annotations

import os
import sys
import zlib
from typing import Final

from expander.cli.messages import printable, show_error

_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_LONGEST: Final = 60
"""Characters of a prefix."""
_END: Final = 20
"""So many of them are the end of a title that is longer."""


class LogOutput:
    """Standard output for logs. ``failures`` counts the logs that could not be read."""

    def __init__(self) -> None:
        from expander.sinks.stream import StreamSink

        self._sink = StreamSink(sys.stdout.buffer)
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.failures = 0

    def prefix(self, title: str) -> bytes:
        """What stands before the lines of a log."""
        text = printable(title).replace("\n", "\\n")
        if len(text) > _LONGEST:  # the end tells indexes, attempts and containers apart
            text = f"{text[: _LONGEST - _END - 3]}...{text[-_END:]}"
        text = f"[{text}]"
        if self._coloured:
            name = title.split(" #")[0].encode("utf-8", "replace")
            text = f"\x1b[{_COLOURS[zlib.crc32(name) % len(_COLOURS)]}m{text}\x1b[0m"
        return f"{text} ".encode("utf-8", "backslashreplace")

    def put(self, said: object) -> None:
        """Print a block; an error goes to standard error."""
        if isinstance(said, bytes):
            self._sink.write(said)
        else:
            self.flush()
            self.failures += 1
            show_error(said)  # type: ignore[arg-type]

    def flush(self) -> None:
        """Let the reader see what there is."""
        self._sink.flush()
