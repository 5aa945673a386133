"""The process that stands between expander and its containers: it starts, signals, reaps and records.

It is alone in its session, so a terminal's Ctrl-C does not reach it. It ends when the pipe of commands
closes, its parent dies or it is told to terminate; first it kills everything it started and sees it
gone. Run as `python -c ... FOLDER-OF-THE-PACKAGE JOURNAL COMMANDS EVENTS PARENT`, see `supervisor`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections import deque
from typing import Any

from expander.local.runtime import families, memory, wire
from expander.local.runtime.cgroups import Cgroups, find, out_of_memory, remove
from expander.local.runtime.children import Child, Family
from expander.local.runtime.journal import Journal
from expander.local.runtime.spawn import UNRUNNABLE, Refused, Spawner, Unrunnable

_ENGINE = 10.0
"""Seconds a container engine gets to kill a container when all must end."""

_STRAGGLERS = 0.02
"""Seconds between two looks at processes that outlive the first of their container."""


class Supervisor:
    """One run: the containers that live, the commands that wait, the events that are not sent yet."""

    def __init__(self, journal: Journal, commands: int, events: int, parent: int) -> None:
        self.journal = journal
        self.commands, self.events, self.parent = commands, events, parent
        self.family = Family()
        self.spawner = Spawner()
        self.waiting: deque[tuple[Any, ...]] = deque()
        self.unpacker = wire.Unpacker()
        self.unsent = b""
        self.ending = False
        self.cgroups: Cgroups | None = None
        self._looked_for_cgroups = False
        self._next_look = 0.0
        self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._bell[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number != signal.SIGHUP or os.getppid() != self.parent

    def run(self) -> None:
        """Serve until there is nobody to serve; then leave nothing behind."""
        poll = select.poll()
        poll.register(self._bell[0], select.POLLIN)
        poll.register(self.commands, select.POLLIN)
        full = False
        while not self.ending:
            if full != bool(self.unsent):
                full = not full
                if full:
                    poll.register(self.events, select.POLLOUT)
                else:
                    poll.unregister(self.events)
            for file, what in poll.poll(self._timeout()):
                if file == self.commands:
                    self._hear(what)
            self._turn()
        self._finish()

    def _turn(self) -> None:
        """Reap what has ended, start what waits, look after what lives, tell what is new."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell[0], 4096)
        self._reap()
        if self.waiting and not self.ending:
            self._obey(self.waiting.popleft())
        if self.family.limited:
            self._watch_memory()
        self._send()

    def _timeout(self) -> int | None:
        if self.waiting:
            return 0
        if self.family.ending:
            return int(_STRAGGLERS * 1000)
        return int(memory.INTERVAL * 1000) if self.family.limited else None

    def _hear(self, what: int) -> None:
        data = os.read(self.commands, 1 << 18) if what & (select.POLLIN | select.POLLHUP) else b""
        if data:
            self.waiting.extend(self.unpacker.feed(data))
        else:
            self.ending = True

    def _obey(self, message: tuple[Any, ...]) -> None:
        what, *rest = message
        if what == wire.LAUNCH:
            self._launch(*rest)
        elif what == wire.SIGNAL:
            key, number, whole = rest
            child = self.family.by_key.get(key)
            if child is not None:
                self._signal(child, number, whole)
        elif what == wire.SETTLED:
            self.journal.settle(rest[0])
        else:
            key, reason = rest
            now = time.time()
            self._tell_end(key, None, None, now, now, error=reason)

    def _launch(
        self,
        key: str,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        log: str,
        user: int | None,
        group: int | None,
        groups: tuple[int, ...],
        limit: int | None,
        cpus: float | None,
        wrappers: int,
        control: tuple[str, ...],
    ) -> None:
        now = time.time()
        file = None
        try:
            if not self.journal.intent(key, log):
                raise Refused("the start cannot be recorded: no space left in the state folder")
            file = self.spawner.open_log(log)
            pid = self.spawner.start(argv, env, cwd, file, user, group, groups)
        except Refused as error:
            self._tell_end(key, None, None, now, time.time(), error=str(error))
            return
        except Unrunnable as error:
            assert file is not None
            with contextlib.suppress(OSError):
                os.write(file, f"{error}\n".encode(errors="surrogateescape"))
            self._tell_end(key, UNRUNNABLE, None, now, time.time())
            return
        finally:
            if file is not None:
                os.close(file)
        child = Child(key, pid, now, log, wrappers, control)
        if limit is not None or cpus is not None:
            self._limit(child, limit, cpus)
        self.family.add(child)
        self.journal.start(key, pid, now)
        self._tell((wire.STARTED, key, pid, now))

    def _limit(self, child: Child, limit: int | None, cpus: float | None) -> None:
        if not self._looked_for_cgroups:
            self._looked_for_cgroups = True
            self.cgroups = find(f"expander-{os.getpid()}")
        if self.cgroups is not None:
            child.cgroup = self.cgroups.limit(str(child.pid), child.pid, limit, cpus)
        child.memory = limit if child.cgroup is None else None

    def _watch_memory(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + memory.INTERVAL
        for child in self.family.limited:
            if not child.oom and memory.family_memory(child.pid) > (child.memory or 0):
                child.oom = True
                self.family.kill(child)

    def _signal(self, child: Child, number: int, whole: bool) -> None:
        if child.control:
            argv = [str(int(number)) if word == "SIGNAL" else word for word in child.control]
            with contextlib.suppress(Refused, Unrunnable):
                self.family.aides.add(self.spawner.start(argv, dict(os.environ), None, None))
        elif number == signal.SIGKILL:
            self.family.kill(child)
        else:
            self.family.signal(child, number, whole)

    def _reap(self) -> None:
        anybody = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            anybody = True
            self.family.reaped(pid, status)
        if anybody:
            self.family.sweep()
        for child in self.family.gone() if anybody or self.family.ending else ():
            if child.cgroup is not None:
                child.oom = child.oom or out_of_memory(child.cgroup)
                remove(child.cgroup)
            code = os.waitstatus_to_exitcode(child.status)
            lost = child.lost and -code == signal.SIGKILL
            number = -code if code < 0 else None
            self._tell_end(
                child.key,
                None if number else code,
                number,
                child.started,
                child.finished,
                oom=child.oom,
                lost=lost,
            )

    def _tell_end(
        self,
        key: str,
        code: int | None,
        number: int | None,
        started: float,
        finished: float,
        oom: bool = False,
        error: str | None = None,
        lost: bool = False,
    ) -> None:
        self.journal.end(key, code, number, started, finished, oom, error, lost)
        self._tell((wire.EXIT, key, code, number, started, finished, oom, error, lost))

    def _tell(self, message: tuple[Any, ...]) -> None:
        self.unsent += wire.pack(message)

    def _send(self) -> None:
        while self.unsent:
            try:
                self.unsent = self.unsent[os.write(self.events, self.unsent) :]
            except BlockingIOError:
                return
            except OSError:
                self.unsent = b""
                self.ending = True

    def _finish(self) -> None:
        """Kill all that was started and everything it started, and wait until none of it is left."""
        for child in self.family.by_key.values():
            child.lost = True
            if child.control:
                self._signal(child, signal.SIGKILL, True)
        patience = time.monotonic() + _ENGINE
        while not self.family.extinct():
            if not self.family.aides or time.monotonic() > patience:
                self.family.kill_all()
            self._reap()
            with contextlib.suppress(OSError):
                self._send()
            select.select([self._bell[0]], [], [], _STRAGGLERS)
            with contextlib.suppress(BlockingIOError):
                os.read(self._bell[0], 4096)
        self._reap()
        self._send()
        if self.cgroups is not None:
            self.cgroups.close()


def _wake(_number: int, _frame: object) -> None:
    """SIGCHLD only has to end the wait."""


def main() -> None:
    """Supervise as the command line says."""
    path, commands, events, parent = sys.argv[2], *map(int, sys.argv[3:6])
    for file in (commands, events):
        os.set_inheritable(file, False)
    os.set_blocking(events, False)
    journal = Journal(path, parent)
    families.adopt_orphans(signal.SIGHUP)
    os.chdir("/")
    supervisor = Supervisor(journal, commands, events, parent)
    if os.getppid() == parent:
        supervisor.run()
