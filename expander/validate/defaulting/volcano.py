"""The defaults of Volcano Jobs (pkg/webhooks/admission/jobs/mutate of Volcano), and of the pods in them.

The webhook leaves the pod templates to the API server that makes pods of them; here they get its defaults at
once, so that rules and controllers can rely on them.
"""

from __future__ import annotations

from typing import Any, Final

from expander.validate.defaulting.pods import pod_spec

QUEUE: Final = "default"
SCHEDULER: Final = "volcano"
MAX_RETRY: Final = 3
TASK: Final = "default"
"""A task without a name is called so, with its number behind it."""

NEEDS: Final = {"tensorflow": ("svc",), "pytorch": ("svc",), "mpi": ("svc", "ssh")}
"""The plugins that others need and that are added to them."""


def volcano_job(obj: dict[str, Any]) -> None:
    """Fill in a Volcano Job."""
    spec = obj["spec"]
    for field, value in (("queue", QUEUE), ("schedulerName", SCHEDULER), ("maxRetry", MAX_RETRY)):
        if not spec.get(field):
            spec[field] = value
    tasks = spec.get("tasks") or ()
    for index, task in enumerate(tasks):
        _task(task, index, spec["schedulerName"])
    if not spec.get("minAvailable"):
        spec["minAvailable"] = sum(task["minAvailable"] for task in tasks)
    plugins = spec.get("plugins")
    for name in [name for name in plugins or () if name in NEEDS]:
        for needed in NEEDS[name]:
            plugins.setdefault(needed, [])


def _task(task: dict[str, Any], index: int, scheduler: str) -> None:
    task.setdefault("replicas", 0)
    if not task.get("name"):
        task["name"] = f"{TASK}{index}"
    task.setdefault("minAvailable", task["replicas"])
    if not task.get("maxRetry"):
        task["maxRetry"] = MAX_RETRY
    pod = task["template"]["spec"]
    if pod.get("hostNetwork") and not pod.get("dnsPolicy"):
        pod["dnsPolicy"] = "ClusterFirstWithHostNet"
    if not pod.get("schedulerName"):
        pod["schedulerName"] = scheduler
    pod_spec(pod)
