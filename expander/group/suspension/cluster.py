"""Suspend and resume in a cluster: one request per Job, repeated as the server asks, in any order.

The cluster itself is the record of what is done: after an interruption the same command finds what is left.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Final

from expander.base.errors import ClusterError, StatusError
from expander.client.client import GONE_STATUSES, ApiClient
from expander.client.retry import Retry
from expander.group.cluster.source import ClusterSource
from expander.group.cluster.writer import collection_path, object_path
from expander.group.suspension.plan import SuspensionOutcome, SuspensionPlan, is_settled, outcome
from expander.kube import volcano
from expander.kube.objects import Object, uid_of
from expander.kube.scheme import find
from expander.kube.workloads import workload_of
from expander.submit.rate_limiter import AdaptiveRateLimiter

MAX_IN_FLIGHT: Final = 128
"""Requests under way at most, unless told otherwise: as many as of submit.

A server that starts what is resumed answers late, and few under way would have it wait for them.
"""

FIRST_IN_FLIGHT: Final = 16
"""Requests under way at first; each answer lets one more go along, so that connections open by and by."""

POLL_SECONDS: Final = (0.1, 2.0)
"""Seconds between two looks at what is not settled: at first, and at most."""


class ClusterSuspension:
    """Carries out plans in the cluster of ``source``.

    ``qps`` requests a second are sent at most. ``stopped`` ends it early: what is under way is waited for,
    nothing further is sent.
    """

    def __init__(
        self,
        source: ClusterSource,
        stopped: Callable[[], bool] = lambda: False,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        qps: float | None = None,
    ) -> None:
        self._source = source
        self._stopped = stopped
        self._client = ApiClient(source.transport, Retry(), stopped)
        self._threads = max_in_flight
        self._limiter = AdaptiveRateLimiter(max_in_flight, qps)
        self._lock = threading.Lock()
        self._forbidden: StatusError | None = None
        self._failed: set[str] = set()

    def jobs(self) -> Iterator[Object]:
        """The Jobs of the group."""
        return self._source.jobs()

    def cronjobs(self) -> list[dict[str, Any]]:
        """Its CronJobs."""
        return self._source.lister.cronjobs()

    def outcomes(self, plan: SuspensionPlan) -> Iterator[SuspensionOutcome]:
        """Carry out a plan; what becomes of each target, as it is known.

        Raises StatusError when the user may not do it, before any further request.
        """
        rest, allowed = iter(plan.targets), min(FIRST_IN_FLIGHT, self._threads)
        with ThreadPoolExecutor(self._threads) as pool:
            under_way: dict[Future[SuspensionOutcome | None], Object] = {}
            while True:
                if not self._stopped() and self._forbidden is None:
                    for obj in islice(rest, allowed - len(under_way)):
                        under_way[pool.submit(self._change, obj, plan)] = obj
                if not under_way:
                    break
                ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
                allowed = min(allowed + len(ended), self._threads)
                for each in ended:
                    obj = under_way.pop(each)
                    if (told := each.result()) is not None:
                        if not told.passed:
                            self._failed.add(uid_of(obj))
                        yield told
        if self._forbidden is not None:
            raise self._forbidden

    def unsettled(self, plan: SuspensionPlan, timeout: float, step: Callable[[int], object]) -> int:
        """Wait until the controllers have done what was asked and not refused; how many Jobs are left after
        ``timeout`` seconds. ``step`` hears how many there are."""
        meant = {uid_of(each) for each in plan.targets if each["kind"] != "CronJob"} - self._failed
        ends, pause = time.monotonic() + timeout, POLL_SECONDS[0]
        while meant:
            there = {uid_of(job): job for job in self.jobs()}
            meant = {
                uid for uid in meant if uid in there and not is_settled(there[uid], suspend=plan.suspend)
            }
            step(len(meant))
            if not meant or self._stopped() or time.monotonic() + pause > ends:
                break
            time.sleep(pause)
            pause = min(pause * 2, POLL_SECONDS[1])
        return len(meant)

    def _change(self, obj: Object, plan: SuspensionPlan) -> SuspensionOutcome | None:
        """Do it; None when it was stopped before an answer came."""
        self._await_token()
        if self._stopped():
            return None
        try:
            if obj["kind"] == "CronJob" or workload_of(obj).has_field:
                self._patch(obj, plan.suspend)
            else:
                self._command(obj, "AbortJob" if plan.suspend else "ResumeJob")
        except StatusError as refused:
            if refused.code == 403:
                self._forbidden = refused
            if refused.code in GONE_STATUSES:
                return outcome(obj, "unchanged", "Deleted", "it was deleted meanwhile")
            return outcome(obj, "failed", "Refused", str(refused), passed=False)
        except ClusterError as error:
            if self._stopped():
                return None
            return outcome(obj, "failed", "NoAnswer", str(error), passed=False)
        return outcome(obj, plan.done)

    def _await_token(self) -> None:
        """Wait for the token bucket of ``qps``."""
        while not self._stopped():
            with self._lock:
                left = self._limiter.wait(time.monotonic())
                if not left:
                    self._limiter.acquire()
                    return
            time.sleep(min(left, 0.2))

    def _patch(self, obj: Object, suspend: bool) -> None:
        patch = {"metadata": {"uid": uid_of(obj)}, "spec": {"suspend": suspend}}
        self._client.send("PATCH", f"{object_path(obj)}?fieldManager=expander", json.dumps(patch).encode())

    def _command(self, job: Object, action: str) -> None:
        """Issue a Command, which the controller removes. Its name is that of the Job and the action: one
        that was sent twice, because an answer was lost, is there already."""
        row, metadata = find("bus.volcano.sh/v1alpha1", "Command"), job["metadata"]
        assert row is not None
        target = {"apiVersion": volcano.API_VERSION, "kind": "Job", "name": metadata["name"]}
        target |= {"uid": uid_of(job), "controller": True}
        name = f"{metadata['name'][:200]}-{action.lower()}-{uid_of(job)[:8]}"
        command = {
            "apiVersion": row.api_version,
            "kind": row.kind,
            "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [target]},
            "action": action,
            "target": target,
        }
        try:
            self._client.send(
                "POST", collection_path(row, metadata["namespace"]), json.dumps(command).encode()
            )
        except StatusError as refused:
            if refused.code != 409:
                raise
