"""When a finished Job is to be deleted.

pkg/controller/ttlafterfinished decides: ttlSecondsAfterFinished after the Job completed or failed, with
foreground propagation.
"""

from __future__ import annotations

from typing import Final

from expander.kube.time import unix
from expander.kube.volcano import end_of
from expander.kube.wellknown import Object
from expander.local.decide.conditions import finished

PROPAGATION: Final = "Foreground"


def expires_at(job: Object) -> float | None:
    """When the Job is to be deleted, Unix seconds; None while it runs, or when it is to stay."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None or job["metadata"].get("deletionTimestamp"):
        return None
    end = finished(job) or end_of(job)
    return None if end is None else unix(end["lastTransitionTime"]) + seconds
