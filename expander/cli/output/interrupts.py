"""What a command does when it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable

from expander.base.child_processes import end_first
from expander.base.interruption import after_imports


def end_now() -> None:
    """End the command: what a second signal does unless there is something better."""
    raise KeyboardInterrupt


class Interrupts:
    """Within it the first SIGINT, SIGTERM or SIGHUP calls ``first`` with its number, others ``again``.

    The first also ends plugins for credentials, which may hang.
    """

    def __init__(self, first: Callable[[int], None], again: Callable[[], None] = end_now) -> None:
        self._first = first
        self._again = again
        self.seen = False

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        if (hangup := signal.getsignal(signal.SIGHUP)) is not signal.SIG_IGN:  # as it is under nohup
            self._before[signal.SIGHUP] = hangup
        handler = after_imports(self._on_signal)
        for number in self._before:
            signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: object) -> None:
        if self.seen:
            self._again()
        else:
            self.seen = True
            end_first()
            self._first(number)
