"""Whether a Volcano Job that runs is completed, or cannot be completed any more (``state/running.go``)."""

from __future__ import annotations

from expander.kube.volcano import COMPLETED, FAILED
from expander.local.decide.volcano.facts import Facts


def conclude(facts: Facts) -> tuple[str, str] | None:
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


def _lacking_task(facts: Facts) -> str:
    """The first task of which too few pods succeeded, where the Job asks for as many as its tasks do."""
    if facts.spec["minAvailable"] < sum(task["minAvailable"] for task in facts.tasks):
        return ""
    for task in facts.tasks:
        name, least = task["name"], task["minAvailable"]
        done = sum(each.phase == "Succeeded" for each in facts.of_task(name))
        if done < least:
            return f"{done} of {task['replicas']} pods of task {name} succeeded, its minAvailable is {least}"
    return ""
