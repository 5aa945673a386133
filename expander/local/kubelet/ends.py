"""How a container ended, in the API's form, with what it left as its termination message.

pkg/kubelet/kuberuntime/kuberuntime_container.go decides: the message is the last 4,096 bytes of a file, or,
where the container asks for it, failed and left none, the last 80 lines of its log, at most 2,048 bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from expander.kube.time import api_time
from expander.local.kubelet.container_status import container_id
from expander.local.runtime.launch import Exit

LONGEST_MESSAGE = 4096
LONGEST_OF_POD = 12 * 1024
"""All messages of a pod together: each container may have its even share."""
LOG_BYTES, LOG_LINES = 2048, 80
LOST = 137
"""The exit code of a container of whose end nothing is known (TerminatePod in pkg/kubelet/status)."""
UNKNOWN = "The container could not be located when the pod was terminated"


def terminated(exit_: Exit, message: str) -> dict[str, Any]:
    """The ``terminated`` state of a container."""
    found: dict[str, Any] = {
        "exitCode": LOST if exit_.lost else exit_.exit_code,
        "reason": "ContainerStatusUnknown" if exit_.lost else exit_.reason,
        "startedAt": api_time(exit_.started),
        "finishedAt": api_time(exit_.finished),
        "containerID": container_id(exit_.key),
    }
    error = UNKNOWN if exit_.lost else exit_.error
    text = ": ".join(part for part in (error, message) if part)
    if text:
        found["message"] = text
    return found


def message_of(spec: Mapping[str, Any], exit_: Exit, file: str | None, log: str, containers: int) -> str:
    """The termination message of a container of a pod with that many. ``file``: where it was to write it."""
    data = last_bytes(file, LONGEST_MESSAGE) if file else b""
    falls_back = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if not data and falls_back and exit_.exit_code and exit_.error is None:
        data = last_lines(last_bytes(log, LOG_BYTES))
    share = min(LONGEST_MESSAGE, LONGEST_OF_POD // containers)
    return data[:share].decode(errors="replace")


def last_bytes(path: str, count: int) -> bytes:
    """The last ``count`` bytes of a file; none when there is no such file. Only a regular file is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not found.st_size:
            return b""
        file.seek(max(0, found.st_size - count))
        return file.read(count)


def last_lines(data: bytes) -> bytes:
    """The last 80 lines of ``data``."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[-LOG_LINES:])
