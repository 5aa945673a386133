"""The log of an item as the page shows it: text without escape sequences, followed to its end."""

from __future__ import annotations

import asyncio
import codecs
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import CancelledError, TimeoutError
from typing import TYPE_CHECKING, Final

from expander.base.errors import ExpanderError
from expander.base.regex import regex
from expander.group.logs import failed_container
from expander.group.report_data import plain_text
from expander.group.source import LogOptions

if TYPE_CHECKING:
    from expander.group.open import AnySource
    from expander.kube.objects import Object

TAIL_LINES: Final = 1000
"""Lines of a log that are shown from before it was opened."""

MAX_LOGS: Final = 128
"""Logs that may be open at once; in a cluster one that was left is open until its next line."""

PIECES_AHEAD: Final = 16
"""Pieces that are read before the page has taken them."""

_CUT: Final = regex(r"(?:\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,512}\x1b?)?|\r)\Z")
"""The beginning of an escape sequence, or of a line end, that the next piece may end."""

_Piece = str | ExpanderError | None


class LogStreams:
    """Opens logs. A thread reads each; it ends with the log or, once nobody reads, at the next piece."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(MAX_LOGS)

    async def follow(self, source: AnySource, pod: Object) -> AsyncIterator[str]:
        """The text of the log of ``pod`` as it is written.

        Raises ExpanderError when it cannot be read, or too many are open.
        """
        if not self._free.acquire(blocking=False):
            raise ExpanderError(f"{MAX_LOGS} logs are open already: close one, or wait until it ends")
        loop, gone = asyncio.get_running_loop(), threading.Event()
        pieces: asyncio.Queue[_Piece] = asyncio.Queue(PIECES_AHEAD)

        def put(piece: _Piece) -> bool:
            """Pass a piece on; False when nobody reads."""
            try:
                waiting = asyncio.run_coroutine_threadsafe(pieces.put(piece), loop)
            except RuntimeError:  # the loop is closed
                return False
            while not gone.is_set():
                try:
                    waiting.result(timeout=1.0)
                    return True
                except TimeoutError:
                    continue
                except CancelledError:
                    break
            waiting.cancel()
            return False

        def read() -> None:
            try:
                options = LogOptions(follow=True, tail=TAIL_LINES)
                for text in log_texts(source.log(pod, failed_container(pod), options)):
                    if gone.is_set() or (text and not put(text)):
                        return
                put(None)
            except ExpanderError as error:
                put(error)
            finally:
                self._free.release()

        threading.Thread(target=read, daemon=True).start()
        try:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, ExpanderError):
                    raise piece
                yield piece
        finally:
            gone.set()


def log_texts(pieces: Iterable[bytes]) -> Iterator[str]:
    """The pieces of a log as text that a page may show; some are empty."""
    decoder, left = codecs.getincrementaldecoder("utf-8")("replace"), ""
    for piece in pieces:
        text = left + decoder.decode(piece)
        cut = _CUT.search(text)
        left = "" if cut is None else cut[0]
        yield plain_text(text[: len(text) - len(left)])
    if rest := plain_text(left + decoder.decode(b"", final=True)):
        yield rest
