"""Opens the streams of containers that run (pkg/kubelet's GetExec and GetAttach decide)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from expander.base.dataclass import dataclass
from expander.kube.gofmt import quoted
from expander.local.kubelet.kubelet import Kubelet
from expander.local.kubelet.start import exec_config, with_term
from expander.local.kubelet.streaming.listeners import local_addresses
from expander.local.runtime.runtime import CannotStart, Exit, Launch
from expander.local.runtime.streams import Streams


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which streams of a container are wanted, and whether they are a terminal (PodExecOptions)."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class StreamError(Exception):
    """Streams cannot be opened; the message is that of a kubelet or a container runtime."""


class StreamService(Protocol):
    """What is needed of `runtime.supervisor_client.SupervisorClient`."""

    def exec(
        self, launch: Launch, *, stdout: bool, stderr: bool, on_end: Callable[[Exit], object]
    ) -> Streams: ...

    def attach(
        self, key: str, *, stdin: bool, stdout: bool, stderr: bool, on_attached: Callable[[], object]
    ) -> Streams: ...

    def close_stdin(self, key: str) -> None: ...

    def pids(self, prefix: str) -> list[int]: ...


_numbers: Final = itertools.count(1)


class StreamRuntime:
    """Runs commands in containers of ``kubelet`` and attaches to them."""

    def __init__(self, kubelet: Kubelet, processes: StreamService) -> None:
        self._kubelet = kubelet
        self._processes = processes

    def exec(
        self,
        uid: str,
        container: str,
        command: Sequence[str],
        options: StreamOptions,
        on_end: Callable[[Exit], object],
    ) -> Streams:
        """Run a command in a container; ``on_end`` hears how it ended. Raises `StreamError`."""
        running, _ = self._running(uid, container)
        launch = exec_config(running, command, f"{running.key}/exec/{next(_numbers)}", os.devnull)
        launch = replace(launch, stdin=options.stdin, tty=options.tty)
        if options.tty:
            launch.env = with_term(launch.env)
        try:
            return self._processes.exec(
                launch, stdout=options.stdout, stderr=options.stderr and not options.tty, on_end=on_end
            )
        except (CannotStart, OSError) as error:
            raise StreamError(exec_failed(str(error))) from error

    def attach(
        self, uid: str, container: str, options: StreamOptions, on_attached: Callable[[], object]
    ) -> tuple[Streams, Callable[[], None]]:
        """The streams of a container once ``on_attached`` is called, and what to call when its stdin is left.

        As in a cluster it is the container that says whether there is a terminal. Raises `StreamError`.
        """
        running, spec = self._running(uid, container)
        wanted = options.stdout or not options.stderr
        try:
            streams = self._processes.attach(
                running.key,
                stdin=options.stdin,
                stdout=wanted,
                stderr=options.stderr and not running.tty,
                on_attached=on_attached,
            )
        except OSError as error:
            raise StreamError(f"error attaching to container: {error}") from error

        def leave_stdin() -> None:
            if options.stdin and spec.get("stdinOnce"):
                self._processes.close_stdin(running.key)

        return streams, leave_stdin

    def addresses(self, uid: str, pod_ip: str, port: int) -> list[str]:
        """Where a port of a pod may be reached: its address, and localhost if it listens there."""
        return [pod_ip, *local_addresses(self._processes.pids(f"{uid}/"), port)]

    def _running(self, uid: str, container: str) -> tuple[Launch, Mapping[str, Any]]:
        found = self._kubelet.running(uid, container)
        if found is None:
            raise StreamError(f"unable to upgrade connection: container not found ({quoted(container)})")
        return found


def exec_failed(why: str) -> str:
    """A container runtime's message about a command that could not be started."""
    return f"error executing command in container: failed to exec in container: {why}"
