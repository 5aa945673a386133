"""The defaults of Jobs and CronJobs (SetDefaults_Job and SetDefaults_CronJob in pkg/apis/batch/v1)."""

from __future__ import annotations

from typing import Any

from expander.validate.defaults.core import pod_spec

INT32_MAX = 2**31 - 1
CRON_JOB = {"suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1}


def job(obj: dict[str, Any]) -> None:
    """Fill in a Job."""
    spec = obj["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", INT32_MAX if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    for rule in spec.get("podFailurePolicy", {}).get("rules", ()):
        for pattern in rule.get("onPodConditions", ()):
            if not pattern.get("status"):
                pattern["status"] = "True"
    labels = spec["template"]["metadata"].get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    pod_spec(spec["template"]["spec"])


def cron_job(obj: dict[str, Any]) -> None:
    """Fill in a CronJob; of its Job template only the pod is filled in, as the server does."""
    spec = obj["spec"]
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    for field, value in CRON_JOB.items():
        spec.setdefault(field, value)
    pod_spec(spec["jobTemplate"]["spec"]["template"]["spec"])
