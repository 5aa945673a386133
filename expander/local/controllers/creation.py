"""Creates the pods of Jobs; some may be refused, by a quota for example.

pkg/controller/job decides: one pod first, then twice as many each time as long as all goes well
(slowStartBatch); after a refusal the Job is tried again in 1 s, 2 s, 4 s … 60 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from expander.base.errors import ExpanderError
from expander.local.controllers.pods import Pods
from expander.local.controllers.recorder import Recorder
from expander.local.decide.decision import pod_created
from expander.local.store.encoding import Object

FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds (DefaultJobApiBackOff, MaxJobApiBackOff)."""


class Creation:
    """The pods that Jobs ask for, and how often each Job was refused one in a row."""

    def __init__(self, pods: Pods, recorder: Recorder) -> None:
        self._pods = pods
        self._recorder = recorder
        self._refusals: dict[str, int] = {}

    def create(self, job: Object, wanted: Sequence[dict[str, Any]], now: float) -> int:
        """Create the pods ``wanted``; how many were not."""
        left = len(wanted)
        for batch in _batches(wanted):
            refused = sum(not self._create(job, pod, now) for pod in batch)
            left -= len(batch) - refused
            if refused:
                uid = job["metadata"]["uid"]
                self._refusals[uid] = self._refusals.get(uid, 0) + 1
                return left
        if wanted:
            self.forget(job["metadata"]["uid"])
        return 0

    def retry_at(self, uid: str, now: float) -> float | None:
        """When to try again for a Job that was refused a pod, Unix seconds; None when it was not."""
        times = self._refusals.get(uid)
        return None if times is None else now + min(LAST_RETRY, FIRST_RETRY * 2 ** min(times - 1, 30))

    def forget(self, uid: str) -> None:
        """The Job asks for no more pods."""
        self._refusals.pop(uid, None)

    def _create(self, job: Object, pod: dict[str, Any], now: float) -> bool:
        try:
            made = self._pods.create(pod, now)
        except ExpanderError as error:
            self._recorder.record(job, "Warning", "FailedCreate", f"Error creating: {error}", now)
            return False
        self._recorder.record(job, *pod_created(made["metadata"]["name"]), now)
        return True


def _batches(wanted: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    start, size = 0, 1
    while start < len(wanted):
        yield wanted[start : start + size]
        start, size = start + size, size * 2
