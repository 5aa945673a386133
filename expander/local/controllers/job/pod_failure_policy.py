"""Which rule of a Job's podFailurePolicy a failed pod matches, and what follows.

pkg/controller/job (pod_failure_policy.go) decides: the first rule that matches; containers before init
containers; only terminated containers with a non-zero exit code; conditions in the order of the pod's
status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.base.named_tuple import NamedTuple
from expander.kube.wellknown import Object


class Match(NamedTuple):
    """What the policy says of a pod: ``action`` is None when no rule matched.

    ``message`` is the Job's failure message, set for FailJob only.
    """

    action: str | None = None
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts towards the limits."""
        return self.action != "Ignore"


NO_MATCH = Match()


def match(policy: Object | None, pod: Object) -> Match:
    """The first rule of ``policy`` (None for a Job without one) that the failed pod matches."""
    for number, rule in enumerate((policy or {}).get("rules") or ()):
        found = _of_exit_codes(rule, pod) if rule.get("onExitCodes") else _of_conditions(rule, pod)
        if found:
            action = rule["action"]
            message = f"{found} matching FailJob rule at index {number}" if action == "FailJob" else ""
            return Match(action, message)
    return NO_MATCH


def _of_exit_codes(rule: Object, pod: Object) -> str:
    wanted, status = rule["onExitCodes"], pod.get("status") or {}
    container = _container(status.get("containerStatuses"), wanted)
    container = container or _container(status.get("initContainerStatuses"), wanted)
    if container is None:
        return ""
    code = container["state"]["terminated"]["exitCode"]
    return f"Container {container['name']} for pod {_full_name(pod)} failed with exit code {code}"


def _container(statuses: Iterable[Any] | None, wanted: Object) -> Object | None:
    """The first terminated container whose exit code the rule wants."""
    name, values, inside = wanted.get("containerName"), wanted["values"], wanted["operator"] == "In"
    for each in statuses or ():
        code = ((each.get("state") or {}).get("terminated") or {}).get("exitCode")
        if code and (name is None or each["name"] == name) and (code in values) is inside:
            found: Object = each
            return found
    return None


def _of_conditions(rule: Object, pod: Object) -> str:
    patterns = {(each["type"], each.get("status") or "True") for each in rule.get("onPodConditions") or ()}
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if (condition.get("type"), condition.get("status")) in patterns:
            return f"Pod {_full_name(pod)} has condition {condition['type']}"
    return ""


def _full_name(pod: Object) -> str:
    metadata = pod["metadata"]
    return f"{metadata.get('namespace', 'default')}/{metadata['name']}"
