"""The client of the supervisor process: starts and signals containers, reads what became of them.

Nothing here waits except `SupervisorClient.close`. Commands go through a socket, events come back through
a pipe; every event is in the supervisor's journal before it is sent.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from expander.base.errors import OutputError
from expander.base.state_dir import make_private, open_private
from expander.local.runtime import process_tree, wire
from expander.local.runtime.journal import SUFFIX
from expander.local.runtime.journal_recovery import recover_run
from expander.local.runtime.process import ProcessRuntime
from expander.local.runtime.runtime import CannotStart, Command, Exit, Launch, Runtime, Started
from expander.local.runtime.streams import Streams, close_all, connect, open_terminal, outputs
from expander.local.runtime.supervisor_start import StartedSupervisor

_ERROR_LOG = "supervisor.log"
"""What the supervising process writes when it fails; empty otherwise."""

_LOG_CUT = (
    "warning: output is missing: the disk had no room for all of it; "
    "a line in each such log says `[expander: N bytes of log could not be written]`"
)

_SETTLED_AT_A_TIME = 500
"""Ends of which the journal hears at a time that it need not keep them: there is no hurry."""

_KILLED = "its supervisor was killed"


class SupervisorClient:
    """Runs containers through a supervising process; ``folder`` gets its journal.

    One event loop uses it: wait until `fileno` is readable (it stays the same number), then `read`. The
    process is ``started``, or a new one that comes up while the caller goes on. Raises OSError when the
    folder cannot be written.
    """

    def __init__(
        self, folder: Path, runtime: Runtime | None = None, started: StartedSupervisor | None = None
    ) -> None:
        self.folder = Path(folder)
        make_private(self.folder)
        self.runtime: Runtime = runtime or ProcessRuntime()
        self.caveats: list[str] = []
        """What the runtime could not give containers so far, a sentence for each kind of lack."""
        self._told: set[str] = set()
        self._live: dict[str, int] = {}
        """The containers that have not ended, with the process of each once it was started."""
        self._queued: dict[str, Launch] = {}
        """What is to be started, until it was: a new supervisor starts what the last one had not."""
        self._settled: list[str] = []
        self._inputs: dict[str, int] = {}
        """What writes to the stdin of a container: a pipe, or the other side of its terminal."""
        self._execs: dict[str, Callable[[Exit], object]] = {}
        self._attaching: dict[int, Callable[[], object]] = {}
        self._numbers = itertools.count()
        self._events = -1
        self._connect(started or StartedSupervisor(self.folder))

    def _connect(self, started: StartedSupervisor) -> None:
        """Have a process work for this client."""
        self.journal = self.folder.resolve() / f"{os.urandom(16).hex()}{SUFFIX}"
        complaints = self.folder.resolve() / _ERROR_LOG
        os.close(open_private(complaints, os.O_APPEND))
        started.begin(str(self.journal), str(complaints))
        self._process, self._channel, events = started.process, started.channel, started.events
        if self._events < 0:
            self._events = events
        else:
            os.dup2(events, self._events, inheritable=False)
            os.close(events)
        os.set_blocking(self._events, False)
        self._unpacker = wire.Unpacker()

    def fileno(self) -> int:
        """A file descriptor that is readable when `read` has something to give."""
        return self._events

    def start(self, launch: Launch) -> None:
        """Have ``launch`` started. Whatever comes of it, also a refusal, comes from `read` as an `Exit`."""
        if launch.inside is None and launch.target is None:  # they need what would be gone as well
            self._queued[launch.key] = launch
        try:
            command = self.runtime.command(launch)
        except (CannotStart, OSError, ValueError) as error:  # a path with a NUL, or too long
            self._send((wire.REFUSE, launch.key, str(error)), launch.key)
            return
        if (launch.mounts or launch.hosts) and not self.runtime.isolates:
            caveat = self.runtime.caveat(launch)
            if caveat is not None and caveat not in self._told:
                self._told.add(caveat)
                self.caveats.append(caveat)
        message = (
            wire.LAUNCH,
            launch.key,
            command.argv,
            command.env,
            command.cwd,
            launch.log if launch.log.startswith("/") else os.path.abspath(launch.log),
            command.user,
            command.group,
            command.groups,
            command.memory,
            command.cpus,
            command.wrappers,
            command.control,
            command.limited,
            command.data,
            command.stdio_owner,
            command.inside,
            launch.stdin,
            launch.tty,
            command.takes_terminal,
            command.program,
            launch.note,
        )
        files = self._open_input(launch, command)
        try:
            self._send(message, launch.key, files)
        finally:
            close_all(files[-1:])

    def _open_terminal(self, command: Command) -> tuple[int, int]:
        """A terminal for a command; one of the container's where it is to run in one."""
        pid = None
        if command.inside is not None:
            pid = process_tree.below_wrappers(self._live.get(command.inside, 0), command.wrappers)
        return open_terminal(command.user, pid)

    def _open_input(self, launch: Launch, command: Command) -> list[int]:
        """What a container with a terminal, or an open stdin, gets; the last is its own side."""
        if launch.tty:
            files = [*self._open_terminal(command)]
        elif launch.stdin:
            files = [*reversed(os.pipe())]
        else:
            return []
        self._inputs[launch.key] = files[0]
        return files if launch.tty else files[1:]

    def exec(
        self, launch: Launch, *, stdout: bool, stderr: bool, on_end: Callable[[Exit], object]
    ) -> Streams:
        """Run a command in the container ``launch.inside``, apart from its log; its streams.

        ``on_end`` hears of its end, from within `read`. Raises `CannotStart`, and OSError when there are no
        files to be had.
        """
        command = self.runtime.command(launch)
        inside = str(launch.inside)
        terminal = self._open_terminal(command) if launch.tty else None
        streams, files = connect(stdin=launch.stdin, stdout=stdout, stderr=stderr, terminal=terminal)
        self._execs[launch.key] = on_end
        identity = (command.user, command.group, command.groups)
        how = (command.argv, command.env, command.cwd, identity, command.inside is not None, launch.tty)
        try:
            self._send((wire.EXEC, launch.key, inside, *how), files=files)
        finally:
            close_all(files)
        return streams

    def attach(
        self, key: str, *, stdin: bool, stdout: bool, stderr: bool, on_attached: Callable[[], object]
    ) -> Streams:
        """The streams of a running container, from when ``on_attached`` is called on (from within `read`).

        Raises OSError when there are no files to be had.
        """
        streams, names, files = outputs(stdout=stdout, stderr=stderr)
        source = self._inputs.get(key)
        if source is not None:
            streams.stdin = os.dup(source) if stdin else None
            streams.terminal = os.dup(source) if os.isatty(source) else None
            os.set_blocking(source, False)
        try:
            number = next(self._numbers)
            self._attaching[number] = on_attached
            self._send((wire.ATTACH, key, number, names), files=files)
        finally:
            close_all(files)
        return streams

    def pids(self, prefix: str) -> list[int]:
        """The processes of the containers that run and whose key begins so."""
        return [pid for key, pid in self._live.items() if pid and key.startswith(prefix)]

    def close_stdin(self, key: str) -> None:
        """Nothing more comes from the stdin of a container, once those who are attached have left."""
        source = self._inputs.get(key)
        if source is not None and not os.isatty(source):
            os.close(self._inputs.pop(key))

    def signal(self, key: str, number: int = signal.SIGTERM, *, whole: bool = True) -> None:
        """Signal a container: all its processes, or its first one alone. Nothing happens if it has ended."""
        self._queued.pop(key, None)
        self._send((wire.SIGNAL, key, int(number), whole))

    def abandon(self) -> None:
        """All that runs now is about to be stopped: however it ends, its end counts as lost."""
        self._queued.clear()
        self._send((wire.ABANDON,))

    def settled(self, keys: Iterable[str]) -> None:
        """The ends of these are stored durably by the caller: the journal need not keep them."""
        self._settled += keys
        if len(self._settled) >= _SETTLED_AT_A_TIME:
            self._send((wire.SETTLED, self._settled))
            self._settled = []

    def read(self) -> list[Started | Exit]:
        """What happened since the last call; never waits.

        If the supervising process itself was killed, all it ran is killed here and reported as lost, and a
        new one serves the starts that it had not begun, and those that follow. Raises `OutputError` if it
        failed by itself.
        """
        found: list[Started | Exit] = []
        while True:
            try:
                data = os.read(self._events, wire.READ_BYTES)
            except BlockingIOError:
                return found
            if not data:
                return found + self._lost()
            for what, *rest in self._unpacker.feed(data):
                if what == wire.STARTED:
                    found.append(Started(*rest))
                    self._live[rest[0]] = rest[1]
                    self._queued.pop(rest[0], None)
                elif what == wire.ATTACHED:
                    self._attaching.pop(rest[0])()
                elif (on_end := self._execs.pop(rest[0], None)) is not None:
                    on_end(Exit(*rest))
                else:
                    self._forget(rest[0])
                    end = Exit(*rest)
                    if end.unlogged and _LOG_CUT not in self.caveats:
                        self.caveats.append(_LOG_CUT)
                    found.append(end)

    def close(self) -> list[Started | Exit]:
        """Kill what still runs, wait until it is gone, and give the events that were not read yet."""
        if self._events < 0:
            return []
        self._channel.close()
        os.set_blocking(self._events, True)
        found: list[Started | Exit] = []
        while data := os.read(self._events, wire.READ_BYTES):
            for what, *rest in self._unpacker.feed(data):
                if what != wire.ATTACHED and rest[0] not in self._execs:
                    found.append(Started(*rest) if what == wire.STARTED else Exit(*rest))
        self._process.wait()
        self._end_execs()
        told = {event.key for event in found if isinstance(event, Exit)}
        left = self._live.keys() - told
        close_all(self._inputs.values())
        self._inputs.clear()
        if left:
            found.extend(end for end in recover_run(self.journal) if end.key in left)
        os.close(self._events)
        self._events = -1
        return found

    def __enter__(self) -> SupervisorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, message: tuple[object, ...], key: str | None = None, files: Sequence[int] = ()) -> None:
        if key is not None:
            self._live[key] = 0
        try:
            wire.send(self._channel, wire.pack(message), files)
        except ConnectionError:
            return  # read() finds out, and reports the loss

    def _forget(self, key: str) -> None:
        """A container has ended."""
        self._live.pop(key, None)
        self._queued.pop(key, None)
        if (source := self._inputs.pop(key, None)) is not None:
            os.close(source)

    def _end_execs(self) -> None:
        """The commands in containers are gone with their supervisor."""
        execs, self._execs = self._execs, {}
        attaching, self._attaching = self._attaching, {}
        for on_attached in attaching.values():
            on_attached()
        for key, on_end in execs.items():
            on_end(Exit(key, None, None, 0.0, 0.0, error=_KILLED, lost=True))

    def _lost(self) -> list[Started | Exit]:
        """The supervising process is dead: end what it left, and begin anew."""
        self._channel.close()
        if self._process.wait() > 0:
            last = (self.folder / _ERROR_LOG).read_text(errors="replace").strip().rpartition("\n")[2]
            why = last or "standard error says why"  # that is its error log until it is told another
            raise OutputError(f"the supervisor of {self.folder} cannot work: {why}")
        ends: dict[str, Exit] = {end.key: end for end in recover_run(self.journal)}
        again = [launch for key, launch in self._queued.items() if key not in ends]
        found: list[Started | Exit] = [ends[key] for key in sorted(self._live.keys() & ends.keys())]
        found += [
            Exit(key, None, None, 0.0, 0.0, error=_KILLED, lost=True)
            for key in sorted(self._live.keys() - ends.keys() - self._queued.keys())
        ]
        for key in [*self._live]:
            self._forget(key)
        self._end_execs()
        self._connect(StartedSupervisor(self.folder))
        for launch in again:
            self.start(launch)
        return found
