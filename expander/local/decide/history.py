"""Which finished Jobs of a CronJob are too many.

pkg/controller/cronjob decides: of the successful and of the failed ones so many stay as the limits say,
those that started last. A kind without a limit is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from expander.kube.wellknown import Object
from expander.local.decide.conditions import finished

_LIMITS: Final = (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit"))


def surplus(spec: Object, jobs: Iterable[Object]) -> list[Object]:
    """The Jobs to delete, in order; those on their way out are counted, but not deleted again."""
    ended = [(end["type"], job) for job in jobs if (end := finished(job)) is not None]
    found: list[Object] = []
    for kind, field in _LIMITS:
        limit = spec.get(field)
        if limit is not None:
            of_kind = sorted((job for type, job in ended if type == kind), key=_age)
            found += of_kind[: max(0, len(of_kind) - limit)]
    return [job for job in found if not job["metadata"].get("deletionTimestamp")]


def _age(job: Object) -> tuple[bool, str, str]:
    """What finished Jobs are sorted by: the start (whole seconds, as text sorts like time), then the name."""
    start = (job.get("status") or {}).get("startTime")
    return start is None, start or "", job["metadata"]["name"]
