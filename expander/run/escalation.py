"""What a failed attempt gets more of, by policy: ``--on-oom x2,max=64Gi``, ``--on-timeout x2``, ``--on-exit
42=retry:3``. Pure.

It applies to Jobs of one pod at a time, which is an item's, and to the indexes of Indexed Jobs. The first pod
that runs out of memory decides: another one of the same size would do so too. The successor is the Job's next
attempt under its own name; an index gets a Job of its own when its Indexed Job has given it up. The
annotation ``expander/origin`` says which manifest a successor still stands for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.option_names import option
from expander.base.regex import regex
from expander.kube.objects import Object, completion_index, statuses_of
from expander.kube.quantity import binary_text, fault, parse
from expander.kube.volcano import is_volcano
from expander.manifests.rerun import (
    ORIGIN_ANNOTATION,
    RETRIES_ANNOTATION,
    digest,
    indexes,
    is_chunk,
    rerun,
    rerun_index,
    retried_indexes,
)

MAX_GROWTHS: Final = 10
"""So often an item gets more of something at most."""

OOM_KILLED: Final = "OOMKilled"
EVICTED: Final = "Evicted"
TIMED_OUT: Final = "DeadlineExceeded"

_GROWTH = regex(r"x([0-9]{1,3}(?:\.[0-9]{1,3})?)(?:,max=([0-9A-Za-z.]+))?")
_EXIT = regex(r"([0-9]{1,3}(?:,[0-9]{1,3})*)=retry:([0-9]{1,4})")
_USING = regex(r"Container ([-a-z0-9]+) was using")
_SPAN = regex(r"([0-9]{1,9})([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Growth:
    """A limit is multiplied by ``factor``, up to ``most`` (bytes or seconds; None: without a bound)."""

    factor: Fraction
    most: int | None = None

    def of(self, limit: int) -> int | None:
        """The next limit; None when there is none above ``limit``."""
        grown = int(limit * self.factor)
        if self.most is not None:
            grown = min(grown, self.most)
        return grown if grown > limit else None


@dataclass(frozen=True, slots=True)
class Escalation:
    """When an item is tried again, and with what: more memory, more time, or the same (exit codes, with how
    often at most)."""

    oom: Growth | None = None
    timeout: Growth | None = None
    exits: Mapping[int, int] | None = None

    @classmethod
    def parse(cls, oom: str | None, timeout: str | None, exits: Sequence[str]) -> Escalation | None:
        """``x2``, ``x1.5,max=64Gi``; ``x2,max=6h``; ``42=retry:3``. None for no policy at all.

        Raises UsageError for anything else.
        """
        if oom is None and timeout is None and not exits:
            return None
        codes: dict[int, int] = {}
        for text in (exits,) if isinstance(exits, str) else exits:
            match = _EXIT.fullmatch(text)
            if match is None or any(not 0 < int(code) < 256 for code in match[1].split(",")):
                raise UsageError(
                    f"{option('--on-exit')}: found {text!r}, expected CODE=retry:N",
                    hint="42=retry:3, or 42,43=retry:3",
                )
            times = int(match[2])
            for code in map(int, match[1].split(",")):
                if codes.setdefault(code, times) != times:
                    also = f"retry:{codes[code]} and retry:{times}"
                    raise UsageError(f"{option('--on-exit')} sets {code} twice: {also}")
        return cls(
            None if oom is None else _growth("--on-oom", oom, _bytes, "x2,max=64Gi"),
            None if timeout is None else _growth("--on-timeout", timeout, _span, "x2,max=6h"),
            codes,
        )


def _growth(typed: str, text: str, amount: Any, example: str) -> Growth:
    match = _GROWTH.fullmatch(text)
    most = amount(match[2]) if match and match[2] else None
    if match is None or Fraction(match[1]) <= 1 or (match[2] and not most):
        raise UsageError(
            f"{option(typed)}: found {text!r}, expected xFACTOR[,max=LIMIT]",
            hint=f"FACTOR is more than 1, for example {example}",
        )
    return Growth(Fraction(match[1]), most)


def _bytes(text: str) -> int:
    if wrong := fault(text):
        raise UsageError(f"{option('--on-oom')}: max={text} {wrong}")
    return int(parse(text))


def _span(text: str) -> int | None:
    match = _SPAN.fullmatch(text)
    return int(match[1]) * _SECONDS[match[2]] if match else None


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """The Job to create in the place of one that failed; why, and what it has another of (``memory 2Gi``).

    With ``index`` it is created beside the Indexed Job of which that index has failed.
    """

    tree: dict[str, Any]
    reason: str
    change: str
    index: int | None = None


def one_pod(job: Object) -> bool:
    """Whether ``job`` is done by one pod, so that the Job as a whole is the attempt at an item."""
    spec = job["spec"]
    return (
        not is_volcano(job)
        and spec.get("completionMode") != "Indexed"
        and (spec.get("completions") or 1) == 1
        and (spec.get("parallelism", 1) or 0) <= 1
    )


def is_cause(pod: Object, policy: Escalation) -> bool:
    """Whether ``pod`` may be why the policy tries its Job again before that has failed."""
    short = bool(policy.oom) and bool(_out_of_memory([pod]) or _evicted_for_memory([pod]))
    return short or bool(policy.exits and _exit_code([pod]) in policy.exits)


def is_indexed(job: Object) -> bool:
    """Whether ``job`` is an Indexed Job, of which each index is an attempt of its own."""
    return not is_volcano(job) and job["spec"].get("completionMode") == "Indexed"


def caveat(job: Object) -> str | None:
    """What to say of a Job that a policy does not apply to, or not at once; None for any other."""
    name = f"job/{job['metadata']['name']}"
    if is_indexed(job) and job["spec"].get("backoffLimitPerIndex") is None:
        return f"{name} has no backoffLimitPerIndex: its failed indexes are tried again when it has failed"
    if is_chunk(job):
        return f"{name} does several items in one pod: its exit code is not that of an item"
    if one_pod(job) or is_indexed(job):
        return None
    return f"{name} has several pods: failed ones are not tried again with more"


def next_attempts(job: Object, pods: Sequence[Object], policy: Escalation) -> list[NextAttempt]:
    """What the policy has for ``job``, of which a pod, or itself, has failed; empty when it has nothing.

    ``pods`` are those of this attempt, oldest first. It is one attempt in the place of the Job, or one for
    each failed index that has no Job of its own yet.
    """
    if one_pod(job):
        found = _attempt(rerun(job), job, pods, policy)
        return [] if found is None else [found]
    return _index_attempts(job, pods, policy) if is_indexed(job) else []


def _index_attempts(job: Object, pods: Sequence[Object], policy: Escalation) -> list[NextAttempt]:
    """Those for the failed indexes of a Job; with the Job failed, also for those that it did not get to.

    An index fails alone where the Job has a backoffLimitPerIndex; else the first one too many ends all.
    """
    spec, status, given = job["spec"], job.get("status") or {}, retried_indexes(job)
    failed = sorted(indexes(status.get("failedIndexes"), spec["completions"]) - given)
    over = {*failed, *given, *indexes(status.get("completedIndexes"), spec["completions"])}
    left = [index for index in range(spec["completions"]) if index not in over] if _has_failed(job) else []
    if not failed and not left:
        return []
    own: dict[int, list[Object]] = {}
    for pod in pods:
        own.setdefault(completion_index(pod), []).append(pod)
    found: dict[int, NextAttempt] = {}
    for index in [*failed, *left]:
        attempt = _attempt(rerun_index(job, index), job, own.get(index, []), policy)
        if attempt is not None:
            found[index] = replace(attempt, index=index)
    if found or given:
        for index in left:
            if index not in found and not any(map(_failed_itself, own.get(index, []))):
                found[index] = NextAttempt(rerun_index(job, index), "its Job failed", "", index)
    return [found[index] for index in sorted(found)]


def _has_failed(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Failed" and each.get("status") == "True" for each in conditions)


def _failed_itself(pod: Object) -> bool:
    """Whether a pod has failed, and not because its Job had."""
    return (pod.get("status") or {}).get("phase") == "Failed" and "deletionTimestamp" not in pod["metadata"]


def _attempt(
    tree: dict[str, Any], job: Object, pods: Sequence[Object], policy: Escalation
) -> NextAttempt | None:
    """The next attempt ``tree``, of the Job or of an index, with what the policy has for it.

    ``pods`` are those of that attempt.
    """
    before = tree["metadata"]["annotations"]
    counts = _retries(tree)
    origin = before.get(ORIGIN_ANNOTATION) or digest(tree)
    found = None
    if policy.oom is not None and (killed := _out_of_memory(pods)):
        found = OOM_KILLED, _more_memory(tree, killed, policy.oom)
    elif policy.oom is not None and (evicted := _evicted_for_memory(pods)):
        found = EVICTED, _more_memory(tree, evicted, policy.oom)
    elif policy.timeout is not None and _timed_out(job, pods):
        found = TIMED_OUT, _more_time(tree, policy.timeout)
    elif policy.exits and (code := _exit_code(pods)) in policy.exits:
        reason = f"exit code {code}"
        found = reason, "" if counts.get(reason, 0) < policy.exits[code] else None
    if found is None:
        return None
    reason, change = found
    tried = counts.get(reason, 0)
    if change is None or tried >= max(MAX_GROWTHS, _most(policy)):
        return None
    tree["metadata"]["annotations"] |= {
        ORIGIN_ANNOTATION: origin,
        RETRIES_ANNOTATION: json.dumps(counts | {reason: tried + 1}, sort_keys=True),
    }
    return NextAttempt(tree, reason, change)


def at_most(job: Object, pods: Sequence[Object], policy: Escalation) -> str | None:
    """What a failed ``job`` has all of that ``max`` allows (``memory is at max=200Mi``); None for nothing."""
    if not one_pod(job):
        return None
    if policy.oom is not None and (most := policy.oom.most) and (killed := _out_of_memory(pods)):
        pod = job["spec"]["template"]["spec"]
        for container in [*(pod.get("initContainers") or ()), *pod["containers"]]:
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            if container["name"] in killed and limit is not None and int(parse(str(limit))) >= most:
                return f"memory is at max={binary_text(most)}"
    if policy.timeout is not None and (most := policy.timeout.most) and _timed_out(job, pods):
        specs = job["spec"], job["spec"]["template"]["spec"]
        if any((spec.get("activeDeadlineSeconds") or 0) >= most for spec in specs):
            return f"activeDeadlineSeconds is at max={most}"
    return None


def remedies(job: Object, pods: Sequence[Object]) -> set[str]:
    """The options that give a failed ``job`` more of what it ran out of: ``--on-oom``, ``--on-timeout``."""
    if job["kind"] == "Pod" or not (one_pod(job) or is_indexed(job)):
        return set()
    own = pods[-1:] if one_pod(job) else pods
    killed = set().union(*(_out_of_memory([pod]) | _evicted_for_memory([pod]) for pod in own))
    growth, found = Growth(Fraction(2)), set()
    if killed and _more_memory(rerun(job), killed, growth):
        found.add("--on-oom")
    if _timed_out(job, pods) and _more_time(rerun(job), growth):
        found.add("--on-timeout")
    return found


def _most(policy: Escalation) -> int:
    return max((policy.exits or {}).values(), default=0)


def _retries(job: Object) -> dict[str, int]:
    """How often the item was tried again so far, by reason."""
    text = (job["metadata"].get("annotations") or {}).get(RETRIES_ANNOTATION)
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, int)}


def _ends(pods: Sequence[Object]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name of each container that has ended, and how, the last start first."""
    for pod in reversed(pods):
        for status in statuses_of(pod):
            for state in ("state", "lastState"):
                if end := (status.get(state) or {}).get("terminated"):
                    yield status["name"], end


