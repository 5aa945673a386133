"""Starts a process by hand: in the namespaces of a running container, or with a terminal of its own.

As runc's ``exec`` does it: the new process gets the container's namespaces, its cgroup, the capabilities that
its first process was given and ``no_new_privs``; a terminal becomes its controlling terminal. Nothing here
waits for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Protocol

from expander.base.dataclass import dataclass
from expander.local.runtime import process_tree
from expander.local.runtime.container_processes import EXEC_FAILED

READY_SECONDS = 10.0
"""Seconds that a container gets to be set up before its namespaces are entered as they are."""

_POLL_SECONDS = 0.002
_NAMESPACES = {"pid": 0x20000000, "uts": 0x04000000, "mnt": 0x00020000}
"""The namespaces that a container may have of its own, in the order they are entered, with their flags."""
_CLONE_NEWUSER = 0x10000000
_NS_GET_USERNS = 0xB701
_CAPABILITY_VERSION, _PR_CAP_AMBIENT, _AMBIENT_RAISE = 0x20080522, 47, 2
_PR_SET_DUMPABLE = 4
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38


class EnterError(Exception):
    """The namespaces cannot be entered; the message says why."""


class EnteredContainer(Protocol):
    """A container to enter: the process started for it, how many wrap its first one, and its cgroup."""

    pid: int
    wrappers: int
    cgroup: str | None


@dataclass(slots=True)
class NewProcess:
    """What is to run, in the container ``target`` if there is one.

    ``streams`` are its stdin, stdout and stderr; with ``terminal`` they are one. ``files`` are further files
    by the numbers it finds them at. Its user, groups and working directory are set after a container is
    entered.
    """

    argv: list[str]
    env: Mapping[str, str]
    cwd: str | None
    streams: tuple[int, int, int]
    terminal: bool = False
    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()
    files: dict[int, int] = field(default_factory=dict)
    target: EnteredContainer | None = None


def start(process: NewProcess, find: Callable[[], str], errors: int | None = None) -> int:
    """Fork, and have the child become ``process``; its pid. The child leads a session.

    ``find`` gives the file of the command, as the child sees it. What goes wrong after the fork is written to
    ``errors`` (None: to its stderr).
    """
    pid = os.fork()
    if pid:
        return pid
    told = process.streams[2] if errors is None else errors
    if told in process.files:  # which take its number
        told = fcntl.fcntl(told, fcntl.F_DUPFD_CLOEXEC, max(process.files) + 1)
    try:
        _become(process, find, told)
    except BaseException as error:
        reason = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else error
        with contextlib.suppress(OSError):
            os.write(told, str(reason).encode(errors="surrogateescape"))
    finally:
        os._exit(EXEC_FAILED)


def _become(process: NewProcess, find: Callable[[], str], errors: int) -> None:
    """In the child: run the command; with a container to enter, wait for the process that does."""
    _reset_signals()
    _close_all_but({*process.streams, *process.files.values(), errors})
    os.setsid()
    foreign = False
    if process.target is not None:
        foreign = _enter(process.target)
        pid = os.fork()  # only a child is in the other process namespace
        if pid:
            _close_all_but(())
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        os.setsid()
    for number, file in enumerate(process.streams):
        os.dup2(file, number)
    for number, file in process.files.items():
        os.dup2(file, number)
    if process.terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if not foreign:
        _take_identity(process)
    if process.target is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    cwd = process.cwd or "/"
    try:
        os.chdir(cwd)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise EnterError(
            f'unable to start container process: chdir to cwd ("{cwd}") failed: {reason}'
        ) from error
    os.execve(find(), process.argv, process.env)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in process_tree.CATCHABLE_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _close_all_but(kept: Iterable[int]) -> None:
    """Close what the fork left open: locks and pipes of others end with those who hold them."""
    low = 0
    for file in sorted({*kept, os.sysconf("SC_OPEN_MAX")}):
        if low < file:
            os.closerange(low, file)
        low = file + 1


def _take_identity(process: NewProcess) -> None:
    if process.groups or process.group is not None or process.user is not None:
        if os.geteuid() == 0:
            os.setgroups(process.groups)
        if process.group is not None:
            os.setresgid(process.group, process.group, process.group)
        if process.user is not None:
            os.setresuid(process.user, process.user, process.user)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _enter(target: EnteredContainer) -> bool:
    """Enter the namespaces of a container; whether users have other numbers there."""
    inner = first_process(target)
    if target.cgroup is not None:
        with contextlib.suppress(OSError), open(f"{target.cgroup}/cgroup.procs", "w") as file:
            file.write("0")
    bounding, allowed = _capabilities(inner)
    _prctl(_PR_SET_DUMPABLE, 0)  # until it runs its command, the container must not take this process over
    libc = ctypes.CDLL(None, use_errno=True)

    def join(file: int, kind: int) -> None:
        if libc.setns(file, kind):
            number = ctypes.get_errno()
            raise EnterError(f"unable to enter the container: setns: {os.strerror(number).lower()}")

    places = {kind: os.open(f"/proc/{inner}/ns/{kind}", os.O_RDONLY) for kind in (*_NAMESPACES, "user")}
    mine = {kind: _same(f"/proc/self/ns/{kind}") for kind in places}
    owner = fcntl.ioctl(places["mnt"], _NS_GET_USERNS)
    foreign = _same(places["user"]) != mine["user"]
    if _same(owner) != mine["user"]:
        join(owner, _CLONE_NEWUSER)
    for kind, flag in _NAMESPACES.items():
        if _same(places[kind]) != mine[kind]:
            join(places[kind], flag)
    if foreign and _same(places["user"]) != _same(owner):
        join(places["user"], _CLONE_NEWUSER)
    _limit_capabilities(libc, bounding, allowed)
    return foreign


def _same(place: int | str) -> tuple[int, int]:
    """What two names of one namespace have in common."""
    found = os.stat(place)
    return found.st_dev, found.st_ino


def first_process(target: EnteredContainer) -> int:
    """The container's own first process, once it is there. Raises EnterError when the container has ended."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        inner = process_tree.below_wrappers(target.pid, target.wrappers)
        if inner is not None and (target.wrappers != 1 or _program(inner) != _program(target.pid)):
            return inner
        info = process_tree.process_info(target.pid)
        if info is None or info.zombie or time.monotonic() > deadline:
            raise EnterError("container not running")
        time.sleep(_POLL_SECONDS)


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _capabilities(pid: int) -> tuple[int, int]:
    """The capabilities that a process could ever have, and those it was given, as bits."""
    with open(f"/proc/{pid}/status", "rb") as file:
        found = dict(line.split(b":", 1) for line in file if line.startswith(b"Cap"))
    bounding, given = (int(found[name], 16) for name in (b"CapBnd", b"CapInh"))
    return bounding, given & bounding


def _limit_capabilities(libc: ctypes.CDLL, bounding: int, allowed: int) -> None:
    """Give up all capabilities but those ``allowed``, for good: what runs later cannot gain any."""
    for capability in range(64):
        if not bounding >> capability & 1:
            _prctl(_PR_CAPBSET_DROP, capability)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    halves = (allowed & 0xFFFFFFFF, allowed >> 32)
    if libc.capset(header, struct.pack("6I", *(half for half in halves for _ in range(3)))):
        raise EnterError("unable to enter the container: its capabilities cannot be set")
    for capability in range(64):
        if allowed >> capability & 1:
            libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, capability, 0, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
