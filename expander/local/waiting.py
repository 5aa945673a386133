"""Why pods wait, and what would help: what a run tells its user, so that nothing waits without a word.

The words are those of the kubelet, the scheduler and the Job controller. A pod that only waits for its turn
is held too, so that its Job does not count as running, but nothing is told of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.base.option_names import option
from expander.base.regex import regex
from expander.kube.objects import ENDED, Object, statuses_of
from expander.kube.resources import Request
from expander.local.controllers.pods import TRANSIENT_REASONS

WAITING_SECONDS: Final = 1.5
"""Seconds that a pod waits before it is told: what comes later in the same batch may be what it lacks."""

TOGETHER_SECONDS: Final = 1.0
"""Pods that began to wait so long after it are told with it."""

MAX_TOLD_PER_REASON: Final = 5
"""Messages of one reason that are told one by one; what comes then is counted together, once."""


class WaitReason(NamedTuple):
    """Why one pod waits. ``reason`` is empty for one that only waits for its turn."""

    reason: str
    message: str = ""
    hint: str = ""


NO_SERVICE: Final = "there is no Service {0}: names of pods with that subdomain do not resolve"

ITS_TURN: Final = WaitReason("")


def _backoff_hint(base: float) -> str:
    return f"{option('--backoff-base 1s', 1)} shortens the waits between attempts" if base > 1 else ""


PASSING: Final = frozenset(("BackOff", "CrashLoopBackOff"))
"""Reasons of what is tried again by itself."""


class Waiting(NamedTuple):
    """Why ``pods`` pods do not go on; ``obj`` is the Job of one of them, or a pod without one.

    ``reason`` is a word of Kubernetes (FailedMount, Unschedulable, CrashLoopBackOff, ImagePullBackOff,
    CreateContainerConfigError, BackOff ...), ``message`` one line. ``hint`` is what would help
    (``--claim data=DIR``), or empty.
    """

    obj: Object
    reason: str
    message: str
    hint: str = ""
    pods: int = 1

    def line(self, label: str) -> str:
        """For people; ``label`` is what they call the item."""
        who = label if self.pods == 1 else f"{label} and {self.pods - 1:,} more"
        why = ": ".join(filter(None, (self.reason, self.message)))
        return f"waiting: {who}: {why}" + (f"\n  hint: {self.hint}" if self.hint else "")


class WaitingPods:
    """The pods that wait, and the Jobs whose next attempt does, by uid, each with the uid of its Job."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str | None, WaitReason]] = {}
        self._by_job: dict[str, set[str]] = {}
        self._untold: dict[str, float] = {}
        """Since when each waits of which nothing was told yet, the oldest first."""
        self._lacking: dict[tuple[str, str], tuple[float, str, str | None]] = {}
        """By namespace and name of a Service: since when a pod needs it, and the uids of that and its Job."""

    def hold(self, uid: str, job: str | None, why: WaitReason, now: float) -> bool:
        """The pod waits; whether that is news."""
        known = self._held.get(uid)
        if known is not None and known[1] == why:
            return False
        self._held[uid] = job, why
        if job is not None:
            self._by_job.setdefault(job, set()).add(uid)
        self._untold.pop(uid, None)
        if why.reason:
            self._untold[uid] = now
        return known is None

    def release(self, uid: str) -> bool:
        """The pod waits no more; whether it did."""
        if uid not in self._held:
            return False
        job, _ = self._held.pop(uid)
        self._untold.pop(uid, None)
        if job is not None:
            self._by_job[job].discard(uid)
            if not self._by_job[job]:
                del self._by_job[job]
        return True

    def __contains__(self, uid: str) -> bool:
        return uid in self._held

    def crashed(self) -> set[str]:
        """The pods that wait until a container may start again that has ended."""
        return {uid for uid, (_, why) in self._held.items() if why.reason == "CrashLoopBackOff"}

    def stuck(self) -> set[str] | None:
        """The pods that wait for what is missing; None when something waits that goes on by itself."""
        reasons = {uid: why.reason for uid, (_, why) in self._held.items()}
        return None if PASSING & set(reasons.values()) else {uid for uid, why in reasons.items() if why}

    def lack_service(self, pod: Object, job: str | None, now: float) -> None:
        """The pod, which may run, has a subdomain and there is no Service of that name."""
        place = pod["metadata"]["namespace"], pod["spec"]["subdomain"]
        self._lacking.setdefault(place, (now, pod["metadata"]["uid"], job))

    def service_arrived(self, service: Object) -> None:
        """There is a Service."""
        self._lacking.pop((service["metadata"]["namespace"], service["metadata"]["name"]), None)

    def wait_all_of(self, job: Object) -> bool:
        """Whether each active pod of the Job waits."""
        active = (job.get("status") or {}).get("active") or 0
        return bool(active) and len(self._by_job.get(job["metadata"]["uid"], ())) >= active

    def take_due(self, now: float) -> list[tuple[str, str | None, WaitReason]]:
        """Those of which is to be told now, each once: uid, the uid of the Job, why."""
        due = []
        for (_, name), (since, uid, job) in self._lacking.items():
            if since + WAITING_SECONDS <= now:
                hint = f"give the headless Service {name} together with the Jobs"
                due.append((uid, job, WaitReason("UnresolvedNames", NO_SERVICE.format(name), hint)))
        oldest = next(iter(self._untold.values()), now)
        if oldest + WAITING_SECONDS > now:
            return due
        for uid, since in list(self._untold.items()):
            if since > oldest + TOGETHER_SECONDS:
                break
            del self._untold[uid]
            due.append((uid, *self._held[uid]))
        return due


