"""What has happened to a Volcano Job, and what its lifecycle policies make of it.

Volcano hears of changes (job_controller_handler.go) and looks for the first policy that fits, those of the
task before those of the Job (``applyPolicies``). Here pods are looked at again and again, so what was seen is
remembered. The events Unknown and JobUpdated do not come up on one machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.kube.time import parse_duration
from expander.kube.volcano import COMMAND_ISSUED
from expander.kube.wellknown import Object
from expander.local.controllers.volcano.pods import LIVE, TaskPod, TaskPods

ANY: Final = "*"
FAILED: Final = "PodFailed"
EVICTED: Final = "PodEvicted"
PENDING: Final = "PodPending"
COMPLETED: Final = "TaskCompleted"
TASK_FAILED: Final = "TaskFailed"
COMMAND: Final = COMMAND_ISSUED

UNLIMITED: Final = -1
"""The ``maxRetry`` of a task that never counts as failed."""


class LifecycleEvent(NamedTuple):
    """Something that a policy can answer to; ``since`` (Unix seconds) is when."""

    event: str
    task: str
    pod: str
    exit_code: int
    since: float

    def __str__(self) -> str:
        code = f" with exit code {self.exit_code}" if self.exit_code else ""
        if self.event == FAILED:
            return f"pod {self.pod} failed{code}"
        words = {
            EVICTED: f"pod {self.pod} was evicted",
            PENDING: f"pod {self.pod} is still pending",
            COMPLETED: f"task {self.task} is completed",
            COMMAND: "a Command was issued",
        }
        return words.get(self.event, f"task {self.task} has restarted its containers too often")


class PolicyAction(NamedTuple):
    """An action that a policy asks for, when it is due, and why."""

    action: str
    due: float
    why: LifecycleEvent


def lifecycle_events(facts: TaskPods, memory: Object, version: int, now: float) -> Iterator[LifecycleEvent]:
    """What is new since the last sync, of which ``memory`` is, and what goes on."""
    seen = memory.get("seen") or {}
    for each in facts.members:
        if each.version < version or each.killed:
            continue
        since = (memory.get("pending") or {}).get(each.uid, now)
        if each.deleted:
            if seen.get(each.uid) != EVICTED:
                yield LifecycleEvent(EVICTED, each.task, each.name, 0, now)
        elif each.phase == "Failed" and each.uid not in seen:
            yield LifecycleEvent(FAILED, each.task, each.name, each.exit_code, now)
        elif each.phase == "Succeeded" and each.uid not in seen and _is_completed(facts, each):
            yield LifecycleEvent(COMPLETED, each.task, each.name, 0, now)
        elif each.phase == "Pending":
            yield LifecycleEvent(PENDING, each.task, each.name, 0, since)
    for task in facts.tasks:
        if _has_failed(facts, task):
            yield LifecycleEvent(TASK_FAILED, task["name"], "", 0, now)


def remember(facts: TaskPods, now: float, memory: Object) -> dict[str, Any]:
    """What to remember of the pods until the next sync."""
    ends = {
        each.uid: EVICTED if each.deleted else each.phase
        for each in facts.members
        if each.deleted or each.phase not in LIVE
    }
    before = memory.get("pending") or {}
    pending = {
        each.uid: before.get(each.uid, now)
        for each in facts.members
        if each.phase == "Pending" and not each.deleted
    }
    return {name: value for name, value in (("seen", ends), ("pending", pending)) if value}


def action_for(facts: TaskPods, happening: LifecycleEvent) -> PolicyAction | None:
    """What the first policy that fits asks for; None when there is none."""
    task = next((each for each in facts.tasks if each["name"] == happening.task), {})
    for policy in (*(task.get("policies") or ()), *(facts.spec.get("policies") or ())):
        if _fits(policy, happening):
            seconds = parse_duration(policy["timeout"]) / 1e9 if policy.get("timeout") else 0.0
            return PolicyAction(policy.get("action") or "SyncJob", happening.since + seconds, happening)
    return None


def _fits(policy: Object, happening: LifecycleEvent) -> bool:
    events = {*(policy.get("events") or ()), policy.get("event")}
    if happening.event == PENDING:
        # a pod is always pending for a moment, so this one is only heard after a while, and by name
        return PENDING in events and bool(policy.get("timeout"))
    if happening.event in events or ANY in events:
        return True
    return bool(happening.exit_code) and policy.get("exitCode") == happening.exit_code


def _is_completed(facts: TaskPods, pod: TaskPod) -> bool:
    """Whether all pods of the task of ``pod`` have succeeded."""
    replicas = next((each["replicas"] for each in facts.tasks if each["name"] == pod.task), 0)
    done = sum(each.phase == "Succeeded" for each in facts.of_task(pod.task))
    return 0 < replicas <= done


def _has_failed(facts: TaskPods, task: Object) -> bool:
    """Whether the containers of a task's pods that have not ended were restarted ``maxRetry`` times."""
    if task["maxRetry"] == UNLIMITED:
        return False
    restarts = sum(each.restarts for each in facts.of_task(task["name"]) if each.phase in LIVE)
    return bool(restarts >= task["maxRetry"])
