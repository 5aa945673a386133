"""What is to run and what became of it: `Launch`, `Started`, `Exit`, and the `Runtime` protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from expander.base.dataclass import dataclass
from expander.base.option_names import option

START_ERROR = 128
"""The exit code containerd reports, with reason StartError, for a container that could not be started."""


@dataclass(slots=True)
class Mount:
    """A file or folder of this machine that the container sees at an absolute path of its own."""

    source: str
    target: str
    read_only: bool = False


@dataclass(slots=True)
class Launch:
    """One container to start.

    ``key`` names it in all that is said about it later and is never used twice in a state folder. ``argv``
    is the whole command line; its first word is looked up in the container's PATH unless it has a slash.
    ``env`` is the whole environment: nothing of expander's own is added but what a container runtime adds
    when it is missing (PATH, HOME, HOSTNAME). ``cwd`` of None is the root of the container's files. ``log``
    is the file that gets a record for each line of stdout and stderr (see `log_writer`). ``hosts`` maps
    names to addresses for /etc/hosts; a runtime that cannot give them says so. ``user``, ``group`` and
    ``groups`` are numbers; None means as the image has it. ``memory`` is a limit in bytes, ``cpus`` one in
    cores. ``tmp`` is a folder that becomes the container's /tmp; without it /tmp is in memory and private
    where the runtime can do that. ``read_only``: all of its files but mounts are. ``replaces_entrypoint``
    is False when the container has no command of its own, so that ``argv`` is only the arguments of the
    image's; it makes a difference where there are real images. ``inside`` is the key of a running container
    that the command is to run in, with ``env`` and ``cwd``. ``stdin``: its stdin is open and can be
    attached to, else empty; ``tty``: its streams are a terminal. ``target`` is the key of a running
    container whose processes it is to see, and files where it has none of its own. ``pull`` makes it no
    container at all: the engine is asked to have the image, as this imagePullPolicy says, and prints the
    user that the image names. ``note`` is kept with the record of its start (see `Exit`).
    """

    key: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: str
    cwd: str | None = None
    mounts: Sequence[Mount] = ()
    hostname: str | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    groups: Sequence[int] = ()
    image: str = ""
    memory: int | None = None
    cpus: float | None = None
    tmp: str | None = None
    read_only: bool = False
    replaces_entrypoint: bool = True
    inside: str | None = None
    stdin: bool = False
    tty: bool = False
    target: str | None = None
    pull: str | None = None
    note: str = ""


@dataclass(slots=True)
class Started:
    """A container runs. ``pid`` is its process on this machine, ``at`` Unix seconds."""

    key: str
    pid: int
    at: float


@dataclass(slots=True)
class Exit:
    """A container has ended, and no process of its group is left.

    Exactly one of ``code``, ``signal`` and ``error`` says how: its exit code, the signal that killed it, or
    why it could not be started, in the words a container runtime would use. ``oom``: it went over its
    memory limit and was killed for it. ``lost``: it did not end by itself; it was killed because the
    program that watched it was gone, or nobody saw its end. Times are Unix seconds. ``unlogged`` is how many
    bytes are missing in its log, for which the disk had no room. ``note`` is that of the launch, if the end
    was read from the record.
    """

    key: str
    code: int | None
    signal: int | None
    started: float
    finished: float
    oom: bool = False
    error: str | None = None
    lost: bool = False
    unlogged: int = 0
    note: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code a kubelet reports: 128 + n for signal n, 128 for what could not be started."""
        if self.code is not None:
            return self.code
        return START_ERROR if self.signal is None else 128 + self.signal

    @property
    def reason(self) -> str:
        """The reason a kubelet reports: Completed, Error, OOMKilled or StartError."""
        if self.error is not None:
            return "StartError"
        if self.oom:
            return "OOMKilled"
        return "Completed" if self.code == 0 else "Error"


@dataclass(slots=True)
class Command:
    """A Launch in the terms of one runtime: what the supervisor starts.

    ``wrappers`` is how many processes stand between the one started and the container's first process: they
    must not get the signals meant for the container. ``control`` is the command line that sends the
    container a signal where killing the processes started here would not (its word SIGNAL is replaced
    by the number). ``inside`` is the key of the container whose namespaces it is to enter.
    ``takes_terminal``: it makes the terminal it gets its own. ``program`` is the file of the container's
    command where ``argv`` begins with another: the arguments are its own. ``memory`` and
    ``cpus`` are limits left to the supervisor; ``limited`` means the runtime
    itself limits memory, so that a SIGKILL nobody sent was for that. ``data`` are texts the process
    finds open for reading, by file number. ``stdio_owner`` is who may open /dev/stdout by name, if
    not this user.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str | None = None
    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()
    memory: int | None = None
    cpus: float | None = None
    wrappers: int = 0
    control: tuple[str, ...] = ()
    limited: bool = False
    data: dict[int, str] = field(default_factory=dict)
    stdio_owner: int | None = None
    inside: str | None = None
    takes_terminal: bool = False
    program: str = ""


class CannotStart(Exception):
    """This Launch cannot be started by this runtime; the message says why, as a runtime would."""


def check_has_command(launch: Launch) -> None:
    """Raise `CannotStart` when a container has no command, and nobody knows what its image runs."""
    if launch.argv and launch.argv[0]:
        return
    command = option(f"--image-command {launch.image}=CMD")
    way_out = f"; give it one, or use {command}" if launch.image else ""
    raise CannotStart(f"unable to start container process: no command specified{way_out}")


class Runtime(Protocol):
    """A way to run containers on this machine."""

    @property
    def name(self) -> str:
        """What a user calls it."""

    @property
    def isolates(self) -> bool:
        """Whether mounts, /etc/hosts and the host name are the container's own."""

    def command(self, launch: Launch) -> Command:
        """The command to start for ``launch``. Raises `CannotStart`."""

    def caveat(self, launch: Launch) -> str | None:
        """What of ``launch`` this runtime cannot give, as a sentence for the user; None if it gives all."""
