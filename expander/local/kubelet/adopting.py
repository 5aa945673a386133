"""A pod that an earlier run of this program began: what is left of it, and what has to be done again.

A container whose end was recorded has ended; one that was killed because the program was is started again
as if it had never run, with a number of its own. Nothing that finished is run twice, and what the crash
interrupted does not count as a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from expander.local.kubelet.container import Container, Role, State
from expander.local.kubelet.ends import message_of, terminated
from expander.local.kubelet.pod import Pod
from expander.local.kubelet.starting import message_file
from expander.local.kubelet.times import seconds
from expander.local.runtime.launch import Exit


def adopt(pod: Pod, exits: Iterable[Exit]) -> None:
    """Put the containers of a new record of a pod where its last status and ``exits`` say they were."""
    status = pod.obj.get("status") or {}
    told = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    known = {part["name"]: part for part in told}
    ends: dict[str, dict[int, Exit]] = {}
    for exit_ in exits:
        uid, name, number = (*exit_.key.split("/"), "", "")[:3]
        if uid == pod.uid and number.isdigit():
            ends.setdefault(name, {})[int(number)] = exit_
    for part in pod.parts:
        _restore(pod, part, known.get(part.name, {}), ends.get(part.name, {}))


def _restore(pod: Pod, part: Container, told: Mapping[str, Any], ends: Mapping[int, Exit]) -> None:
    """Put one container where it was."""
    state = told.get("state") or {}
    ran = bool(
        state.get("running") or state.get("terminated") or (told.get("lastState") or {}).get("terminated")
    )
    if not ran and not ends:
        return
    part.restart = max(int(told.get("restartCount") or 0), *ends, 0)
    part.key = f"{pod.uid}/{part.name}/{part.restart}"
    part.last = (told.get("lastState") or {}).get("terminated")
    exit_ = ends.get(part.restart)
    if exit_ is not None and not exit_.lost:
        file = message_file(part.spec, pod.folder.message(part.name, part.restart), pod.shared.isolates)
        log = pod.folder.log(part.name, part.restart)
        part.terminated = terminated(exit_, message_of(part.spec, exit_, file, log, len(pod.parts)))
        _end(part, exit_.finished)
    elif exit_ is None and state.get("terminated"):
        part.terminated = dict(state["terminated"])
        _end(part, seconds(part.terminated["finishedAt"]))


def _end(part: Container, at: float) -> None:
    part.state, part.ended = State.ENDED, at
    part.ready = part.role is Role.INIT and part.exit_code == 0
