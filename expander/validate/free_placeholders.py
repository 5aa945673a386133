"""Which placeholders of a template are free: no rule tells most of their values apart.

The rules are the API server's (pkg/apis/batch/validation, pkg/apis/core/validation) for the kind of the
object, and the placeholder's own: a name in it is valid, an integer an integer. What is said here is less
than the rules allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expander.base.regex import Texts
from expander.kube.schemas import FieldType
from expander.manifests.names import DNS_LABEL
from expander.render.placeholder import Path, Placeholder

ANY_TEXT = Texts(r"[\s\S]*", is_linewise=False)
_SOME = Texts(r"[\s\S]+", is_linewise=False)
_IMAGE = Texts(r"[!-~]+")
_COUNT = Texts(r"[1-9][0-9]{0,8}+")
_UNDOTTED = Texts(r"[a-z0-9-]{1,52}")  # with any index behind it a name of a host
_PORT = Texts(r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2})")
_AMOUNT = Texts(r"[0-9]{1,9}+(?:\.[0-9]{1,3}+)?+(?:[KMGT]i|[mkMGT])?+")
_SUB_PATH = Texts(r"[A-Za-z0-9_-]++(?:/[A-Za-z0-9_-]++)*+")
_NAMED_FREELY = ("ConfigMap", "CronJob", "Job", "Secret")
_INTEGERS = (FieldType.INT32, FieldType.INT64)
_NUMBERS = (*_INTEGERS, FieldType.QUANTITY)
_JOB_SPECS = (("spec",), ("spec", "jobTemplate", "spec"))
_COUNTED = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy")
"""Fields of a Job that are compared with its completions."""


def free_when(placeholder: Placeholder, tree: Mapping[str, Any]) -> Texts | None:
    """The texts that no rule tells apart in this placeholder; None when there are none.

    ``tree`` is any manifest of the template.
    """
    if placeholder.is_key or tree.get("kind") not in (*_NAMED_FREELY, "Pod"):
        return None
    path = placeholder.path
    if path == ("metadata", "name"):
        if placeholder.rule is None or tree["kind"] not in _NAMED_FREELY:
            return None
        return _UNDOTTED if tree["kind"] == "Job" and "completionMode" in _spec(tree) else ANY_TEXT
    if placeholder.type in _INTEGERS:
        return _COUNT if _is_plain_count(path, tree) else None
    if placeholder.type is not FieldType.STRING:
        return None
    if path[-2:-1] == ("annotations",):
        return None if "kubernetes.io" in str(path[-1]) else ANY_TEXT
    if path[-2:-1] == ("labels",):
        free = placeholder.rule is not None and "kubernetes.io" not in str(path[-1]) and not _selects(tree)
        return ANY_TEXT if free else None
    if path[-3:] == ("template", "metadata", "name"):
        return ANY_TEXT
    if tree["kind"] == "ConfigMap":
        return ANY_TEXT if path[:1] == ("data",) else None
    return _in_container(path)


def valid_when(
    placeholder: Placeholder, tree: Mapping[str, Any], placeholders: Sequence[Placeholder]
) -> Texts | None:
    """The same where admission (LimitRanges, quotas, policies) may tell values apart, and only that does.

    ``placeholders`` are all of the template.
    """
    if placeholder.is_key or tree.get("kind") not in (*_NAMED_FREELY, "Pod"):
        return None
    if placeholder.type in _NUMBERS:
        return _number_when(placeholder, tree, placeholders)
    return _text_when(placeholder, tree) if placeholder.type is FieldType.STRING else None


def _number_when(
    placeholder: Placeholder, tree: Mapping[str, Any], placeholders: Sequence[Placeholder]
) -> Texts | None:
    path = placeholder.path
    if path[:-1] in _JOB_SPECS and path[-1] == "completions":
        return _COUNT if _are_plain_completions(path[:-1], tree) else None
    place = _place_of(path, "containers", "initContainers")
    if place is None:
        return None
    pod = _at(tree, path[:place])
    match path[place + 2 :]:
        case ("ports", int(), "containerPort"):
            return None if "hostNetwork" in pod else _PORT
        case ("resources", "limits" | "requests", "cpu" | "memory" | "ephemeral-storage"):
            free = "resources" not in pod and _is_compared_with_nothing(placeholder, tree, placeholders)
            return _AMOUNT if free else None
    return None


def _text_when(placeholder: Placeholder, tree: Mapping[str, Any]) -> Texts | None:
    path = placeholder.path
    place = _place_of(path, "containers", "initContainers")
    if place is not None:
        match path[place + 2 :]:
            case ("workingDir",):
                return ANY_TEXT
            case ("volumeMounts", int(), "subPath"):
                return _SUB_PATH
            case ("env", int(), "valueFrom", "configMapKeyRef" | "secretKeyRef", "name"):
                return ANY_TEXT if placeholder.rule is not None else None
            case ("envFrom", int(), "configMapRef" | "secretRef", "name"):
                return ANY_TEXT if placeholder.rule is not None else None
        return None
    place = _place_of(path, "volumes")
    if place is None or placeholder.rule is None:
        return None
    match path[place + 2 :]:
        case ("configMap", "name") | ("secret", "secretName"):
            return ANY_TEXT
        case ("persistentVolumeClaim", "claimName"):
            return (
                None
                if any("ephemeral" in (each or ()) for each in _at(tree, path[: place + 1]))
                else ANY_TEXT
            )
    return None


def _are_plain_completions(where: Path, tree: Mapping[str, Any]) -> bool:
    """Whether every positive number of completions is accepted in the Job spec at ``where``."""
    spec = _at(tree, where)
    if not spec.keys().isdisjoint(_COUNTED):
        return False
    if "completionMode" not in spec:
        return True
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return isinstance(name, str) and DNS_LABEL.accepts(name) and name in _UNDOTTED


def _is_compared_with_nothing(
    placeholder: Placeholder, tree: Mapping[str, Any], placeholders: Sequence[Placeholder]
) -> bool:
    """Whether a request has no limit or the same, or the other way round."""
    *resources, side, name = placeholder.path
    other = "limits" if side == "requests" else "requests"
    for each in placeholders:
        if each.path == (*resources, other, name):
            return each.segments == placeholder.segments
        if each.is_key and each.path[: len(resources)] == tuple(resources):
            return False
    others = _at(tree, resources).get(other)
    return others is None or (isinstance(others, Mapping) and name not in others)


def _at(tree: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _place_of(path: Path, *lists: str) -> int | None:
    """The place of the first of ``lists`` in ``path``."""
    return next((number for number, part in enumerate(path) if part in lists), None)


def _in_container(path: Path) -> Texts | None:
    """The same for the fields of a container."""
    place = _place_of(path, "containers", "initContainers")
    if place is None:
        return None
    match path[place + 2 :]:
        case ("command" | "args", int()):
            return ANY_TEXT
        case ("env", int(), "value"):
            return _SOME
        case ("image",):
            return _IMAGE
    return None


def _is_plain_count(path: Path, tree: Mapping[str, Any]) -> bool:
    """Whether every positive number is accepted, whatever else the manifest says."""
    if path[:-1] not in _JOB_SPECS:
        return False
    if path[-1] in ("backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds"):
        return True
    is_alone = tree["kind"] == "Job" and _spec(tree).keys().isdisjoint(("completionMode", "scheduling"))
    return path == ("spec", "parallelism") and is_alone


def _spec(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = tree.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _selects(tree: Mapping[str, Any]) -> bool:
    """Whether a selector could be compared with labels."""
    spec = _spec(tree)
    inner = spec.get("jobTemplate")
    nested = inner.get("spec") if isinstance(inner, Mapping) else None
    return any(
        isinstance(part, Mapping) and ("selector" in part or "manualSelector" in part)
        for part in (spec, nested)
    )
