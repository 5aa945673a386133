"""``-v``, ``--log-file`` and ``EXPANDER_LOG``: what every command has, to look inside.

The options are added to each command by `Page`, and to groups so that they may stand before the name of
the command; they never reach its function.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import Any, Final

import click

from expander.base.errors import UsageError

VERBOSITY: Final = "expander.verbosity"
"""Where the context keeps how often ``-v`` was given."""

LOG_FILE: Final = "expander.log_file"
"""Where the context keeps the path of ``--log-file``."""


def log_options() -> list[click.Parameter]:
    """The parameters, to be added to those of a command or a group."""
    return [
        click.Option(
            ["-v", "--verbose", "verbosity"],
            count=True,
            expose_value=False,
            callback=_add_verbosity,
            help="Log decisions and retries to standard error; -vv also requests and files.",
        ),
        click.Option(
            ["--log-file"],
            metavar="FILE",
            expose_value=False,
            callback=_set_file,
            help="Append the log to FILE instead.",
        ),
    ]


def _add_verbosity(ctx: click.Context, _: click.Parameter, count: int) -> None:
    ctx.meta[VERBOSITY] = ctx.meta.get(VERBOSITY, 0) + count


def _set_file(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    if path is not None:
        ctx.meta[LOG_FILE] = path


def start_log(ctx: click.Context) -> None:
    """Log as the options and the environment say. Raises UsageError when the file cannot be opened."""
    verbosity, path = ctx.meta.get(VERBOSITY, 0), ctx.meta.get(LOG_FILE)
    if verbosity or path is not None or "EXPANDER_LOG" in os.environ:
        _listen(verbosity, path)


def verbosity() -> int:
    """How often ``-v`` was given to the command that runs."""
    found: int = click.get_current_context().meta.get(VERBOSITY, 0)
    return found


def _listen(verbosity: int, path: str | None) -> None:
    from expander.base import log

    config = log.config_from_environment()
    level = {0: config.level, 1: log.INFO}.get(verbosity, log.DEBUG)
    if path is not None:
        level = level or log.INFO
    if level:
        write = _to_stderr if path is None else _Appender(path).write
        log.listen(log.LogConfig(level, config.as_json), write)


def _to_stderr(line: str) -> None:
    from expander.cli.output.streams import write_error

    write_error(line)


class _Appender:
    """A file that only this user may read, and that several processes may append to."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags | os.O_NONBLOCK, 0o600)  # which waits for no reader
            os.set_blocking(self._descriptor, True)
        except OSError as error:
            why = "nobody reads the pipe" if error.errno == errno.ENXIO else error.strerror
            raise UsageError(f"--log-file: cannot open {path!r}: {why}") from error
        self._path = path
        self._full = False

    def write(self, line: str) -> None:
        """Append a line; when that fails, say so once."""
        rest: Any = memoryview(line.encode("utf-8", "backslashreplace"))
        with self._lock:
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                if not self._full:
                    self._full = True
                    print(f"warning: --log-file {self._path}: {error.strerror}", file=sys.stderr)
