"""Runs a command in a container of another expander on this machine, at this terminal.

The command is a child of this process. It is in the container's namespaces, with the environment, the user,
the cgroup and the current folder of the container's first process, and ends with the container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.local.runtime import process_tree
from expander.local.runtime.enter import EnterError, NewProcess, first_process, start
from expander.local.runtime.journal_recovery import RunningContainer, find_running
from expander.local.runtime.spawn import Spawner, StartRefused
from expander.local.runtime.streams import open_terminal

CHECK_SECONDS = 0.02
"""Seconds between two looks whether the command, or its container, has ended."""


@dataclass(slots=True)
class _Container:
    """A container to enter (see `enter.EnteredContainer`)."""

    pid: int
    wrappers: int
    cgroup: str | None = None


def run_in_container(
    folder: Path, uid: str, container: str, command: Sequence[str], *, stdin: bool, terminal: bool
) -> int:
    """Run a command in a container of the pod ``uid`` in a state folder; its exit code.

    ``stdin``: it gets the stdin of this process; ``terminal``: a terminal of its own, as large as this one.
    Raises InputError when the container does not run, or the command cannot be run.
    """
    found = find_running(folder / "runs", f"{uid}/{container}/")
    if found is None:
        raise InputError(f"container {container} is not running")
    if found.control:
        return _run_by_engine(found, command, stdin=stdin, terminal=terminal)
    try:
        inner = first_process(_Container(found.pid, found.wrappers))
        process = _process(found, inner, command)
    except (EnterError, OSError) as error:
        raise InputError(f"container {container} cannot be entered: {error}") from error
    process_tree.set_tag(process_tree.read_tag(inner))
    if terminal:
        return _run_at_terminal(process, inner, stdin)
    source = 0 if stdin else os.open(os.devnull, os.O_RDONLY)
    process.streams = (source, 1, 2)
    with _started(process, inner) as pid:
        return _wait(pid, found.pid)


def _run_by_engine(found: RunningContainer, command: Sequence[str], *, stdin: bool, terminal: bool) -> int:
    """Become the engine's own command, which ends with the same words ``kill`` begins with."""
    flags = [*(["--interactive"] if stdin else []), *(["--tty"] if terminal else [])]
    os.execvp(found.control[0], [found.control[0], "exec", *flags, found.control[-1], *command])


def _process(found: RunningContainer, inner: int, command: Sequence[str]) -> NewProcess:
    """The command as a process like the first one of its container."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{inner}/status").read_text().splitlines())
    user, group = (int(status[name].split()[0]) for name in ("Uid", "Gid"))
    env = dict(
        each.split("=", 1)
        for each in os.fsdecode(Path(f"/proc/{inner}/environ").read_bytes()).split("\0")
        if "=" in each
    )
    changes = os.geteuid() == 0 and (user, group) != (os.geteuid(), os.getegid())
    return NewProcess(
        [*command],
        {"TERM": os.environ.get("TERM", "xterm"), **env},
        os.readlink(f"/proc/{inner}/cwd"),
        (0, 1, 2),
        user=user if changes else None,
        group=group if changes else None,
        groups=tuple(map(int, status["Groups"].split())) if changes else (),
        target=_Container(found.pid, found.wrappers, _cgroup(inner)) if found.wrappers else None,
    )


def _cgroup(pid: int) -> str | None:
    """The folder of a process's cgroup, if it is not that of this process too."""
    with contextlib.suppress(OSError):
        theirs, mine = (Path(f"/proc/{each}/cgroup").read_text() for each in (pid, "self"))
        if theirs != mine and theirs.startswith("0::"):
            return "/sys/fs/cgroup" + theirs[3:].strip()
    return None


@contextmanager
def _started(process: NewProcess, inner: int) -> Iterator[int]:
    """A process that runs; killed on an interrupt. Raises InputError at the end if it could not run."""
    reader, errors = os.pipe()

    def find() -> str:
        return Spawner().find(process.argv, dict(process.env))

    if process.target is None:
        try:
            find()
        except StartRefused as error:
            raise InputError(str(error)) from error
    pid = start(process, find, errors)
    os.close(errors)
    try:
        yield pid
    except BaseException:
        process_tree.kill_each(process_tree.descendants(pid))
        process_tree.kill_group(pid)
        raise
    finally:
        os.set_blocking(reader, False)
        why = b""
        with contextlib.suppress(BlockingIOError):
            why = os.read(reader, 4096)
        os.close(reader)
        if why:
            raise InputError(why.decode(errors="replace"))


def _wait(pid: int, container: int) -> int:
    """Wait until the command has ended; its exit code. It ends with its container."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if process_tree.process_info(container) is None:
            process_tree.kill_each(process_tree.descendants(pid))
            process_tree.kill_group(pid)
        time.sleep(CHECK_SECONDS)


def _run_at_terminal(process: NewProcess, inner: int, stdin: bool) -> int:
    """Run a command with a terminal of its own, and stand between it and this one."""
    master, theirs = open_terminal(process.user, inner)
    process.streams, process.terminal = (theirs, theirs, theirs), True
    size = fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)) if os.isatty(1) else bytes(8)
    fcntl.ioctl(master, termios.TIOCSWINSZ, size)
    container = process.target.pid if process.target is not None else inner

    def resize(_number: int, _frame: object) -> None:
        with contextlib.suppress(OSError):
            fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        with _started(process, inner) as pid, _raw(0 if stdin else None):
            os.close(theirs)
            _carry(master, 0 if stdin else None)
            return _wait(pid, container)
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(master)


@contextmanager
def _raw(terminal: int | None) -> Iterator[None]:
    """Every key goes to the command as it is; the terminal is as it was at the end."""
    if terminal is None or not os.isatty(terminal):
        yield
        return
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSANOW)  # what was typed already is for the command, too
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _carry(master: int, source: int | None) -> None:
    """Carry what is typed and what is shown, until the command's terminal has hung up."""
    sources = [master] if source is None else [master, source]
    while True:
        for ready in select.select(sources, [], [])[0]:
            try:
                data = os.read(ready, 32 * 1024)
            except OSError:
                data = b""
            if ready == master and not data:
                return
            if not data:
                sources.remove(ready)
            target = sys.stdout.fileno() if ready == master else master
            while data:
                data = data[os.write(target, data) :]
