"""The Jobs a CronJob makes: its template with a name, an owner and the time it stands for.

pkg/controller/cronjob/utils.go decides (getJobFromTemplate2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from expander.kube.cron import named_zone

SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def job_name(cron_job: Mapping[str, Any], scheduled: int) -> str:
    """The name of the Job for the time ``scheduled`` (Unix seconds): it counts minutes."""
    return f"{cron_job['metadata']['name']}-{scheduled // 60}"


def make_job(cron_job: Mapping[str, Any], scheduled: int) -> dict[str, Any]:
    """The Job for the time ``scheduled`` (Unix seconds), as the controller sends it to the API.

    Raises ValueError when the CronJob's time zone does not exist.
    """
    spec, metadata = cron_job["spec"], cron_job["metadata"]
    template = spec["jobTemplate"]
    own = template.get("metadata") or {}
    made = {
        "name": job_name(cron_job, scheduled),
        "namespace": metadata.get("namespace", "default"),
        "annotations": {
            **(own.get("annotations") or {}),
            SCHEDULED: local_time(scheduled, spec.get("timeZone")),
        },
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if own.get("labels"):
        made["labels"] = dict(own["labels"])
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]}


def local_time(seconds: int, zone: str | None) -> str:
    """A Unix time in RFC 3339 with the offset of ``zone`` (UTC when None), ``Z`` for none."""
    text = datetime.fromtimestamp(seconds, UTC).astimezone(named_zone(zone or "")).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
