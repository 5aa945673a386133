"""The process between expander and its containers: it starts, signals, reaps and records them.

It is alone in its session, so a terminal's Ctrl-C does not reach it. It ends when the pipe of commands
closes, its parent dies or it is told to terminate; first it kills everything it started and sees it
gone. `supervisor_start` runs it as `python -c ... FOLDER-OF-THE-PACKAGE COMMANDS EVENTS PARENT STATE-FOLDER`;
when its client knows them, the names of its journal and of its error log come by standard input.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import math
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable

from expander.local.runtime import process_tree, wire
from expander.local.runtime.container_processes import EXEC_FAILED, ContainerProcess, ContainerProcesses
from expander.local.runtime.event_writer import EventWriter
from expander.local.runtime.journal import Journal, removal
from expander.local.runtime.limits import MEMORY_CHECK_SECONDS, Limits
from expander.local.runtime.log_writer import STDERR, LogPipes
from expander.local.runtime.spawn import ExecFailed, Spawner, StartRefused

TYPE_CHECKING = False  # `typing` would be a third of what this process loads
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from expander.local.runtime.attach import Attachments


class SignalPipe:
    """Rings when a child has ended or this process is told to end; ``ending`` says the latter.

    SIGHUP comes when the thread that started this process ends: it counts only if ``parent`` is gone with it.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self.ending = False
        self._ear, mouth = os.pipe()
        for end in (self._ear, mouth):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number != signal.SIGHUP or os.getppid() != self._parent

    def fileno(self) -> int:
        """Readable when it has rung since the last `quiet`."""
        return self._ear

    def quiet(self) -> None:
        """It was heard."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 4096)

    def wait(self, seconds: float) -> None:
        """Wait until it rings, but not longer than this."""
        select.select([self._ear], [], [], seconds)
        self.quiet()


def _ignore(_number: int, _frame: object) -> None:
    """SIGCHLD only has to end the wait."""


def _engine_error(child: ContainerProcess, code: int) -> str | None:
    """Why a container engine could not start a container, if that is what its exit code means."""
    from expander.local.runtime.engine import start_error

    return start_error(child.log.path, code)


_UNTIL_HEARD = 'for wait in 0 0.1 0.2 0.4 0.6; do sleep $wait; "$@" && exit; done; exit 1'
"""A container that an engine still makes hears no signal, nor one that has ended."""

_ENGINE_KILL_SECONDS = 10.0
"""Seconds a container engine gets to kill a container when all must end."""

COLLECT_AFTER = 50_000
"""Objects after which the interpreter looks for cycles: there are hardly any."""

COMMANDS_AT_A_TIME = 4
"""So many of the commands that wait are obeyed between two looks at what lives."""

COMMANDS_PER_REPORT = 8
"""So many of the commands that wait are obeyed before anything is told: who listens wakes up once."""

_REAP_SECONDS = 0.02
"""Seconds between two looks at processes that outlive the first of their container."""


class SupervisorProcess:
    """One run: the commands that wait, and the containers that live."""

    def __init__(self, report: EventWriter, commands: int, events: int, parent: int, mark: int) -> None:
        self.report = report
        self.commands, self.events = commands, events
        self._channel = _socket.socket(fileno=commands)
        self._files: deque[int] = deque()
        """What came with the commands that wait, in order."""
        self._attachments: Attachments | None = None
        self.family = ContainerProcesses(mark)
        self.limits = Limits()
        self.spawner = Spawner()
        self.waiting: deque[tuple[Any, ...]] = deque()
        self.unpacker = wire.Unpacker()
        self.ending = False
        self._poll = select.poll()
        self.pipes = LogPipes(self._poll)
        self.bell = SignalPipe(parent)

    def run(self) -> None:
        """Serve until there is nobody to serve; then leave nothing behind."""
        poll = self._poll
        ear = self.bell.fileno()
        poll.register(ear, select.POLLIN)
        poll.register(self.commands, select.POLLIN)
        waits_for_room = False
        while not self.ending:
            if waits_for_room != self.report.waits_for_room:
                waits_for_room = self.report.waits_for_room
                if waits_for_room:
                    poll.register(self.events, select.POLLOUT)
                else:
                    poll.unregister(self.events)
            rung = False
            for file, _ in poll.poll(self._patience()):
                if file == self.commands:
                    self._hear()
                elif file == ear:
                    rung = True
                elif self._attachments is None or not self._attachments.handle(file):
                    self.pipes.read(file)
            self._step(rung)
        self._finish()

    def _patience(self) -> int | None:
        """How many milliseconds to wait for something to happen."""
        if self.waiting:
            return 0
        seconds = [] if (left := self.pipes.open_silent()) is None else [left]
        if self.family.ending:
            seconds.append(_REAP_SECONDS)
        if self.family.limited:
            seconds.append(MEMORY_CHECK_SECONDS)
        return math.ceil(min(seconds) * 1000) if seconds else None

    def _hear(self) -> None:
        data, files = wire.receive(self._channel)
        self._files += files
        if data:
            self.waiting.extend(self.unpacker.feed(data))
        else:
            self.ending = True

    def _step(self, rung: bool) -> None:
        """Reap what has ended if the bell has ``rung``, obey some commands, look after what lives, tell what
        is new."""
        if rung:
            self.bell.quiet()
        if rung or self.family.ending:
            self._reap()
        for _ in range(0 if self.ending else min(len(self.waiting), COMMANDS_AT_A_TIME)):
            what, *rest = self.waiting.popleft()
            self._commands[what](self, *rest)
        if self.family.limited:
            self.limits.watch(self.family)
        if len(self.waiting) % COMMANDS_PER_REPORT == 0 or self.ending:
            self.report.send()
        self.ending = self.ending or self.report.deaf or self.bell.ending

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
        memory: int | None,
        cpus: float | None,
        wrappers: int,
        control: tuple[str, ...],
        limited: bool,
        data: dict[int, str],
        stdio_owner: int | None,
        inside: str | None,
        stdin: bool,
        tty: bool,
        takes_terminal: bool,
        program: str,
        note: str,
    ) -> None:
        now, log_file = time.time(), None
        given = self._take_files(2 if tty else 1) if tty or stdin else ()
        streams = [*given]
        try:
            target = self._target(inside)
            if not self.report.journal.intent(key, now, control, note):
                raise StartRefused("the start cannot be recorded: no space left in the state folder")
            log_file = self.spawner.open_log(log)
            output = log_file.open_terminal(*given) if tty else log_file.open_pipes(stdio_owner)
            streams += output
            source, terminal = given[-1] if given else None, tty and not takes_terminal
            mark = self.family.next_mark()
            pid = self.spawner.start(
                argv, env, cwd, output, user, group, groups, data, mark, source, terminal, target
            )
        except StartRefused as error:
            if log_file is not None:
                log_file.close()
            self.report.ended(key, None, None, now, time.time(), error=str(error))
            return
        except ExecFailed as error:
            assert log_file is not None
            log_file.write(STDERR, f"{error.said_of(program)}\n".encode(errors="surrogateescape"))
            log_file.close()
            self.report.ended(key, EXEC_FAILED, None, now, time.time())
            return
        finally:
            for stream in streams:
                os.close(stream)
        child = ContainerProcess(key, pid, mark, now, wrappers, control, limited, log_file)
        self.pipes.watch(log_file)
        if memory is not None or cpus is not None:
            self.limits.apply(child, memory, cpus)
        self.family.add(child)
        self.report.journal.started(key, pid, wrappers)
        self.report.started(key, pid, now)

    def _target(self, key: str | None) -> ContainerProcess | None:
        """The running container that a command is to enter. Raises `StartRefused`."""
        found = None if key is None else self.family.by_key.get(key)
        if key is not None and found is None:
            raise StartRefused("container not running")
        return found

    def _take_files(self, count: int) -> tuple[int, ...]:
        """The files that came with a command."""
        return tuple(self._files.popleft() for _ in range(count))

    def _exec(self, key: str, *how: Any) -> None:
        from expander.local.runtime import exec_process

        exec_process.start(self.family, self.spawner, self.report, self._take_files(3), key, *how)

    def _attach(self, key: str, number: int, streams: list[bytes]) -> None:
        if self._attachments is None:
            from expander.local.runtime.attach import Attachments

            self._attachments = Attachments(self._poll, self.pipes)
        child = self.family.by_key.get(key)
        log = None if child is None else child.log
        self._attachments.attach(log, streams, self._take_files(len(streams)))
        self.report.attached(number)

    def _refuse(self, key: str, reason: str) -> None:
        now = time.time()
        self.report.ended(key, None, None, now, now, error=reason)

    def _signal(self, key: str, number: int, whole: bool) -> None:
        child = self.family.by_key.get(key)
        if child is None:
            return
        if child.control:
            child.killed = child.killed or number == signal.SIGKILL
            words = [str(number) if word == "SIGNAL" else word for word in child.control]
            argv = ["sh", "-c", _UNTIL_HEARD, "sh", *words]
            if self._start_aide(child, argv, number):
                return
        self.family.signal(child, number, whole)

    def _start_aide(self, child: ContainerProcess, argv: list[str], number: int) -> bool:
        """Have the engine bring a signal to its container; whether it could be asked."""
        with contextlib.suppress(StartRefused, ExecFailed):
            aide = self.spawner.start(argv, dict(os.environ), None, None, mark=self.family.mark)
            self.family.aides[aide] = (child, number)
            return True
        return False

    def _settle(self, keys: list[str]) -> None:
        self.report.journal.settle(keys)

    def _abandon(self) -> None:
        for child in self.family.by_key.values():
            child.abandoned = True

    _commands: ClassVar[dict[str, Callable[..., None]]] = {
        wire.LAUNCH: _launch,
        wire.REFUSE: _refuse,
        wire.SIGNAL: _signal,
        wire.SETTLED: _settle,
        wire.ABANDON: _abandon,
        wire.EXEC: _exec,
        wire.ATTACH: _attach,
    }

    def _reap(self) -> None:
        anybody = False
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                anybody = True
                self.family.reaped(pid, status)
        if anybody:
            self.family.sweep()
        if anybody or self.family.ending:
            for child in self.family.gone():
                self._ended(child)

    def _ended(self, child: ContainerProcess) -> None:
        self.limits.release(child)
        if child.status:
            with contextlib.suppress(OSError):
                child.log.open()
        self.pipes.close(child.log)
        if self._attachments is not None:
            self._attachments.ended(child.log)
        code = os.waitstatus_to_exitcode(child.status)
        killed = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        oom = child.oom or (child.limited and killed and not child.killed)
        number = -code if code < 0 else None
        ended = code if number is None else None
        error = _engine_error(child, code) if child.control else None
        self.report.ended(
            child.key,
            ended if error is None else None,
            number,
            child.started,
            child.finished,
            oom,
            error,
            lost=child.abandoned or (child.lost and killed),
            unlogged=child.log.unwritten,
        )

    def _finish(self) -> None:
        """Kill all that was started and everything it started, and wait until none of it is left."""
        for child in list(self.family.by_key.values()):
            child.lost = True
            if child.control:
                self._start_aide(child, removal(child.control), signal.SIGKILL)
        patience = time.monotonic() + _ENGINE_KILL_SECONDS
        while not self.family.extinct():
            hasty = not self.family.aides or time.monotonic() > patience
            if hasty and not self.family.kill_all():
                break
            for file, _ in self._poll.poll(0):
                self.pipes.read(file)
            self._reap()
            self.report.send()
            self.bell.wait(_REAP_SECONDS)
        else:
            self.report.journal.over()
        self.report.send()
        self.limits.close()


def main() -> None:
    """Supervise as the command line says, once the journal is known."""
    gc.set_threshold(COLLECT_AFTER)
    commands, events, parent = map(int, sys.argv[2:5])
    for file in (commands, events):
        os.set_inheritable(file, False)
    os.set_blocking(events, False)
    process_tree.adopt_orphans(signal.SIGHUP)
    names = sys.stdin.buffer.read()
    if not names:
        return  # the client is gone, or needs none
    path, complaints = os.fsdecode(names).split("\0")
    _redirect(os.devnull, os.O_RDONLY, 0)
    _redirect(complaints, os.O_WRONLY | os.O_APPEND, 2)
    os.chdir("/")
    mark = process_tree.new_run_tag()
    journal = Journal(path, parent, mark)
    supervisor = SupervisorProcess(EventWriter(journal, events), commands, events, parent, mark)
    if os.getppid() == parent:
        supervisor.run()
    os._exit(0)  # all is written, and its client waits: the interpreter need not be taken down


def _redirect(path: str, flags: int, number: int) -> None:
    """Make an open file of this one."""
    file = os.open(path, flags)
    if file != number:
        os.dup2(file, number)
        os.close(file)
