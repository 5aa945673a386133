"""Whether what a server sent is an object of the API: the types of the fields that are read here.

Go's types guarantee them for built-in kinds (staging/src/k8s.io/api). Other fields may be anything, and as in
Go null is the same as a field that is missing. A proxy or a broken server may send anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from expander.base.late_module import late_module
from expander.kube.scheme import KINDS
from expander.kube.time import unix
from expander.kube.volcano import API_VERSION as VOLCANO

if TYPE_CHECKING:
    from expander.kube import quantity as quantities
    from expander.kube import selectors
else:
    quantities = late_module("expander.kube.quantity")
    selectors = late_module("expander.kube.selectors")

Check = Callable[[Any], bool]
"""Whether a value is of a type."""

MAX_INT32: Final = 2**31 - 1
MAX_INT64: Final = 2**63 - 1
MAX_NAME: Final = 253


def is_mapping(value: Any) -> bool:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT32


def _seconds(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT64


def _quantity(value: Any) -> bool:
    try:
        return isinstance(value, str) and quantities.parse(value) is not None
    except ValueError:
        return False


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME


def _time(value: Any) -> bool:
    """RFC 3339 in UTC, as metav1.Time and MicroTime are written."""
    try:
        return isinstance(value, str) and value.endswith("Z") and unix(value) is not None
    except (ValueError, OverflowError):
        return False


_SCALARS: Final = (_text, _name, _flag, _number, _seconds)
"""Types of which null is no value: what has no omitempty in Go is a time, a list, a map or a structure."""


def _list(each: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(each, value))


def _filled(each: Check) -> Check:
    return lambda value: bool(value) and _list(each)(value)


def _map(each: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(each, value.values()))


def _object(*required: str, **fields: Check) -> Check:
    """A mapping with these fields, if it has them; the ``required`` ones it has."""
    checks = tuple(fields.items())

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for name, right in checks:
            found = value.get(name)
            if found is None:
                if name in required or (right in _SCALARS and name in value):
                    return False
            elif not right(found):
                return False
        return True

    return check


_labels: Final = _object(labels=_map(_text))
_NAMED: Final[dict[str, Check]] = {
    "name": _name,
    "namespace": _name,
    "uid": _text,
    "resourceVersion": _text,
    "annotations": _map(_text),
}
_metadata: Final = _object(
    "name",
    "uid",
    **_NAMED,
    creationTimestamp=_time,
    deletionTimestamp=_time,
    deletionGracePeriodSeconds=_seconds,
    labels=_map(_text),
    ownerReferences=_list(
        _object("uid", "kind", "name", uid=_text, kind=_text, name=_text, controller=_flag)
    ),
)
_selector_fields: Final = _object(
    matchLabels=_map(_text),
    matchExpressions=_list(_object("key", "operator", key=_text, operator=_text, values=_list(_text))),
)


def _selector(value: Any) -> bool:
    if not _selector_fields(value):
        return False
    try:
        for key, text in (value.get("matchLabels") or {}).items():
            selectors.check_key(key)
            selectors.check_value(text)
        return not value.get("matchExpressions") or selectors.from_object(value) is not None
    except ValueError:
        return False


_amounts: Final = _map(_quantity)
_resources: Final = _object(requests=_amounts, limits=_amounts)
_container: Final = _object("name", name=_name, resources=_resources)
_pod_spec: Final = _object(
    "containers",
    containers=_filled(_container),
    initContainers=_list(_container),
    resources=_resources,
    overhead=_amounts,
    nodeName=_text,
)
_template: Final = _object("spec", metadata=_labels, spec=_pod_spec)
_conditions: Final = _list(
    _object("type", "status", type=_text, status=_text, reason=_text, message=_text, lastTransitionTime=_time)
)
_job_spec: Final = _object(
    "template",
    template=_template,
    selector=_selector,
    parallelism=_number,
    completions=_number,
    backoffLimit=_number,
    completionMode=_text,
    suspend=_flag,
)
_part_spec: Final = _object(completions=_number, parallelism=_number, template=_object(metadata=_labels))
"""Of a Job in a JobSet: as much as is read."""
_known_state: Final = _object(
    waiting=_object(reason=_text, message=_text),
    running=_object(startedAt=_time),
    terminated=_object(
        "exitCode", exitCode=_number, reason=_text, message=_text, startedAt=_time, finishedAt=_time
    ),
)


def _state(value: Any) -> bool:
    """The state of a container: whatever it is called, it is a mapping."""
    return _known_state(value) and all(isinstance(each, dict | None) for each in value.values())


_statuses: Final = _list(
    _object("name", name=_text, state=_state, lastState=_state, restartCount=_number, started=_flag)
)
_task_counts: Final = _map(_object(phase=_map(_number)))
_volcano_state: Final = _object(phase=_text, reason=_text, message=_text, lastTransitionTime=_time)

_any_kind: Final = _object("metadata", metadata=_metadata)
_namespaced: Final = _object("namespace", namespace=_name)

_KINDS: Final[Mapping[str, Mapping[str, Check]]] = {
    "Job": {
        "spec": _job_spec,
        "status": _object(
            conditions=_conditions,
            active=_number,
            ready=_number,
            terminating=_number,
            succeeded=_number,
            failed=_number,
            completedIndexes=_text,
            failedIndexes=_text,
            startTime=_time,
            completionTime=_time,
        ),
    },
    "CronJob": {"spec": _object("jobTemplate", jobTemplate=_object(metadata=_labels, spec=_job_spec))},
    "Pod": {
        "spec": _pod_spec,
        "status": _object(
            phase=_text,
            reason=_text,
            message=_text,
            startTime=_time,
            conditions=_conditions,
            initContainerStatuses=_statuses,
            containerStatuses=_statuses,
        ),
    },
    "JobSet": {
        "spec": _object(
            suspend=_flag,
            replicatedJobs=_list(
                _object("name", name=_name, replicas=_number, template=_object(spec=_part_spec))
            ),
        ),
        "status": _object(
            conditions=_conditions,
            restarts=_number,
            replicatedJobsStatus=_list(
                _object(
                    "name",
                    name=_name,
                    ready=_number,
                    active=_number,
                    succeeded=_number,
                    failed=_number,
                    suspended=_number,
                )
            ),
        ),
    },
    "Event": {
        "involvedObject": _object(kind=_text, namespace=_text, name=_text, uid=_text),
        "reason": _text,
        "message": _text,
        "lastTimestamp": _time,
        "eventTime": _time,
        "series": _object(lastObservedTime=_time),
    },
    "ResourceQuota": {
        "spec": _object(
            hard=_amounts,
            scopes=_list(_text),
            scopeSelector=_object(
                matchExpressions=_list(
                    _object("scopeName", "operator", scopeName=_text, operator=_text, values=_list(_text))
                )
            ),
        ),
        "status": _object(hard=_amounts, used=_amounts),
    },
    "LimitRange": {
        "spec": _object(
            limits=_list(
                _object(
                    "type",
                    type=_text,
                    default=_amounts,
                    defaultRequest=_amounts,
                    max=_amounts,
                    min=_amounts,
                    maxLimitRequestRatio=_amounts,
                )
            )
        )
    },
}
"""The fields of kinds beside their metadata."""

_REQUIRED: Final = {kind: "involvedObject" if kind == "Event" else "spec" for kind in _KINDS}

_VOLCANO_JOB: Final = _object(
    "metadata",
    "spec",
    metadata=lambda value: _metadata(value) and _namespaced(value),
    spec=_object(tasks=_list(_object("name", "template", name=_name, replicas=_number, template=_template))),
    status=_object(
        state=_volcano_state,
        conditions=_list(_object(status=_text, lastTransitionTime=_time)),
        taskStatusCount=_task_counts,
        running=_number,
        succeeded=_number,
        failed=_number,
        retryCount=_number,
    ),
)

_CHECKS: Final[Mapping[str, Check]] = {
    f"{row.path}/{row.plural}": _object(
        "metadata",
        _REQUIRED.get(row.kind, "metadata"),
        metadata=lambda value: _metadata(value) and _namespaced(value),
        **_KINDS.get(row.kind, {}),
    )
    for row in KINDS
    if row.namespaced and row.path != f"/apis/{VOLCANO}"
} | {f"/apis/{VOLCANO}/jobs": _VOLCANO_JOB}


_identity: Final = _object("metadata", metadata=_object("name", "uid", **_NAMED))

_ENDS: Final = ("Complete", "Failed")
"""The conditions of a Job that has ended (batch/v1 JobConditionType)."""


def may_have_ended(job: Mapping[str, Any]) -> bool:
    """Whether a batch/v1 Job, which may be anything, has a condition that tells how it ended.

    False only for a status of which nothing but these conditions says that a Job has ended.
    """
    status = job.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else status
    if conditions is None:
        return False
    if not isinstance(conditions, list):
        return True
    return any(not isinstance(each, dict) or each.get("type") in _ENDS for each in conditions)


def kept_of(path: str) -> Callable[[Any], Any]:
    """Gives an object at a URL path, None for what `check_of` does not accept."""
    check = check_of(path)
    return lambda found: found if check(found) else None


def kept_of_job(path: str, namespace: str) -> Callable[[Any], Any]:
    """`kept_of` batch/v1 Jobs in ``namespace`` of which only names, annotations and ends are read.

    Those for which `may_have_ended` is False have nothing else checked, and nothing else is kept of them.
    """
    check = check_of(path)

    def kept(job: Any) -> Any:
        if not _identity(job) or may_have_ended(job):
            return job if check(job) else None
        metadata = job["metadata"]
        metadata.pop("managedFields", None)
        return {"metadata": metadata} if metadata.get("namespace") == namespace else None

    return kept


def list_check(path: str) -> Check:
    """The check of a list of the objects at a URL path; ``items`` may be null, Go's empty list."""
    return _list_of(check_of(path))


def _list_of(check: Check) -> Check:
    metadata = _object(**{"continue": _text, "resourceVersion": _text})
    is_list = _object("metadata", metadata=metadata, items=_list(check))
    return lambda value: is_list(value) and "items" in value


is_list: Final = _list_of(lambda _: True)
"""Whether a value is a list of objects, whatever those are."""


def check_of(path: str) -> Check:
    """The check of the objects at a URL path, of a collection or of one object, with or without a query."""
    parts = path.partition("?")[0].split("/")
    prefix = 4 if parts[1:2] == ["apis"] else 3
    group, rest = "/".join(parts[:prefix]), parts[prefix:]
    if rest[:1] != ["namespaces"] or len(rest) < 3:
        return _CHECKS.get(f"{group}/{rest[0] if rest else ''}", _any_kind)
    check, namespace = _CHECKS.get(f"{group}/{rest[2]}", _any_kind), unquote(rest[1])
    return lambda value: check(value) and value["metadata"].get("namespace") == namespace
