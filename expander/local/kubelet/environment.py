"""The environment of a container: ``envFrom``, then ``env``, later names winning.

makeEnvironmentVariables in pkg/kubelet/kubelet_pods.go decides, and what its messages say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.local.kubelet.downward import field_value, resource_value
from expander.local.kubelet.expansion import expand
from expander.local.kubelet.node import Surroundings
from expander.local.kubelet.refusals import ConfigError
from expander.local.kubelet.sources import Kind, Lookup, Missing, texts


def environment(
    pod: Mapping[str, Any], container: Mapping[str, Any], lookup: Lookup, place: Surroundings
) -> dict[str, str]:
    """The variables that the pod's author asked for; ConfigError when one cannot be had."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        variables |= _all_of(source, pod["metadata"]["namespace"], lookup)
    for variable in container.get("env") or ():
        value = variable.get("value")
        if value:
            variables[variable["name"]] = expand(value, variables)
        elif variable.get("valueFrom"):
            found = _value(pod, container, variable["valueFrom"], lookup, place)
            if found is not None:
                variables[variable["name"]] = found
        else:
            variables[variable["name"]] = ""
    return variables


def _all_of(source: Mapping[str, Any], namespace: str, lookup: Lookup) -> dict[str, str]:
    """Every entry of the ConfigMap or Secret that an ``envFrom`` names, with its prefix."""
    prefix = source.get("prefix", "")
    references: tuple[tuple[str, Kind], ...] = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
    for field, kind in references:
        reference = source.get(field)
        if reference is None:
            continue
        try:
            found = texts(lookup, kind, namespace, reference.get("name", ""))
        except Missing as missing:
            if reference.get("optional"):
                return {}
            raise ConfigError(str(missing)) from None
        return {prefix + key: found[key] for key in sorted(found)}
    return {}


def _value(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    source: Mapping[str, Any],
    lookup: Lookup,
    place: Surroundings,
) -> str | None:
    """The value from ``valueFrom``; None when it is optional and not there."""
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], place)
    if "resourceFieldRef" in source:
        return resource_value(pod["spec"], container, source["resourceFieldRef"], place.node)
    namespace = pod["metadata"]["namespace"]
    references: tuple[tuple[str, Kind], ...] = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
    for field, kind in references:
        if field in source:
            return _entry(source[field], kind, namespace, lookup)
    raise ConfigError(f"{next(iter(source), 'an empty valueFrom')} is not supported on this machine")


def _entry(reference: Mapping[str, Any], kind: Kind, namespace: str, lookup: Lookup) -> str | None:
    """One entry of a ConfigMap or Secret."""
    name, key = reference.get("name", ""), reference["key"]
    try:
        found = texts(lookup, kind, namespace, name)
        if key not in found:
            raise Missing(f"couldn't find key {key} in {kind} {namespace}/{name}")
    except Missing as missing:
        if reference.get("optional"):
            return None
        raise ConfigError(str(missing)) from None
    return found[key]
