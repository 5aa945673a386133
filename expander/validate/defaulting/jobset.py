"""The defaults of JobSets (pkg/webhooks/jobset_webhook.go of JobSet), and of the Jobs in them."""

from __future__ import annotations

from typing import Any

from expander.validate.defaulting.jobs import job


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
