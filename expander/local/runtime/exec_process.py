"""The supervisor's side of commands in running containers: `start` one, and report its end.

Such a command belongs to its container: it carries its tag, is in its cgroup and goes with it. It is in no
journal, since nobody asks for it after a restart. What it leaves running when it ends goes on, as in a
cluster, until the container ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from expander.local.runtime.container_processes import ContainerProcess, ContainerProcesses
from expander.local.runtime.event_writer import EventWriter
from expander.local.runtime.spawn import ExecFailed, Spawner, StartRefused


class RunningCommand:
    """A command under way; ``errors`` is where it says why it could not run."""

    def __init__(
        self, report: EventWriter, key: str, container: ContainerProcess, started: float, errors: int
    ) -> None:
        self.container = container
        self._report, self._key, self._started, self._errors = report, key, started, errors

    def ended(self, status: int) -> None:
        """Report the end."""
        try:
            error = os.read(self._errors, 4096).decode(errors="replace")
        except OSError:
            error = ""
        os.close(self._errors)
        code = os.waitstatus_to_exitcode(status)
        number = -code if code < 0 else None
        how = (None, None) if error else (code if number is None else None, number)
        self._report.exec_ended(self._key, *how, self._started, error or None)


def start(
    family: ContainerProcesses,
    spawner: Spawner,
    report: EventWriter,
    streams: Sequence[int],
    key: str,
    inside: str,
    argv: list[str],
    env: dict[str, str],
    cwd: str | None,
    identity: tuple[int | None, int | None, tuple[int, ...]],
    enters: bool,
    tty: bool,
) -> None:
    """Run a command in the container ``inside``, with ``streams``; ``enters``: in its namespaces."""
    now = time.time()
    container = family.by_key.get(inside)
    reader, errors = os.pipe()
    os.set_blocking(reader, False)
    try:
        if container is None or container.pid not in family.by_pid:
            raise StartRefused("container not running")
        stdin, *output = streams
        pid = spawner.start(
            argv,
            env,
            cwd,
            (output[0], output[1]),
            *identity,
            mark=container.mark,
            stdin=stdin,
            terminal=tty,
            target=container if enters else None,
            errors=errors,
        )
    except (StartRefused, ExecFailed) as error:
        os.close(reader)
        report.exec_ended(key, None, None, now, str(error))
    else:
        family.execs[pid] = RunningCommand(report, key, container, now, reader)
    finally:
        os.close(errors)
        for stream in streams:
            os.close(stream)