class WaitingReporter:
    """Puts what waits for the same reason together, and tells each once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._counts: Counter[str] = Counter()

    def report(self, found: Iterable[tuple[Object, WaitReason]]) -> list[Waiting]:
        """What is new of ``found``: Jobs or pods without one, each with why it waits."""
        groups: dict[tuple[str, str], Waiting] = {}
        for obj, why in found:
            key = self._key(why)
            if key in groups:
                groups[key] = groups[key]._replace(pods=groups[key].pods + 1)
            elif key not in self._told:
                self._told.add(key)
                more = "" if key[1] else " (and others that are not shown)"
                groups[key] = Waiting(obj, why.reason, f"{why.message}{more}", why.hint)
        return list(groups.values())

    def _key(self, why: WaitReason) -> tuple[str, str]:
        """What is told once; the message is empty for those that are too many to be told each."""
        key = why.reason, why.message
        if key in self._told:
            return key
        if self._counts[why.reason] == MAX_TOLD_PER_REASON:
            return why.reason, ""
        self._counts[why.reason] += 1
        return key


def pod_reason(status: Object, mount_error: str | None) -> WaitReason | None:
    """Why a pod waits that has its place, by its status; None for one that does not."""
    if status.get("phase") in ENDED:
        return None
    if mount_error is not None:
        return WaitReason("FailedMount", mount_error, hint_for(mount_error))
    for container in statuses_of({"status": status}):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if (reason := waiting.get("reason")) not in TRANSIENT_REASONS:
            message = waiting.get("message") or ""
            return WaitReason(reason, f"{container['name']}: {message}", hint_for(message))
    return None


def failure_reason(
    reason: str, pods: Iterable[Object], last_line: Callable[[Object, str, int], str], backoff_base: float
) -> WaitReason:
    """Why what failed before waits for its next attempt: the container that ended last, and its last line.

    ``reason`` is CrashLoopBackOff or BackOff; ``last_line`` gives that of a pod's container by its restart
    count; ``backoff_base`` is the first wait in seconds.
    """
    ends = []
    for pod in pods:
        for each in statuses_of(pod):
            is_waiting = "waiting" in (each.get("state") or {})
            end = (each.get("lastState" if is_waiting else "state") or {}).get("terminated")
            if end and (end.get("exitCode") or is_waiting):
                ends.append((str(end.get("finishedAt") or ""), pod, each, end))
    if not ends:
        return WaitReason(reason, "the last attempt failed, another follows", _backoff_hint(backoff_base))
    _, pod, each, end = max(ends, key=lambda found: found[0])
    message = end.get("message") or last_line(pod, each["name"], int(each.get("restartCount") or 0))
    code = f"exit code {end['exitCode']}" if end.get("reason") in ("Error", "Completed") else end["reason"]
    words = ": ".join(part for part in (each["name"], code, message) if part)
    if not end.get("exitCode"):
        hint = "restartPolicy Always starts it again; OnFailure or Never lets it end"
    else:
        hint = hint_for(message) or _backoff_hint(backoff_base)
    return WaitReason(reason, words, hint)


def unschedulable(message: str, request: Request, size: Request) -> WaitReason:
    """Why a pod that requests so much never fits into ``size``, else the scheduler's ``message``."""
    lacks, options = [], []
    if request.cpu > size.cpu:
        lacks.append(f"{request.cpu / 1000:g} CPUs, and there are {size.cpu / 1000:g}")
        options.append(option(f"--cpus {request.cpu / 1000:g}"))
    if request.memory > size.memory:
        lacks.append(f"{_gibibytes(request.memory)} of memory, and there are {_gibibytes(size.memory)}")
        mebibytes = -(-request.memory // 2**20)
        amount = f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"
        options.append(option(f"--memory {amount}", mebibytes << 20))
    hint = f"{' '.join(options)} runs it anyway" if options else ""
    return WaitReason("Unschedulable", f"it requests {'; '.join(lacks)}" if lacks else message, hint)


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.3g}Gi"


def _files_of(image: str) -> str:
    archive = "docker-archive:FILE"
    return option(f"--image {image}={archive} or {image}=DIR", {image: f"{archive} or DIR"})


def _program_hint(program: str) -> str:
    import shutil

    found = shutil.which(program)
    if found is not None and found.startswith("/tmp/"):
        return f"a sandbox has a /tmp of its own, without {found}: {option('--runtime process')} finds it"
    return (
        f"containers run the programs of this machine: install {program}, or use "
        f"{option('--image-command NAME=CMD')}, or the files of an image: {_files_of('NAME')}"
    )


_HINTS: Final[tuple[tuple[re.Pattern[str], Callable[..., str]], ...]] = (
    (
        regex(r'persistentvolumeclaim "([^"]+)" not found'),
        lambda claim: f"{option(f'--claim {claim}=DIR')} uses a folder in its place",
    ),
    (
        regex(r'(configmap|secret) "([^"]+)" not found'),
        lambda kind, name: f"give the {kind} {name} together with the Jobs",
    ),
    (
        regex(r"a volume of (\w+) cannot be provided"),
        lambda _: f"use a claim in its place: {option('--claim NAME=DIR')}",
    ),
    (
        regex(r'pulling image "([^"]+)": '),
        lambda _: "load it into the engine, as `podman load --input FILE` does",
    ),
    (regex(r'pulling image "([^"]+)"$'), lambda image: f"{_files_of(image)} gives its files"),
    (
        regex(r'exec: "([^"]+)": executable file not found'),
        _program_hint,
    ),
)


def hint_for(message: str) -> str:
    """What helps against what the kubelet says; empty when nothing is known to."""
    for pattern, hint in _HINTS:
        if found := pattern.search(message):
            return hint(*found.groups())
    return ""
