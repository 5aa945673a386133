"""The client of the supervisor process: starts and signals containers, reads what became of them.

Nothing here waits except `SupervisorClient.close`. Commands go through one pipe, events come back through
another; every event is in the supervisor's journal before it is sent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

from expander.base.errors import OutputError
from expander.base.state_dir import make_private
from expander.local.runtime import wire
from expander.local.runtime.journal import SUFFIX, recover_run
from expander.local.runtime.process import ProcessRuntime
from expander.local.runtime.runtime import CannotStart, Exit, Launch, Runtime, Started

_CODE = "import sys; sys.path[:0] = sys.argv[1:2]; from expander.local.runtime.supervisor import main; main()"


_ERROR_LOG = "supervisor.log"
"""What the supervising process writes when it fails; empty otherwise."""

_LOG_CUT = (
    "warning: output is missing: the disk had no room for all of it; "
    "a line in each such log says `[expander: N bytes of log could not be written]`"
)


class SupervisorClient:
    """Runs containers through a supervising process; ``folder`` gets its journal.

    One event loop uses it: wait until `fileno` is readable (it stays the same number), then `read`. Start-up
    costs the caller a few milliseconds; the process comes up while the caller goes on. Raises OSError when
    the folder cannot be written.
    """

    def __init__(self, folder: Path, runtime: Runtime | None = None) -> None:
        self.folder = Path(folder)
        make_private(self.folder)
        self.runtime: Runtime = runtime or ProcessRuntime()
        self.caveats: list[str] = []
        """What the runtime could not give containers so far, a sentence for each kind of lack."""
        self._told: set[str] = set()
        self._live: set[str] = set()
        self._events = -1
        self._spawn()

    def _spawn(self) -> None:
        """Start the process and connect to it."""
        root = Path(__file__).resolve().parents[3]
        self.journal = self.folder.resolve() / f"{uuid.uuid4().hex}{SUFFIX}"
        theirs, self._commands = os.pipe()
        events, answers = os.pipe()
        with open(self.folder / _ERROR_LOG, "ab") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CODE]
                + [str(part) for part in (root, self.journal, theirs, answers, os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                pass_fds=(theirs, answers),
            )
        os.close(theirs)
        os.close(answers)
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
        try:
            command = self.runtime.command(launch)
        except CannotStart as error:
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
            os.path.abspath(launch.log),
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
        )
        self._send(message, launch.key)

    def signal(self, key: str, number: int = signal.SIGTERM, *, whole: bool = True) -> None:
        """Signal a container: all its processes, or its first one alone. Nothing happens if it has ended."""
        self._send((wire.SIGNAL, key, int(number), whole))

    def abandon(self) -> None:
        """All that runs now is about to be stopped: however it ends, its end counts as lost."""
        self._send((wire.ABANDON,))

    def settled(self, keys: Iterable[str]) -> None:
        """The ends of these are stored durably by the caller: the journal need not keep them."""
        self._send((wire.SETTLED, list(keys)))

    def read(self) -> list[Started | Exit]:
        """What happened since the last call; never waits.

        If the supervising process itself was killed, all it ran is killed here and reported as lost, and a
        new one serves the starts that follow. Raises `OutputError` if it failed by itself.
        """
        found: list[Started | Exit] = []
        while True:
            try:
                data = os.read(self._events, 1 << 18)
            except BlockingIOError:
                return found
            if not data:
                return found + self._lost()
            for what, *rest in self._unpacker.feed(data):
                if what == wire.STARTED:
                    found.append(Started(*rest))
                else:
                    self._live.discard(rest[0])
                    end = Exit(*rest)
                    if end.unlogged and _LOG_CUT not in self.caveats:
                        self.caveats.append(_LOG_CUT)
                    found.append(end)

    def close(self) -> list[Started | Exit]:
        """Kill what still runs, wait until it is gone, and give the events that were not read yet."""
        if self._events < 0:
            return []
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1
        os.set_blocking(self._events, True)
        found: list[Started | Exit] = []
        while data := os.read(self._events, 1 << 18):
            for what, *rest in self._unpacker.feed(data):
                found.append(Started(*rest) if what == wire.STARTED else Exit(*rest))
        self._process.wait()
        told = {event.key for event in found if isinstance(event, Exit)}
        left = self._live - told
        if left:
            found.extend(end for end in recover_run(self.journal) if end.key in left)
        os.close(self._events)
        self._events = -1
        return found

    def __enter__(self) -> SupervisorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, message: tuple[object, ...], key: str | None = None) -> None:
        if key is not None:
            self._live.add(key)
        data = wire.pack(message)
        with contextlib.suppress(BrokenPipeError):  # read() finds out, and reports what was lost
            while data:
                data = data[os.write(self._commands, data) :]

    def _lost(self) -> list[Started | Exit]:
        """The supervising process is dead: end what it left, and begin anew."""
        os.close(self._commands)
        self._commands = -1
        if self._process.wait() > 0:
            last = (self.folder / _ERROR_LOG).read_text(errors="replace").strip().rpartition("\n")[2]
            raise OutputError(f"the supervisor of {self.folder} cannot work: {last}")
        ends: dict[str, Exit] = {end.key: end for end in recover_run(self.journal)}
        found: list[Started | Exit] = [ends[key] for key in sorted(self._live & ends.keys())]
        found += [
            Exit(key, None, None, 0.0, 0.0, error="its supervisor was killed", lost=True)
            for key in sorted(self._live - ends.keys())
        ]
        self._live.clear()
        self._spawn()
        return found
