"""How long the controller waits before it replaces failed pods.

pkg/controller/job (backoff_utils.go) decides: 10 s after the first failure, doubled with each further one
since the last success, at most 10 minutes; counted from the moment the pod finished. With
backoffLimitPerIndex every index waits for itself, by the count in its last pod's annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.kube.time import unix
from expander.kube.wellknown import INDEX_FAILURES, INDEX_IGNORED_FAILURES, Object, number
from expander.local.controllers.job.pods import PodRecord

MAX_BACKOFF_FACTOR = 60
"""The longest wait, in multiples of the first."""


class BackoffRecord(NamedTuple):
    """What the controller remembers of a Job: failures since the last success, and when the last one was."""

    failures: int = 0
    last: float | None = None

    def update(
        self, succeeded: Sequence[PodRecord], failed: Sequence[PodRecord], now: float
    ) -> BackoffRecord:
        """The record when these pods have ended as well."""
        if not failed:
            return NO_FAILURES if succeeded else self
        ends = [finish_time(record.pod) for record in failed]
        if not succeeded:
            return BackoffRecord(self.failures + len(ends), clamp_to_now(max(ends), now))
        success = max(finish_time(record.pod) for record in succeeded)
        later = [end for end in ends if end > success]
        return BackoffRecord(len(later), clamp_to_now(max(later), now)) if later else NO_FAILURES

    def ready_at(self, base: float) -> float | None:
        """When new pods may be created, Unix seconds; None for at once. ``base`` is the first wait."""
        return (
            None if not self.failures or self.last is None else self.last + backoff_delay(self.failures, base)
        )


NO_FAILURES: Final = BackoffRecord()


def backoff_delay(failures: int, base: float) -> float:
    """Seconds to wait after that many failures in a row."""
    return base * min(1 << min(failures - 1, 10), MAX_BACKOFF_FACTOR)


def index_ready_at(last_failed: PodRecord, base: float) -> float:
    """When the index of ``last_failed``, its last failed pod, may get a new pod; Unix seconds."""
    return finish_time(last_failed.pod) + backoff_delay(absolute_failures(last_failed.pod) + 1, base)


def absolute_failures(pod: Object) -> int:
    """How many pods of the index had failed when this one was created, ignored ones too."""
    annotations = pod["metadata"].get("annotations")
    return number(annotations, INDEX_FAILURES) + number(annotations, INDEX_IGNORED_FAILURES)


def clamp_to_now(finished: float, now: float) -> float:
    """The best guess at a finish time: objects hold whole seconds, so within that second it is now."""
    return now if 0 <= now - finished < 1 else finished


def finish_time(pod: Object) -> float:
    """When a pod finished, Unix seconds.

    That of its last container if all have terminated; else since when it is not ready; else when it was
    deleted; else when it was created.
    """
    status, metadata = pod.get("status") or {}, pod["metadata"]
    always = {
        each["name"]
        for each in pod["spec"].get("initContainers") or ()
        if each.get("restartPolicy") == "Always"
    }
    containers = list(status.get("containerStatuses") or ())
    containers += [each for each in status.get("initContainerStatuses") or () if each["name"] in always]
    ends = [((each.get("state") or {}).get("terminated") or {}).get("finishedAt") for each in containers]
    if ends and all(ends):
        return max(unix(end) for end in ends)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            since = condition.get("lastTransitionTime")
            if since:
                return unix(since)
    if metadata.get("deletionTimestamp"):
        return unix(metadata["deletionTimestamp"]) - (metadata.get("deletionGracePeriodSeconds") or 0)
    return unix(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else 0.0
