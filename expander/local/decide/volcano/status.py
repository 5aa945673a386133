"""The status of a Volcano Job as it goes from phase to phase."""

from __future__ import annotations

from collections import Counter
from typing import Any

from expander.kube.time import api_time, unix
from expander.kube.volcano import ENDS, RUNNING
from expander.kube.wellknown import Object
from expander.local.decide.volcano.facts import Facts
from expander.local.decide.volcano.plugins import UNGIVEN


class Progress:
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

    def status(self, facts: Facts, created: int) -> dict[str, Any]:
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
        given = {f"plugin-{name}": name for name in self._spec.get("plugins") or () if name not in UNGIVEN}
        if given:
            status["controlledResources"] = given
        status["conditions"] = self._conditions
        return status

    def _duration(self) -> str:
        """From the first time the Job was running to its end, in whole seconds as the times are."""
        began = next((each for each in self._conditions if each["status"] == RUNNING), self._conditions[-1])
        seconds = unix(self._state["lastTransitionTime"]) - unix(began["lastTransitionTime"])
        return f"{max(0, int(seconds))}s"
