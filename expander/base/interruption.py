"""Signals wait until the modules that load are there.

An exception that a signal raises inside the import system leaves a module half made and its lock taken, for
which other threads then wait for ever; inside a callback of the import system it is lost. So a handler is
called when the import is done. Nothing here loads more than the interpreter has: this is up before all else.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]
else:
    import _signal as signal

__all__ = ["after_imports", "signal"]

_waiting: list[tuple[Handler, int]] = []
"""The handlers to be called when the import is done, each with its signal."""


def after_imports(handler: Handler) -> Callable[[int, FrameType | None], None]:
    """The signal handler that calls ``handler``, once what the main thread imports is there.

    An import that is under way now is not waited for. Under a debugger nothing waits.
    """
    outer = len(_imports(sys._getframe()))

    def on_signal(number: int, frame: FrameType | None) -> None:
        imports = _imports(frame)
        caller = imports[-1 - outer].f_back if len(imports) > outer else None
        if caller is None or sys.gettrace() not in (None, _trace_nothing):
            handler(number, frame)
        else:
            _waiting.append((handler, number))
            caller.f_trace = _call_handlers
            sys.settrace(_trace_nothing)

    return on_signal


def _imports(frame: FrameType | None) -> list[FrameType]:
    """The frames of the import system below ``frame``, the innermost first."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            found.append(frame)
        frame = frame.f_back
    return found


def _trace_nothing(frame: FrameType, event: str, _: object) -> None:
    """Tracing is on for the one frame that has a tracer: calls need none."""


def _call_handlers(frame: FrameType, event: str, _: object) -> None:
    """The frame that imports goes on, returns or fails."""
    frame.f_trace = None
    sys.settrace(None)
    waiting = [*_waiting]
    _waiting.clear()
    for handler, number in waiting:
        handler(number, frame)
