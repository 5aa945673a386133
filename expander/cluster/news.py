"""The threads that follow a cluster while a batch is delivered to it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from expander.client.client import Asking, ClusterError, Refused
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.client.watch import Listener, fill, follow
from expander.cluster.delivery import is_finished
from expander.cluster.listeners import JobsListener, PodlessListener, QuotaListener, namespace_of
from expander.cluster.podless import Podless
from expander.cluster.submission import Submission
from expander.cluster.window import Scope, scope_of
from expander.cluster.wire import Prepared

LOOK: Final = 0.25
"""Seconds between two looks at what waits for quota."""

FOLLOWED: Final = 8
"""Namespaces in which refused pods are looked for; each costs a connection."""

SETTLING: Final = 3.0
"""Seconds in which the last Job of a batch should have been taken up, where pods may be refused."""

BRIEF: Final = 10.0
"""Seconds for a question that can be put again."""

UNREAD: Final = 60.0
"""Seconds after which quotas are tried to be read again that could not be read."""

_OF_PODS: Final = re.compile(
    r"pods$|count/pods$|cpu$|memory$|ephemeral-storage$|requests\.(?!storage$)|limits\."
)
"""What a ResourceQuota may count that is asked for when pods are created, not Jobs."""


class News:
    """Brings news to the books of ``submission``: `start` it, and let it `meet` items before they go."""

    def __init__(
        self,
        submission: Submission,
        transport: Transport,
        asking: Asking,
        group_label: str,
        say: Callable[[str], None],
    ) -> None:
        self.podless = Podless(say)
        self._submission = submission
        self._transport = transport
        self._asking = asking
        self._group_label = group_label
        self._say = say
        self._briefly = Asking(transport, Retry(budget=BRIEF), lambda: self._over)
        self._scopes: set[Scope] = set()
        self._namespaces: set[str] = set()
        self._quotas: dict[str, threading.Thread] = {}
        self._over = False

    def start(self) -> None:
        """Begin to look after what waits for quota."""
        threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        """Follow nothing any more."""
        self._over = True

    def meet(self, item: Prepared) -> None:
        """An item is about to be sent. Raises ClusterError when Jobs like it cannot be followed."""
        if not item.is_job:
            return
        scope = scope_of(item)
        window = self._submission.books.window
        if window is not None and scope not in self._scopes:
            self._scopes.add(scope)
            jobs = JobsListener(scope, self._group_label, window, self._submission.lock)
            self._follow(jobs, fill(self._asking, jobs), self._lost_window)
        if item.namespace not in self._namespaces and len(self._namespaces) < FOLLOWED:
            self._namespaces.add(item.namespace)
            events = PodlessListener(item.namespace, self.podless)
            try:
                version = fill(self._asking, events)
            except ClusterError:
                return  # it is no more than a service
            self._follow(events, version, lambda _: None)

    def settle(self, last: Prepared | None) -> None:
        """Where pods may be refused, give the Job controller a moment for the ``last`` Job."""
        if last is None or not self._may_refuse(last):
            return
        until = time.monotonic() + SETTLING
        while time.monotonic() < until and not self.podless.has(last.namespace, last.name):
            try:
                job = self._asking.get(last.path)
            except ClusterError:
                return
            status = job.get("status") or {}
            if status.get("active") or is_finished(job) or job["spec"].get("suspend"):
                return
            time.sleep(LOOK)

    def _may_refuse(self, job: Prepared) -> bool:
        if b'"serviceAccount' in job.body:
            return True
        try:
            limits = self._asking.get(f"/api/v1/namespaces/{job.namespace}/limitranges?limit=1")
            quotas = self._asking.get(f"/api/v1/namespaces/{job.namespace}/resourcequotas")
        except ClusterError:
            return False
        hard = {name for each in quotas["items"] for name in each["spec"].get("hard") or ()}
        return bool(limits["items"]) or any(_OF_PODS.match(name) for name in hard)

    def _follow(
        self, listener: Listener, version: str, refused: Callable[[Refused], None]
    ) -> threading.Thread:
        def work() -> None:
            try:
                follow(self._transport, self._asking, listener, lambda: self._over, version)
            except Refused as error:
                refused(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _lost_window(self, refused: Refused) -> None:
        self._submission.fail(ClusterError(f"the Jobs of the group cannot be followed: {refused}"))

    def _look(self) -> None:
        gate, lock = self._submission.books.gate, self._submission.lock
        while not self._over:
            now = time.monotonic()
            with lock:
                self._submission.books.give_up_held(now)
                places = gate.places()
                doubted = {place for place in places if gate.is_doubted(place, now)}
            for place in places:
                namespace = namespace_of(place)
                listener = QuotaListener(namespace, gate, lock)
                thread = self._quotas.get(namespace)
                if thread is None or not thread.is_alive():
                    self._quotas[namespace] = self._follow(listener, "", partial(_blind, listener))
                elif place in doubted:
                    self._read(listener)
            time.sleep(LOOK)

    def _read(self, listener: QuotaListener) -> None:
        try:
            fill(self._briefly, listener)
        except Refused:
            listener.refused()
        except ClusterError:
            pass  # the next look asks again


def _blind(listener: QuotaListener, _: Refused) -> None:
    """Quotas cannot be read: perhaps later."""
    listener.refused()
    time.sleep(UNREAD)