def _out_of_memory(pods: Sequence[Object]) -> set[str]:
    """The containers of the last pod that were killed for their memory."""
    return {name for name, end in _ends(pods[-1:]) if end.get("reason") == OOM_KILLED}


def _evicted_for_memory(pods: Sequence[Object]) -> set[str]:
    """The containers of the last pod that the kubelet evicted it for, since the node had no memory left."""
    for pod in pods[-1:]:
        status = pod.get("status") or {}
        message = str(status.get("message") or "")
        if status.get("reason") == EVICTED and "low on resource: memory" in message:
            names = {str(each["name"]) for each in pod["spec"]["containers"]}
            return set(_USING.findall(message)) & names or names
    return set()


def _timed_out(job: Object, pods: Sequence[Object]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    reasons = [each.get("reason") for each in conditions if each.get("type") == "Failed"]
    return TIMED_OUT in [*reasons, *((pod.get("status") or {}).get("reason") for pod in pods[-1:])]


def _exit_code(pods: Sequence[Object]) -> int:
    return next((int(end["exitCode"]) for _, end in _ends(pods[-1:]) if end.get("exitCode")), 0)


def _more_memory(tree: dict[str, Any], killed: set[str], growth: Growth) -> str | None:
    """Raise limits and requests of the containers that were killed; None if none can have more.

    One without a limit, which only its node can have killed, gets a larger request.
    """
    pod = tree["spec"]["template"]["spec"]
    changes = []
    for container in [*(pod.get("initContainers") or ()), *pod["containers"]]:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        bound = limits if "memory" in limits else requests
        if container["name"] not in killed or "memory" not in bound:
            continue
        limit = int(parse(str(bound["memory"])))
        grown = growth.of(limit)
        if grown is None:
            continue
        if bound is limits and "memory" in requests:
            asked = int(parse(str(requests["memory"])) * Fraction(grown, limit))
            requests["memory"] = binary_text(min(asked, grown))
        bound["memory"] = binary_text(grown)
        changes.append(f"memory {bound['memory']}")
    return ", ".join(changes) or None


def _more_time(tree: dict[str, Any], growth: Growth) -> str | None:
    """Raise the deadlines of the Job and its pods; None if none can be later."""
    changes = []
    for spec in (tree["spec"], tree["spec"]["template"]["spec"]):
        limit = spec.get("activeDeadlineSeconds")
        grown = growth.of(limit) if limit else None
        if grown is not None:
            spec["activeDeadlineSeconds"] = grown
            changes.append(f"activeDeadlineSeconds {grown}")
    return ", ".join(dict.fromkeys(changes)) or None
