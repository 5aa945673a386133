"""Who listens to what: the Jobs of a window, the quotas that items wait for, and pods that are refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from expander.cluster.gate import QuotaGate
from expander.cluster.podless import Podless
from expander.cluster.task import Task
from expander.cluster.window import Scope, Window

Object = Mapping[str, Any]


class JobsListener:
    """Keeps a window up to date with the Jobs of a scope."""

    fields = ""

    def __init__(self, scope: Scope, group_label: str, window: Window, lock: threading.Condition) -> None:
        self.path = f"/apis/batch/v1/namespaces/{scope.namespace}/jobs"
        self.selector = f"{group_label}={scope.group}" if scope.group else ""
        self._scope = scope
        self._window = window
        self._lock = lock

    def begin(self) -> None:
        with self._lock:
            self._window.begin_list(self._scope)

    def page(self, objects: Sequence[Object]) -> None:
        with self._lock:
            self._window.page(self._scope, objects)

    def end(self) -> None:
        with self._lock:
            self._window.end_list(self._scope)
            self._lock.notify_all()

    def changed(self, kind: str, found: Object) -> None:
        with self._lock:
            full = self._window.is_full
            self._window.changed(self._scope, kind, found)
            if full and not self._window.is_full:
                self._lock.notify_all()


class QuotaListener:
    """Tells a gate of the quotas of a namespace."""

    selector = fields = ""

    def __init__(self, namespace: str, gate: QuotaGate[Task], lock: threading.Condition) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        self._namespace = namespace
        self._gate = gate
        self._lock = lock
        self._known: dict[str, Object] = {}

    def begin(self) -> None:
        self._known = {}

    def page(self, objects: Sequence[Object]) -> None:
        self._known.update((each["metadata"]["name"], each) for each in objects)

    def end(self) -> None:
        self._look(read=True)

    def changed(self, kind: str, found: Object) -> None:
        name = found["metadata"]["name"]
        if kind == "DELETED":
            self._known.pop(name, None)
        else:
            self._known[name] = found
        self._look(read=False)

    def refused(self) -> None:
        """The quotas cannot be read."""
        with self._lock:
            for place in self._places():
                self._gate.look_away(place)

    def _look(self, read: bool) -> None:
        with self._lock:
            for place in self._places():
                self._gate.look(place, self._known, time.monotonic(), read)
            self._lock.notify_all()

    def _places(self) -> list[str]:
        return [place for place in self._gate.places() if namespace_of(place) == self._namespace]


def namespace_of(place: str) -> str:
    """The namespace of a place of a gate, which is the path of a collection."""
    return place.rsplit("/", 2)[1]


class PodlessListener:
    """Tells of Jobs in a namespace whose pods are refused."""

    selector = ""
    fields = "reason=FailedCreate,involvedObject.kind=Job"

    def __init__(self, namespace: str, podless: Podless) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/events"
        self._podless = podless
        self._old = True

    def begin(self) -> None:
        pass

    def page(self, objects: Sequence[Object]) -> None:
        if not self._old:  # what was there at first is of earlier runs
            for each in objects:
                self._podless.event(each)

    def end(self) -> None:
        self._old = False

    def changed(self, kind: str, found: Object) -> None:
        if kind != "DELETED":
            self._podless.event(found)
