"""One sync of a Volcano Job: from what has happened to a phase, and to pods.

pkg/controllers/job decides: ``state/*.go`` which action is possible in which phase and what it leads to
(``state/running.go`` when the Job is completed or cannot be any more), ``syncJob`` and ``killJob``
(job_controller_actions.go) which pods are made and which are deleted. A Job whose tasks have no replicas is
completed here; Volcano waits for somebody to scale it up.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube import volcano
from expander.kube.time import api_time, unix
from expander.kube.volcano import COMPLETED, ENDS, FAILED, LEADS_TO, PENDING, RESTARTING, RUNNING, pod_name
from expander.kube.wellknown import Object
from expander.local.controllers.job.context import Decision, Event
from expander.local.controllers.job.pods import JobPods
from expander.local.controllers.volcano import policies
from expander.local.controllers.volcano.plugins import UNSUPPORTED_PLUGINS
from expander.local.controllers.volcano.pods import LIVE, PodGroupSpec, TaskPod, TaskPodFactory, TaskPods
from expander.local.controllers.volcano.policies import PolicyAction


def finished_phase(facts: TaskPods) -> tuple[str, str] | None:
    """The phase that the Job goes to, and why; None while it goes on.

    With ``minSuccess`` so many pods are enough. Otherwise all must have ended, and of each task and of the
    whole Job as many as ``minAvailable`` must have succeeded.
    """
    replicas, least = facts.replicas, facts.spec.get("minSuccess")
    succeeded, ended = facts.counted("Succeeded"), facts.counted("Succeeded", "Failed")
    if not replicas or (least is not None and succeeded >= least):
        return COMPLETED, ""
    if ended < replicas:
        return None
    lacking = _lacking_task(facts)
    if lacking:
        return FAILED, lacking
    wanted = facts.spec["minAvailable"] if least is None else least
    if succeeded >= wanted:
        return COMPLETED, ""
    what = "minAvailable" if least is None else "minSuccess"
    return FAILED, f"{succeeded} of {replicas} pods succeeded, {what} is {wanted}"


def _lacking_task(facts: TaskPods) -> str:
    """The first task of which too few pods succeeded, where the Job asks for as many as its tasks do."""
    if facts.spec["minAvailable"] < sum(task["minAvailable"] for task in facts.tasks):
        return ""
    for task in facts.tasks:
        name, least = task["name"], task["minAvailable"]
        done = sum(each.phase == "Succeeded" for each in facts.of_task(name))
        if done < least:
            return f"{done} of {task['replicas']} pods of task {name} succeeded, its minAvailable is {least}"
    return ""


RESUME: Final = "ResumeJob"


class StateMachine:
    """Phase, version and retries of a Job; ``told`` says which actions were carried out."""

    def __init__(self, job: Object, now: float) -> None:
        self._now = now
        self._before: dict[str, Any] = job.get("status") or {}
        self._spec = job["spec"]
        self._state: dict[str, Any] = dict(self._before.get("state") or {})
        self._conditions: list[dict[str, Any]] = list(self._before.get("conditions") or ())
        self.version: int = self._before.get("version") or 0
        self.retries: int = self._before.get("retryCount") or 0
        self.told: list[str] = []

    @property
    def phase(self) -> str:
        """The phase now; empty before the first."""
        return str(self._state.get("phase") or "")

    def go(self, phase: str, message: str = "") -> None:
        """Enter a phase. Why the one before was entered stays said, unless the Job starts anew."""
        at = api_time(self._now)
        why: dict[str, Any] = {key: self._state[key] for key in ("reason", "message") if key in self._state}
        if message:
            why = {"reason": why.get("reason", phase), "message": message}
        elif phase == RUNNING:
            why = {}
        self._state = {"phase": phase} | why | {"lastTransitionTime": at}
        self._conditions.append({"status": phase, "lastTransitionTime": at})

    def act(self, action: str, phase: str, event: str, why: str) -> None:
        """Enter a phase because a policy asked for an action."""
        self._state |= {"reason": event, "message": f"{why}: {action}"}
        self.go(phase)
        self.told.append(f"Start to execute action {action}")

    def resume(self) -> None:
        """Go on after an abort, because a Command asked for it."""
        self.retries += 1
        self.act(RESUME, RESTARTING, policies.COMMAND, "a Command was issued")

    def status(self, facts: TaskPods, created: int) -> dict[str, Any]:
        """The whole status; ``created`` pods come to those of ``facts``."""
        tasks: dict[str, Counter[str]] = {}
        counts: Counter[str] = Counter(Pending=created)
        for each in facts.members:
            counts["Terminating" if each.gone else each.phase] += 1
            if not each.gone:
                tasks.setdefault(each.task, Counter())[each.phase] += 1
        status: dict[str, Any] = {"state": self._state, "minAvailable": self._spec["minAvailable"]}
        if tasks:
            status["taskStatusCount"] = {name: {"phase": dict(tasks[name])} for name in sorted(tasks)}
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Terminating", "Unknown"):
            if counts[phase]:
                status[phase.lower()] = counts[phase]
        for field, value in (("version", self.version), ("retryCount", self.retries)):
            if value:
                status[field] = value
        if self.phase in ENDS:
            status["runningDuration"] = self._duration()
        given = {
            f"plugin-{name}": name
            for name in self._spec.get("plugins") or ()
            if name not in UNSUPPORTED_PLUGINS
        }
        if given:
            status["controlledResources"] = given
        status["conditions"] = self._conditions
        return status

    def _duration(self) -> str:
        """From the first time the Job was running to its end, in whole seconds as the times are."""
        began = next((each for each in self._conditions if each["status"] == RUNNING), self._conditions[-1])
        seconds = unix(self._state["lastTransitionTime"]) - unix(began["lastTransitionTime"])
        return f"{max(0, int(seconds))}s"


def resumed_status(job: Object, now: float) -> dict[str, Any]:
    """The status of a Job that was aborted and goes on: the pods that ended stay and count."""
    progress = StateMachine(job, now)
    progress.resume()
    return progress.status(TaskPods(job, JobPods()), 0)


KILL_ACTIONS: Final = {
    "AbortJob": volcano.ABORTING,
    "TerminateJob": volcano.TERMINATING,
    "CompleteJob": volcano.COMPLETING,
}
"""Actions that end the Job, and the phase in which its pods are waited for; pods that ended stay."""

RESTART_ACTIONS: Final = ("RestartJob", "RestartTask", "RestartPod", "RestartPartition")
"""Actions that delete all pods, those of a task, or one; all of them count as a retry."""


@dataclass(slots=True)
class VolcanoDecision(Decision):
    """A decision that says of the pods that wait how many must get a place at once."""

    pod_group: PodGroupSpec | None = None


def sync_volcano_job(job: Object, pods: JobPods, now: float, *, memory: Object) -> VolcanoDecision:
    """What to do for ``job``, a defaulted and stored Volcano Job, at ``now`` (Unix seconds).

    ``pods`` are those of the Job that were not released; ``memory`` is what the last sync returned, or
    empty. Nothing given is changed.
    """
    return _Sync(job, pods, now, memory).take()


class _Sync:
    def __init__(self, job: Object, pods: JobPods, now: float, memory: Object) -> None:
        self.job, self.now, self.memory = job, now, memory
        self.facts = TaskPods(job, pods, memory.get("killed") or ())
        self.spec = self.facts.spec
        self.decision = VolcanoDecision({})
        self.progress = StateMachine(job, now)
        self.has_looked = False
        self.killed = [each.uid for each in self.facts.members if each.uid in set(memory.get("killed") or ())]

    def take(self) -> VolcanoDecision:
        progress, decision = self.progress, self.decision
        if not progress.phase:
            progress.go(PENDING)
        if progress.phase not in ENDS:
            self._obey()
            self._settle()
            if progress.phase in (PENDING, RUNNING):
                self._make_pods()
                self._settle()
        if progress.phase in ENDS:
            self._kill(self.facts.members, keep_ended=True)
        decision.release = [each.uid for each in self.facts.members if self._is_done_with(each)]
        decision.status = progress.status(self.facts, len(decision.create))
        decision.changed = decision.status != (self.job.get("status") or {})
        decision.events += [Event("Normal", "ExecuteAction", words) for words in progress.told]
        if progress.phase not in ENDS:
            self._remember()
        return decision

    def _obey(self) -> None:
        """Do what the policies and Commands ask for; a Job that is being aborted may be resumed."""
        if self.progress.phase in (PENDING, RUNNING):
            self._obey_policies()
        orders = self.memory.get("orders") or ()
        if self.progress.phase == volcano.ABORTING and any(order[0] == RESUME for order in orders):
            self.memory = {**self.memory, "orders": []}
            self.progress.resume()

    def _obey_policies(self) -> None:
        """Do what is asked for; after an action on the whole Job the rest is outdated."""
        self.has_looked = True
        kept = [
            PolicyAction(action, due, policies.LifecycleEvent(*why))
            for action, due, why in self.memory.get("orders") or ()
        ]
        new = []
        for happening in policies.lifecycle_events(self.facts, self.memory, self.progress.version, self.now):
            order = policies.action_for(self.facts, happening)
            if order is not None:
                new.append(order)
        later: list[PolicyAction] = []
        orders = [*kept, *new]
        for number, order in enumerate(orders, 1):
            if order.due > self.now:
                self.decision.ask_again(order.due)
                later += [] if order.why.event == policies.PENDING else [order]
            elif self._execute(order):
                later = [each for each in orders[number:] if each.action == RESUME]
                break
        self.memory = {**self.memory, "orders": [[*each[:2], list(each.why)] for each in later]}

    def _execute(self, order: PolicyAction) -> bool:
        """Carry out an action; whether it was one on the whole Job."""
        action, why = order.action, order.why
        members = self.facts.members
        if action in KILL_ACTIONS:
            self.progress.act(action, KILL_ACTIONS[action], why.event, str(why))
            self._kill(members, keep_ended=True)
            return True
        if action not in RESTART_ACTIONS:  # SyncJob, and ResumeJob of a Job that is not aborted
            return False
        whole = action == "RestartJob"
        targets = [
            each
            for each in members
            if whole
            or (each.task == why.task if action != "RestartPod" or not why.pod else each.name == why.pod)
        ]
        is_last = self.progress.retries >= self.spec["maxRetry"] - 1
        if self.progress.phase != RESTARTING:  # what fails together is one retry
            self.progress.retries += 1
        self.progress.act(action, RESTARTING, why.event, str(why))
        self._kill(targets, keep_ended=is_last)
        if whole:
            self.progress.version += 1
        return whole

    def _settle(self) -> None:
        """Go on to where nothing has to be waited for."""
        progress = self.progress
        if progress.phase in LEADS_TO and not any(self._lives(each) for each in self.facts.members):
            progress.go(LEADS_TO[progress.phase])
        if progress.phase == RESTARTING:
            if progress.retries >= self.spec["maxRetry"]:
                progress.go(
                    volcano.FAILED, f"the Job was restarted {progress.retries} times, which is its maxRetry"
                )
            elif not self.facts.killed:
                progress.go(PENDING)
        if progress.phase == PENDING and self._begun >= self.spec["minAvailable"]:
            progress.go(RUNNING)
        end = finished_phase(self.facts) if progress.phase == RUNNING else None
        if end is not None:
            progress.go(*end)

    def _make_pods(self) -> None:
        """Make the pods that are missing and can begin; delete those there are too many of."""
        there = {each.name for each in self.facts.members}
        wanted, named = [], set()
        for task in self.facts.tasks:
            begins = self.facts.can_begin(task)
            for index in range(task["replicas"]):
                name = pod_name(self.job["metadata"]["name"], task["name"], index)
                named.add(name)
                if begins and name not in there:
                    wanted.append((task, index))
        self._kill([each for each in self.facts.members if each.name not in named], keep_ended=True)
        waiting = len(wanted) + self.facts.counted("Pending")
        if not waiting:
            return
        least = max(1, min(waiting, self.spec["minAvailable"] - self._begun))
        key = f"{self.job['metadata']['uid']}/{self.progress.version}"
        self.decision.pod_group = pod_group = PodGroupSpec(key, least)
        factory = TaskPodFactory(self.job, self.progress.version, pod_group)
        self.decision.create += [factory.new_pod(task, index) for task, index in wanted]

    def _kill(self, targets: list[TaskPod], *, keep_ended: bool) -> None:
        for each in targets:
            if not (each.gone or (keep_ended and each.phase not in LIVE)):
                self.facts.killed.append(each.uid)
                each.killed = True
                self.decision.delete.append(each.uid)

    def _lives(self, member: TaskPod) -> bool:
        """Whether a pod still has to end."""
        return member.phase in LIVE or member.phase == "Unknown"

    def _is_done_with(self, member: TaskPod) -> bool:
        """Whether nobody has to think of the pod any more once this sync is over."""
        return self.progress.phase in ENDS or (member.gone and not self._lives(member))

    @property
    def _begun(self) -> int:
        """Pods that have begun, ended ones included."""
        return self.facts.counted("Running", "Succeeded", "Failed")

    def _remember(self) -> None:
        """What was not looked at, because pods are waited for, is still new in the next sync."""
        if self.has_looked:
            memory = policies.remember(self.facts, self.now, self.memory)
        else:
            memory = {name: self.memory[name] for name in ("seen", "pending") if self.memory.get(name)}
        if self.facts.killed:
            memory["killed"] = self.facts.killed
        if self.memory.get("orders"):
            memory["orders"] = self.memory["orders"]
        self.decision.memory = memory
