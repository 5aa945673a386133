"""What ``kubectl explain`` says about the fields of batch work, in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OBJECT: Final = {
    "apiVersion": "The group and version of the kind.",
    "kind": "What sort of object this is.",
    "metadata": "Names, labels and what the API keeps about every object.",
}

EXPLANATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Job": _OBJECT
    | {
        "spec": "What the Job shall do.",
        "status": "What the Job has done so far; written by the Job controller.",
    },
    "JobSpec": {
        "activeDeadlineSeconds": (
            "Seconds the Job may be active, counted from its start; after that it fails and its pods "
            "are ended. Time in which it is suspended does not count."
        ),
        "backoffLimit": (
            "How many failures of pods are made good by new pods before the Job fails. 6 if nothing "
            "is said; with backoffLimitPerIndex 2147483647, which is as good as no limit."
        ),
        "backoffLimitPerIndex": (
            "How many failures of one index are made good before that index fails. Only for Indexed "
            "Jobs whose pods never restart."
        ),
        "completionMode": (
            "NonIndexed: any pod that succeeds counts. Indexed: each completion has an index from 0 "
            "to completions - 1, and one pod must succeed for each."
        ),
        "completions": (
            "How many pods must succeed. Without a number, the Job is done when one has succeeded and "
            "all have ended."
        ),
        "managedBy": "Which controller looks after the Job, if not the one of Kubernetes.",
        "manualSelector": (
            "Whether the selector is the author's own affair; by default the API makes one that no "
            "other Job has."
        ),
        "maxFailedIndexes": (
            "How many indexes may fail before the whole Job does. Only with backoffLimitPerIndex."
        ),
        "parallelism": "How many pods may run at a time. 1 if nothing is said.",
        "podFailurePolicy": "What a failure of a pod means, by its exit codes and conditions.",
        "podReplacementPolicy": (
            "When a pod is replaced: once it is ending or has failed, or only once it has failed for good."
        ),
        "selector": "Which pods are the Job's own; made by the API unless manualSelector is set.",
        "successPolicy": "When an Indexed Job has succeeded before all of its indexes have.",
        "suspend": "Whether the Job rests: a Job that is suspended has no pods.",
        "template": "The pod that is made for each completion.",
        "ttlSecondsAfterFinished": (
            "Seconds after which a finished Job is deleted. It stays if nothing is said."
        ),
    },
    "JobStatus": {
        "active": "How many pods are neither finished nor being deleted.",
        "completedIndexes": "The indexes that have succeeded, as numbers and ranges such as 1,3-5.",
        "completionTime": "When the Job completed; a failed Job has none.",
        "conditions": "The states the Job has come to, such as Complete and Failed.",
        "failed": "How many pods failed.",
        "failedIndexes": "The indexes that failed for good, as numbers and ranges.",
        "ready": "How many active pods are ready.",
        "startTime": "When the controller took up the Job, or took it up again after it was suspended.",
        "succeeded": "How many pods succeeded.",
        "terminating": "How many pods are being deleted and have not ended.",
        "uncountedTerminatedPods": "Pods that have ended and are about to be counted.",
    },
    "CronJob": _OBJECT
    | {
        "spec": "Which Jobs start, and when.",
        "status": "What has started so far; written by the CronJob controller.",
    },
    "CronJobSpec": {
        "concurrencyPolicy": (
            "What happens when a Job is due while another runs: Allow both, Forbid the new one, or "
            "Replace the old one."
        ),
        "failedJobsHistoryLimit": "How many failed Jobs are kept. 1 if nothing is said.",
        "jobTemplate": "The Job that starts each time.",
        "schedule": "When Jobs start, as a cron expression of five fields.",
        "startingDeadlineSeconds": ("How many seconds late a Job may start before its turn is passed over."),
        "successfulJobsHistoryLimit": "How many Jobs that completed are kept. 3 if nothing is said.",
        "suspend": "Whether no further Jobs start. Those that run go on.",
        "timeZone": "The time zone of the schedule; that of the controller if nothing is said.",
    },
    "CronJobStatus": {
        "active": "The Jobs that run.",
        "lastScheduleTime": "When a Job was last due and started.",
        "lastSuccessfulTime": "When a Job last completed.",
    },
}
"""By Go type and field."""
