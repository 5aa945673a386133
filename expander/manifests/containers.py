"""What the status of a pod says of its containers."""

from __future__ import annotations

from collections.abc import Iterator

from expander.manifests.selection import Object


def statuses_of(pod: Object) -> Iterator[Object]:
    """The container statuses of a pod, those of init containers first."""
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def container_status(pod: Object, container: str) -> Object:
    """The status of one container; empty when there is none yet."""
    return next((each for each in statuses_of(pod) if each["name"] == container), {})
