"""The supervisor's side of attaching: what containers write is copied to those who are attached.

A reader that is slow holds the container up, as it does in a cluster: while it has no room, the container's
output is not read. One that is gone is forgotten.
"""

from __future__ import annotations

import os
import select
from collections import defaultdict
from collections.abc import Sequence

from expander.local.runtime.log_writer import STDERR, STDOUT, ContainerLog, LogPipes


class Attachments:
    """All copies; ``poll`` is the supervisor's."""

    def __init__(self, poll: select.poll, pipes: LogPipes) -> None:
        self._poll, self._pipes = poll, pipes
        self._copies: dict[ContainerLog, dict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._unsent: dict[int, bytes] = {}
        """What a copy had no room for."""
        self._logs: dict[int, ContainerLog] = {}

    def attach(self, log: ContainerLog | None, streams: Sequence[bytes], files: Sequence[int]) -> None:
        """Copy these streams of a log to these files from now on; None: it has ended."""
        if log is None:
            for file in files:
                os.close(file)
            return
        log.copy = self._copy
        for stream, file in zip(streams, files, strict=True):
            os.set_blocking(file, False)
            self._copies[log][stream].append(file)
            self._logs[file] = log
            self._poll.register(file, 0)

    def _copy(self, log: ContainerLog, stream: bytes, data: bytes) -> None:
        for file in [*self._copies[log][stream]]:
            if file in self._unsent:
                self._unsent[file] += data
            else:
                self._send(file, data)

    def _send(self, file: int, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(file, data) :]
        except BlockingIOError:
            if file not in self._unsent:
                self._poll.modify(file, select.POLLOUT)
                self._pipes.pause(self._logs[file])
            self._unsent[file] = data
            return
        except OSError:
            self._forget(file)
            return
        self._sent(file)

    def _sent(self, file: int) -> None:
        """Nothing waits for this copy any more; read on when that is so for all of the container."""
        if self._unsent.pop(file, None) is None:
            return
        self._poll.modify(file, 0)
        log = self._logs[file]
        if not any(self._logs[each] is log for each in self._unsent):
            self._pipes.resume(log)
        if not log.is_open:
            self._close(file)

    def handle(self, file: int) -> bool:
        """Go on with a copy that has room again, or whose reader is gone; False if ``file`` is none."""
        if file not in self._logs:
            return False
        if file in self._unsent:
            self._send(file, self._unsent[file])
        else:
            self._close(file)
        return True

    def _forget(self, file: int) -> None:
        self._sent(file)
        if file in self._logs:
            self._close(file)

    def _close(self, file: int) -> None:
        log = self._logs.pop(file)
        for copies in self._copies[log].values():
            if file in copies:
                copies.remove(file)
        if not any(self._copies[log].values()):
            del self._copies[log]
            log.copy = None
        self._poll.unregister(file)
        os.close(file)

    def ended(self, log: ContainerLog) -> None:
        """The container has ended and all it wrote was copied: its readers come to an end."""
        for stream in (STDOUT, STDERR):
            for file in [*self._copies.get(log, {}).get(stream, ())]:
                if file not in self._unsent:
                    self._close(file)
