"""The printers of what keeps pods running, such as StatefulSets (those of kube-apiserver)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    labels_text,
    name_of,
    names_and_images,
    selector_text,
    wide,
)

_SELECTOR: Final = wide("Selector", "Which pods are its own.")
_DESIRED: Final = Column("Desired", "integer", description="The pods it is to have.")
_CURRENT: Final = Column("Current", "integer", description="The pods it has.")
_READY: Final = Column("Ready", description="The pods that are ready.")


def _template(obj: Object) -> Cells:
    return names_and_images(((obj["spec"].get("template") or NOTHING).get("spec")) or NOTHING)


def _counts(obj: Object) -> Cells:
    status = obj.get("status") or NOTHING
    return [obj["spec"].get("replicas") or 0, status.get("replicas") or 0, status.get("readyReplicas") or 0]


def _replica_set(obj: Object, now: float) -> Cells:
    selector = selector_text(obj["spec"].get("selector"))
    return [name_of(obj), *_counts(obj), age(created(obj), now), *_template(obj), selector]


def _replication_controller(obj: Object, now: float) -> Cells:
    selector = labels_text(obj["spec"].get("selector"))
    return [name_of(obj), *_counts(obj), age(created(obj), now), *_template(obj), selector]


def _stateful_set(obj: Object, now: float) -> Cells:
    wanted, _, ready = _counts(obj)
    return [name_of(obj), f"{ready}/{wanted}", age(created(obj), now), *_template(obj)]


def _deployment(obj: Object, now: float) -> Cells:
    wanted, _, ready = _counts(obj)
    status = obj.get("status") or NOTHING
    return [
        name_of(obj),
        f"{ready}/{wanted}",
        status.get("updatedReplicas") or 0,
        status.get("availableReplicas") or 0,
        age(created(obj), now),
        *_template(obj),
        selector_text(obj["spec"].get("selector")),
    ]


_READY_COUNT: Final = Column("Ready", "integer", description="The pods that are ready.")
REPLICA_SET: Final = Layout(
    (NAME, _DESIRED, _CURRENT, _READY_COUNT, AGE, CONTAINERS, IMAGES, _SELECTOR), _replica_set
)
REPLICATION_CONTROLLER: Final = Layout(REPLICA_SET.columns, _replication_controller)
STATEFUL_SET: Final = Layout((NAME, _READY, AGE, CONTAINERS, IMAGES), _stateful_set)
DEPLOYMENT: Final = Layout(
    (
        NAME,
        _READY,
        Column("Up-to-date", description="The pods of the newest template."),
        Column("Available", description="The pods that have been ready for long enough."),
        AGE,
        CONTAINERS,
        IMAGES,
        _SELECTOR,
    ),
    _deployment,
)


def _daemon_set(obj: Object, now: float) -> Cells:
    status = obj.get("status") or NOTHING
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    numbers = [status.get(field) or 0 for field in (*fields, "numberAvailable")]
    spec = (obj["spec"].get("template") or NOTHING).get("spec") or NOTHING
    return [
        name_of(obj),
        *numbers,
        labels_text(spec.get("nodeSelector")),
        age(created(obj), now),
        *_template(obj),
        selector_text(obj["spec"].get("selector")),
    ]


DAEMON_SET: Final = Layout(
    (
        NAME,
        _DESIRED,
        _CURRENT,
        _READY_COUNT,
        Column("Up-to-date", "integer", description="The pods of the newest template."),
        Column("Available", "integer", description="The pods that have been ready for long enough."),
        Column("Node Selector", description="The labels of the nodes that it is for."),
        AGE,
        CONTAINERS,
        IMAGES,
        _SELECTOR,
    ),
    _daemon_set,
)


def _scale(obj: Object, now: float) -> Cells:
    return [name_of(obj), obj["spec"]["replicas"], obj["status"]["replicas"], age(created(obj), now)]


SCALE: Final = Layout(
    (NAME, _DESIRED, Column("Available", "integer", description="The pods it has."), AGE), _scale
)
