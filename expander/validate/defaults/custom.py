"""The defaults of JobSets (pkg/webhooks/jobset_webhook.go of JobSet), and of the Jobs in them.

The defaults of Volcano Jobs (pkg/webhooks/admission/jobs/mutate of Volcano), and of the pods in them.

The webhook leaves the pod templates to the API server that makes pods of them; here they get its defaults at
once, so that rules and controllers can rely on them.
"""

from __future__ import annotations

from typing import Any, Final

from expander.validate.defaults.batch import job
from expander.validate.defaults.core import pod_spec


def jobset(obj: dict[str, Any]) -> None:
    """Fill in a JobSet; its Jobs are Indexed unless they say otherwise, and their pods restart on failure."""
    spec = obj["spec"]
    _first(spec, "successPolicy", {"operator": "All"})
    _first(spec, "startupPolicy", {"startupPolicyOrder": "AnyOrder"})
    network = spec.setdefault("network", {})
    network.setdefault("enableDNSHostnames", True)
    network.setdefault("publishNotReadyAddresses", True)
    if "failurePolicy" in spec:
        for index, rule in enumerate(spec["failurePolicy"].get("rules") or ()):
            if not rule.get("name"):
                rule["name"] = f"failurePolicyRule{index}"
    for part in spec.get("replicatedJobs") or ():
        part.setdefault("replicas", 1)
        template = part["template"]
        inner = template["spec"]
        inner.setdefault("completionMode", "Indexed")
        pod = inner["template"]["spec"]
        if not pod.get("restartPolicy"):
            pod["restartPolicy"] = "OnFailure"
        job(template)


def _first(spec: dict[str, Any], field: str, value: dict[str, Any]) -> None:
    """Give the one field of a policy its value when the policy or the field is not there."""
    policy = spec.setdefault(field, {})
    for name, default in value.items():
        if not policy.get(name):
            policy[name] = default


QUEUE: Final = "default"
SCHEDULER: Final = "volcano"
DEFAULT_MAX_RETRY: Final = 3
TASK: Final = "default"
"""A task without a name is called so, with its number behind it."""

NEEDS: Final = {"tensorflow": ("svc",), "pytorch": ("svc",), "mpi": ("svc", "ssh")}
"""The plugins that others need and that are added to them."""


def volcano_job(obj: dict[str, Any]) -> None:
    """Fill in a Volcano Job."""
    spec = obj["spec"]
    for field, value in (("queue", QUEUE), ("schedulerName", SCHEDULER), ("maxRetry", DEFAULT_MAX_RETRY)):
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
        task["maxRetry"] = DEFAULT_MAX_RETRY
    pod = task["template"]["spec"]
    if pod.get("hostNetwork") and not pod.get("dnsPolicy"):
        pod["dnsPolicy"] = "ClusterFirstWithHostNet"
    if not pod.get("schedulerName"):
        pod["schedulerName"] = scheduler
    pod_spec(pod)
