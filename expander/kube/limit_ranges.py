"""LimitRanges of a namespace: defaults for containers, and the checks of the LimitRanger plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from expander.kube.objects import MutableObject as Object
from expander.kube.quota import forbidden
from expander.kube.resources import Amounts, of_pod, read

NOTE: Final = "kubernetes.io/limit-ranger"
"""The annotation that says what was filled in."""


def applied(ranges: Iterable[Object], pod: Object) -> Object:
    """The pod with the default requests and limits of its containers."""
    for each in ranges:
        limits, requests = _defaults(each, "default"), _defaults(each, "defaultRequest")
        if limits or requests:
            pod = _filled(pod, limits, requests)
    return pod


def check(ranges: Iterable[Object], obj: Object) -> None:
    """Raises `AdmissionError` when a pod or a claim asks for too much or too little."""
    for each in ranges:
        faults = list(dict.fromkeys(_faults(each, obj)))
        if faults:
            raise forbidden(obj, faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")


def _defaults(limit_range: Object, field: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") == "Container":
            found |= item.get(field) or {}
    return found


def _filled(pod: Object, limits: dict[str, str], requests: dict[str, str]) -> Object:
    spec, words = {**pod["spec"]}, []
    for kind, called in (("containers", "container"), ("initContainers", "init container")):
        made = []
        for container in spec.get(kind) or ():
            resources = {**(container.get("resources") or {})}
            for field, defaults in (("requests", requests), ("limits", limits)):
                own = resources.get(field) or {}
                added = sorted(defaults.keys() - own.keys())
                if added:
                    resources[field] = {**own, **{name: defaults[name] for name in added}}
                    words.append(f"{', '.join(added)} {field[:-1]} for {called} {container['name']}")
            made.append({**container, "resources": resources})
        if made:
            spec[kind] = made
    if not words:
        return pod
    metadata = {**pod["metadata"]}
    note = f"LimitRanger plugin set: {'; '.join(words)}"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), NOTE: note}
    return {**pod, "metadata": metadata, "spec": spec}


def _faults(limit_range: Object, obj: Object) -> Iterator[str]:
    """What is wrong with a pod's containers, the pod itself, or a claim, by the type of each limit."""
    spec = obj["spec"]
    for item in limit_range["spec"].get("limits") or ():
        kind = item.get("type")
        if obj["kind"] == "Pod" and kind == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                yield from _bounds(item, read(resources.get("requests")), read(resources.get("limits")))
        elif obj["kind"] == "Pod" and kind == "Pod":
            yield from _bounds(item, of_pod(spec, "requests"), of_pod(spec, "limits"))
        elif obj["kind"] == kind == "PersistentVolumeClaim":
            requests = read((spec.get("resources") or {}).get("requests"))
            yield from _bounds(item, requests, requests)


def _bounds(item: dict[str, Any], requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = item["type"]
    for name, least in sorted(read(item.get("min")).items()):
        start = f"minimum {name} usage per {kind} is {least}"
        if name not in requests:
            yield f"{start}.  No request is specified"
        elif requests[name].value < least.value:
            yield f"{start}, but request is {requests[name]}"
        elif name in limits and limits[name].value < least.value:
            yield f"{start}, but limit is {limits[name]}"
    for name, most in sorted(read(item.get("max")).items()):
        start = f"maximum {name} usage per {kind} is {most}"
        if name not in limits:
            yield f"{start}.  No limit is specified"
        elif limits[name].value > most.value:
            word = "request" if kind == "PersistentVolumeClaim" else "limit"
            yield f"{start}, but {word} is {limits[name]}"
        elif name in requests and requests[name].value > most.value:
            yield f"{start}, but request is {requests[name]}"
    for name, ratio in sorted(read(item.get("maxLimitRequestRatio")).items()):
        start = f"{name} max limit to request ratio per {kind} is {ratio}"
        if name not in requests or not requests[name].value:
            yield f"{start}, but no request is specified or request is 0"
        elif name not in limits or not limits[name].value:
            yield f"{start}, but no limit is specified or limit is 0"
        elif limits[name].value / requests[name].value > ratio.value:
            yield f"{start}, but provided ratio is {float(limits[name].value / requests[name].value):f}"
