"""Starts one process: its own session, pipes to its log as stdout and stderr, nothing else of this one.

What goes wrong is put as a container runtime puts it. It tells two things apart: what it finds out before
it runs the command (the container was never started), and what the kernel says when it runs it (the
container was started, and its first and last word is in the log).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Collection

from expander.local.runtime import process_tree
from expander.local.runtime.container_processes import ContainerProcess
from expander.local.runtime.log_writer import ContainerLog


class StartRefused(Exception):
    """The process cannot be started; the message is the runtime's."""


class ExecFailed(Exception):
    """The kernel does not run the file at ``path``; the message belongs in the container's log."""

    def __init__(self, path: str, error: OSError) -> None:
        words = {errno.ENOEXEC: "exec format error"}.get(error.errno or 0, _error_text(error))
        super().__init__(f"exec {path}: {words}")
        self._is_too_long = error.errno == errno.E2BIG

    def said_of(self, program: str) -> str:
        """The message, about ``program`` where that is not empty and its arguments were what is too long."""
        return (
            f"exec {program}: {os.strerror(errno.E2BIG).lower()}"
            if self._is_too_long and program
            else str(self)
        )


def _error_text(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


class Spawner:
    """Starts processes; remembers where commands were found."""

    def __init__(self) -> None:
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._found: dict[tuple[str, str], str] = {}
        self._log_folders: set[str] = set()
        self._quick = True

    def open_log(self, path: str) -> ContainerLog:
        """The log. The first in its folder is opened: `StartRefused` is raised when that cannot be done."""
        log, folder = ContainerLog(path), os.path.dirname(path)
        try:
            if folder not in self._log_folders:
                log.open()
                self._log_folders.add(folder)
            return log
        except (OSError, ValueError) as error:
            reason = _error_text(error) if isinstance(error, OSError) else str(error)
            raise StartRefused(f"open log {path}: {reason}") from error

    def start(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        output: tuple[int, int] | None,
        user: int | None = None,
        group: int | None = None,
        groups: tuple[int, ...] = (),
        data: dict[int, str] | None = None,
        mark: int = 0,
        stdin: int | None = None,
        terminal: bool = False,
        target: ContainerProcess | None = None,
        errors: int | None = None,
    ) -> int:
        """Start a process that leads a session of its own; its pid.

        ``output`` are its stdout and stderr; None throws both away. ``stdin`` of None is empty. They may be
        one ``terminal``. It runs in the container ``target``. ``errors`` (stderr) gets what goes wrong then.
        It finds the texts ``data`` open under their numbers, and carries ``mark``. Raises `StartRefused` and
        `ExecFailed`.
        """
        out, err = output or (self._nothing, self._nothing)
        streams = (self._nothing if stdin is None else stdin, out, err)
        folder = "/" if target is not None else cwd or "/"
        try:
            os.chdir(folder)
        except (OSError, ValueError) as error:
            reason = _error_text(error) if isinstance(error, OSError) else str(error)
            raise StartRefused(
                f'unable to start container process: chdir to cwd ("{folder}") failed: {reason}'
            ) from error
        files: list[tuple[int, int]] = []  # the number that each gets, and the file
        path = ""
        try:
            path = self.find(argv, env) if target is None else ""
            for number, text in (data or {}).items():
                files.append((number, _text_file(text, data or ())))
            process_tree.set_tag(mark)
            if terminal or target is not None:
                from expander.local.runtime.enter import NewProcess, start

                process = NewProcess(
                    argv, env, cwd, streams, terminal, user, group, groups, dict(files), target
                )
                return start(process, lambda: path or Spawner().find(argv, env), errors)
            if self._quick and user is None and group is None and not groups:
                return self._spawn(path, argv, env, streams, files)
            return self._fork(path, argv, env, streams, user, group, groups)
        except (ValueError, TypeError, OverflowError) as error:
            raise StartRefused(f"unable to start container process: {error}") from error
        except OSError as error:
            self._found.clear()
            raise self._judge(error, path, argv[0]) from error
        finally:
            for _, file in files:
                os.close(file)
            if cwd is not None:
                os.chdir("/")

    def _spawn(
        self,
        path: str,
        argv: list[str],
        env: dict[str, str],
        streams: tuple[int, int, int],
        files: list[tuple[int, int]],
    ) -> int:
        actions = [
            *((os.POSIX_SPAWN_DUP2, file, number) for number, file in enumerate(streams)),
            *((os.POSIX_SPAWN_DUP2, file, number) for number, file in files),
        ]
        try:
            return os.posix_spawn(
                path,
                argv,
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=process_tree.CATCHABLE_SIGNALS,
            )
        except NotImplementedError:  # no setsid in this system's posix_spawn
            self._quick = False
            return self._fork(path, argv, env, streams, None, None, ())

    def _fork(
        self,
        path: str,
        argv: list[str],
        env: dict[str, str],
        streams: tuple[int, int, int],
        user: int | None,
        group: int | None,
        groups: tuple[int, ...],
    ) -> int:
        import subprocess  # only what the quick way cannot do pays for it

        changes = user is not None or group is not None or bool(groups)
        process = subprocess.Popen(
            argv,
            executable=path,
            env=env,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=groups if changes and os.geteuid() == 0 else None,
        )
        process.returncode = 0  # its end is not for this object to wait for
        return process.pid

    def find(self, argv: list[str], env: dict[str, str]) -> str:
        """The file of the command, as a shell or a container runtime finds it. Raises `Refused`."""
        if not argv or not argv[0]:
            raise StartRefused("unable to start container process: no command specified")
        name, folders = argv[0], env.get("PATH", "")
        if "/" in name:
            reason = _why_not_executable(name)
            if reason is None:
                return name
            raise StartRefused(f'unable to start container process: exec: "{name}": {reason}')
        path = self._found.get((name, folders))
        if path is not None:
            return path
        for folder in folders.split(":"):
            path = f"{folder}/{name}"
            if folder.startswith("/") and _why_not_executable(path) is None:
                self._found[name, folders] = path
                return path
        raise StartRefused(
            f'unable to start container process: exec: "{name}": executable file not found in $PATH'
        )

    def _judge(self, error: OSError, path: str, name: str) -> StartRefused | ExecFailed:
        """What the failure of the start means."""
        if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EPERM, errno.EMFILE, errno.ENFILE):
            return StartRefused(f"unable to start container process: fork/exec {name}: {_error_text(error)}")
        reason = _why_not_executable(path)
        if reason is not None:
            return StartRefused(f'unable to start container process: exec: "{name}": {reason}')
        return ExecFailed(path, error)


def _text_file(text: str, taken: Collection[int]) -> int:
    """A file without a name that holds ``text``, to be read from its beginning (Linux only).

    Its number is none of those ``taken``, which the new process gives to one file after the other.
    """
    file = os.memfd_create("text")
    if file in taken:
        first, file = file, fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, max(taken) + 1)
        os.close(first)
    os.write(file, text.encode(errors="surrogateescape"))
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _why_not_executable(path: str) -> str | None:
    """Why ``path`` cannot be run, in a runtime's words; None if nothing is against it."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        return f"stat {path}: {_error_text(error) if isinstance(error, OSError) else error}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return None if os.access(path, os.X_OK) else "permission denied"
