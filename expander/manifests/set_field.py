"""``KEY=VALUE`` as a change to a Job: an environment variable of its containers, or a field by its path.

A path may begin at the object (``spec.backoffLimit``), or where its first field is found: in the Job's spec,
else in every container (``resources.limits.memory``), else in the pod's spec; of a Volcano Job those of every
task. ``[NAME]`` or ``[0]`` chooses from a list, ``[KEY]`` from a map: ``nodeSelector[example.com/disk]``.
Values get the type that the field has in the API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.errors import UsageError, suggest
from expander.base.regex import regex
from expander.kube.quantity import fault
from expander.kube.schemas import FieldType, field_names, field_type
from expander.kube.volcano import is_volcano

Tree = dict[str, Any]
Path = tuple[str | int, ...]

POD: Final[Path] = ("spec", "template", "spec")
OF_OBJECT: Final = ("metadata", "spec")
FIXED: Final = (("metadata", "name"), ("metadata", "namespace"))
VARIABLE: Final = "env."
_STEP: Final = regex(r"\.?([A-Za-z_$][-A-Za-z0-9_$]*)|\[([^\[\]]+)\]")
_INTEGERS: Final = (FieldType.INT32, FieldType.INT64)
_WORDS: Final = (FieldType.STRING, FieldType.TIME, FieldType.ANY)
_RESOURCES: Final = ("cpu", "memory", "ephemeral-storage")
_RESOURCE_FIELDS: Final = ("limits", "requests")
_SWITCH: Final = {"true": True, "false": False}


def set_field(job: Tree, key: str, value: str) -> list[Path]:
    """Set in ``job``, in place, what ``key`` names. An empty value takes away a field that is not text.

    Returns what was set, whatever it was called: paths, or ``("env.", NAME)`` for a variable. Raises
    UsageError for a key that names nothing, and for a value that the field cannot have.
    """
    if is_variable := key.startswith(VARIABLE) and "=" not in key:
        key = key.removeprefix(VARIABLE)
    if is_variable or key in _variables(job):
        _set_variable(job, key, value)
        return [(VARIABLE, key)]
    paths = _places(job, key)
    for path in paths:
        _set(job, path, value, key)
    return paths


def keys_of(job: Mapping[str, Any]) -> Iterator[str]:
    """The keys without dots that `set_field` takes: variables, and fields of the Job, containers and pods."""
    yield from _variables(job)
    pod = _pods(job)[0]
    for root in (("spec",), (*pod, "containers", 0), pod):
        yield from field_names(job["apiVersion"], "Job", root)


def _pods(job: Mapping[str, Any]) -> list[Path]:
    """Where the specs of the pods are; a Volcano Job has one for each task."""
    if not is_volcano(job):
        return [POD]
    return [("spec", "tasks", number, "template", "spec") for number in range(len(job["spec"]["tasks"]))]


def _at(job: Mapping[str, Any], path: Path) -> Any:
    found: Any = job
    for step in path:
        found = found[step]
    return found


def _mains(job: Mapping[str, Any]) -> list[Tree]:
    """The containers that are no init containers."""
    return [each for path in _pods(job) for each in _at(job, path)["containers"]]


def _containers(job: Mapping[str, Any]) -> list[Tree]:
    starts = [each for path in _pods(job) for each in _at(job, path).get("initContainers") or ()]
    return [*starts, *_mains(job)]


def _variables(job: Mapping[str, Any]) -> list[str]:
    return [variable["name"] for each in _containers(job) for variable in each.get("env") or ()]


def _set_variable(job: Tree, name: str, value: str) -> None:
    """Where containers have it, else in all that are no init containers."""
    having = [each for each in _containers(job) if any(one["name"] == name for one in each.get("env") or ())]
    for container in having or _mains(job):
        container["env"] = [
            {"name": name, "value": value} if one["name"] == name else one
            for one in container.get("env") or ()
        ]
        if not having:
            container["env"].append({"name": name, "value": value})


def _places(job: Mapping[str, Any], key: str) -> list[Path]:
    """The paths in ``job`` that ``key`` means."""
    steps = _steps(key)
    first = str(steps[0])
    known: list[str] = []
    pods = _pods(job)
    of_containers = [
        (*pod, "containers", number) for pod in pods for number in range(len(_at(job, pod)["containers"]))
    ]
    for roots in ([()], [("spec",)], of_containers, pods):
        names = field_names(job["apiVersion"], "Job", roots[0]) if roots[0] else OF_OBJECT
        known += names
        if first in names:
            return [_resolved(job, (*root, *steps)) for root in roots]
    close = suggest(key, [*_variables(job), *known])
    if first in _RESOURCES:
        close = f"resources.limits.{key}"
    elif first in _RESOURCE_FIELDS:
        close = f"resources.{key}"
    hint = f"did you mean {close}?" if close else f"{VARIABLE}{key}=VALUE adds a variable"
    raise UsageError(f"{key!r} is neither a variable of the containers nor a field of a Job", hint=hint)


def _steps(key: str) -> Path:
    steps: list[str | int] = []
    at = 0
    while at < len(key):
        match = _STEP.match(key, at)
        if match is None:
            raise UsageError(
                f"{key!r} is not a field path: expected fields joined by dots, with [NAME] or [0] in a list"
            )
        name = match[1] or match[2]
        steps.append(int(name) if match[2] and name.isdecimal() else name)
        at = match.end()
    return tuple(steps)


def _resolved(job: Mapping[str, Any], path: Path) -> Path:
    """``path`` with names of list elements as their places."""
    found: Any = job
    made: list[str | int] = []
    for step in path:
        if isinstance(found, list) and isinstance(step, str):
            names = [each.get("name") for each in found if isinstance(each, Mapping)]
            if step not in names:
                there = ", ".join(str(name) for name in names)
                raise UsageError(f"there is no {step!r} in {made[-1]}; there are {there}")
            step = names.index(step)
        if isinstance(found, list):
            found = found[step] if isinstance(step, int) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
        made.append(step)
    return tuple(made)


def _set(job: Tree, path: Path, text: str, key: str) -> None:
    if path in FIXED:
        raise UsageError(f"{key} cannot be changed: a Job is rerun under its own name")
    api: str = job["apiVersion"]
    wanted = field_type(api, "Job", path)
    if wanted is FieldType.MISSING:
        known = [n for n in range(len(path)) if field_type(api, "Job", path[:n]) != FieldType.MISSING]
        names = field_names(api, "Job", path[: known[-1]])
        close = suggest(str(path[known[-1]]), names)
        raise UsageError(f"a Job has no field {key!r}", hint=f"did you mean {close}?" if close else None)
    value = _typed(text, wanted, key)
    parent: Any = job
    for number, step in enumerate(path[:-1]):
        if isinstance(parent, list):
            if not isinstance(step, int) or step >= len(parent):
                raise UsageError(f"{key!r} names an element that does not exist")
        elif parent.get(step) is None:
            parent[step] = [] if isinstance(path[number + 1], int) else {}
        parent = parent[step]
    if isinstance(parent, list) and not (isinstance(path[-1], int) and path[-1] < len(parent)):
        raise UsageError(f"{key!r} names an element that does not exist")
    if value is None and isinstance(parent, dict):
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value


def _typed(text: str, wanted: FieldType, key: str) -> Any:
    if wanted in _WORDS:
        return text
    if not text:
        return None
    if wanted is FieldType.QUANTITY:
        if wrong := fault(text):
            raise UsageError(f"{key}: {text!r} {wrong}")
        return text
    if wanted is FieldType.INT_OR_STRING:
        return int(text) if re.fullmatch(r"-?[0-9]{1,10}", text) else text
    if wanted is FieldType.BOOLEAN:
        if text not in _SWITCH:
            raise UsageError(f"{key}: expected true or false, found {text!r}")
        return _SWITCH[text]
    if wanted in _INTEGERS:
        if not re.fullmatch(r"-?[0-9]{1,19}", text):
            raise UsageError(f"{key}: expected an integer, found {text!r}")
        return int(text)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    expected, name = (list, "array") if wanted is FieldType.LIST else (dict, "object")
    if not isinstance(value, expected):
        raise UsageError(f"{key}: expected a JSON {name}, found {text!r}")
    return value
