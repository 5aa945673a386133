"""The output of running containers, read from their logs while these grow.

Nothing is kept here but lines without an end: what nobody takes stays in the log files. Jobs are units: the
first unfinished one goes first with ``keep_order``, and what is to be said of a Job comes after its output.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Final, TypeAlias

from expander.local.logs import LogReader
from expander.run.lines import LineSplitter

TURN_BYTES: Final = 256 * 1024
"""Bytes that are taken from one log before the others have their turn."""

HELD_BYTES: Final = 64 << 20
"""Bytes of lines without an end, of all logs together; beyond, lines are broken."""

MAX_OPEN_LOGS: Final = 500
"""Logs that are read at a time; others wait until one of them has ended."""

Unit: TypeAlias = Hashable
"""What is printed together or in order: a Job, or an index of one."""

Write: TypeAlias = Callable[[bytes], None]


class Log:
    """One start of a container: its log at ``path``, whose lines get ``prefix``; ``ended`` when it has.

    ``terminal`` is as for `LineSplitter`.

    ``told_end`` is for who tells of its end, in another thread.
    """

    __slots__ = ("_path", "_reader", "done", "ended", "splitter", "told_end")

    def __init__(self, path: str, prefix: bytes, *, terminal: bool = False) -> None:
        self._path = path
        self._reader: LogReader | None = None
        self.splitter = LineSplitter(prefix, terminal=terminal)
        self.ended = self.told_end = False
        self.done = False
        """Whether nothing more will come."""

    def end(self) -> None:
        """Nothing more will be written."""
        self.ended = True

    def open(self, timestamps: bool) -> LogReader | None:
        """The reader; None while there is no file."""
        if self._reader is None:
            try:
                self._reader = LogReader(self._path, timestamps=timestamps)
            except OSError:  # not written yet, or it was never started, or removed
                self.done = self.ended
        return self._reader

    def close(self) -> None:
        """Give the files back."""
        self.done = True
        if self._reader is not None:
            self._reader.close()


class _Output:
    """What a unit has to print: its logs, and then what is said of it."""

    __slots__ = ("logs", "over", "then")

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.over = False
        self.then: list[Callable[[], None]] = []


class LiveLogs:
    """The logs of a run; one thread uses it.

    ``keep_order``: units in the order in which they were expected. ``grouped``: a log's output together, when
    its container has ended. ``timestamps``: each line with its time.
    """

    def __init__(self, *, keep_order: bool = False, grouped: bool = False, timestamps: bool = False) -> None:
        self._keep_order = keep_order
        self._grouped = grouped
        self._timestamps = timestamps
        self._units: dict[Unit, _Output] = {}
        self._order: OrderedDict[Unit, None] = OrderedDict()
        self._held = 0

    def __bool__(self) -> bool:
        """Whether there is a unit that has not been printed to its end."""
        return bool(self._units)

    def expect(self, unit: Unit) -> None:
        """A unit comes next in the order."""
        if self._keep_order:
            self._order[unit] = None

    def begin(self, unit: Unit, log: Log) -> None:
        """A container has started."""
        self._output(unit).logs.append(log)

    def over(self, unit: Unit, then: Callable[[], None] | None = None) -> None:
        """A unit has ended: no log of it begins any more. ``then`` is called when all is printed."""
        if self._keep_order and unit not in self._order:  # it has been printed
            if then is not None:
                then()
            return
        output = self._output(unit)
        output.over = True
        if then is not None:
            output.then.append(then)

    def all_over(self) -> None:
        """The run has ended, and with it every container."""
        for unit in self._order:
            self._output(unit)
        for output in self._units.values():
            output.over = True
            for log in output.logs:
                log.ended = True

    def turn(self, write: Write) -> bool:
        """Hand on what there is now, a piece of each log; whether there may be more already."""
        more = False
        for unit in self._in_turn():
            output = self._units[unit]
            for log in list(output.logs):
                if log.ended or not self._grouped:
                    more = self._take(log, write) or more
            output.logs = [log for log in output.logs if not log.done]
            if output.over and not output.logs:
                del self._units[unit]
                self._order.pop(unit, None)
                for told in output.then:
                    told()
                more = more or self._keep_order
        return more

    def close(self) -> None:
        """Give up what was not printed."""
        for output in self._units.values():
            for log in output.logs:
                log.close()

    def _output(self, unit: Unit) -> _Output:
        found = self._units.get(unit)
        if found is None:
            found = self._units[unit] = _Output()
            if self._keep_order:
                self._order.setdefault(unit)
        return found

    def _in_turn(self) -> list[Unit]:
        """The units that may print now."""
        if not self._keep_order:
            return list(islice(self._units, MAX_OPEN_LOGS))
        first = next(iter(self._order), None)
        return [first] if first in self._units else []

    def _take(self, log: Log, write: Write) -> bool:
        """Hand on what a log has now; False when it has no more, for now or for good."""
        reader = log.open(self._timestamps)
        if reader is None:
            return False
        held, taken = log.splitter.held, 0
        while data := reader.read():
            if lines := log.splitter.lines(data):
                write(lines)
            taken += len(data)
            if taken >= TURN_BYTES and not self._grouped:
                break
        if not data and log.ended:
            if rest := log.splitter.lines(reader.finish()) + log.splitter.end():
                write(rest)
            log.close()
        self._held += log.splitter.held - held
        if self._held > HELD_BYTES:
            self._held -= log.splitter.held
            write(log.splitter.end())
        return bool(data)
