"""What a kubelet tells of a pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from expander.local.kubelet.pod import PodEvent


@dataclass(frozen=True, slots=True)
class Change:
    """A pod's status is another now.

    A status with phase Succeeded or Failed is the last that comes of a pod. ``gone``: it was to be deleted,
    and its object can go. ``settled``: keys of launches whose end is in this status; once it is stored, the
    supervisor can forget them. ``events`` are new since the last change.
    """

    uid: str
    status: dict[str, Any]
    gone: bool = False
    settled: tuple[str, ...] = ()
    events: tuple[PodEvent, ...] = ()
