"""Environment variables of containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.rules import formats
from expander.validate.rules.field import Findings, each, invalid, invalid_each, not_found, required
from expander.validate.rules.pod.references import (
    ENV_FIELDS,
    check_field_ref,
    check_no_climbing,
    check_resource_field_ref,
    every_container,
)

_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ONE_SOURCE: Final = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`"
_MANY_SOURCES: Final = "may not have more than one field specified at a time"


def check_env(variables: Sequence[Any], where: str, release: Release) -> Findings:
    """Each variable has a name, and a value or one source of it."""
    name_rule = _name_rule(release)
    for index, variable in enumerate(variables):
        variable = variable or {}
        name = variable.get("name") or ""
        if not name:
            yield required(f"{where}[{index}].name")
        elif wrong := name_rule(name):
            yield from invalid_each(f"{where}[{index}].name", name, wrong)
        source = variable.get("valueFrom")
        if source is not None:
            yield from _check_source(source, variable.get("value"), f"{where}[{index}].valueFrom", release)


def _name_rule(release: Release) -> formats.Rule:
    """The format of names in ``release``."""
    relaxed = release.has("RelaxedEnvironmentVariableValidation")
    return formats.env_name if relaxed else formats.strict_env_name


def _check_source(source: Mapping[str, Any], value: Any, where: str, release: Release) -> Findings:
    given = [name for name in _SOURCES if source.get(name) is not None]
    for name in given:
        yield from _check_reference(name, source[name], f"{where}.{name}")
    if not given:
        others = ", `secretKeyRef` or `fileKeyRef`" if release.has("EnvFiles") else " or `secretKeyRef`"
        yield invalid(where, "", _ONE_SOURCE + others)
    elif value:
        yield invalid(where, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid(where, "", _MANY_SOURCES)


def _check_reference(name: str, reference: Mapping[str, Any], where: str) -> Findings:
    if name == "fieldRef":
        yield from check_field_ref(reference, ENV_FIELDS, where)
    elif name == "resourceFieldRef":
        yield from check_resource_field_ref(reference, where, in_volume=False)
    elif name == "fileKeyRef":
        yield from _check_file_key(reference, where)
    else:
        yield from _check_key_of_object(reference, where)


def _check_key_of_object(reference: Mapping[str, Any], where: str) -> Findings:
    name, key = reference.get("name") or "", reference.get("key") or ""
    yield from invalid_each(f"{where}.name", name, formats.dns_subdomain(name))
    if not key:
        yield required(f"{where}.key")
    else:
        yield from invalid_each(f"{where}.key", key, formats.config_key(key))


def _check_file_key(reference: Mapping[str, Any], where: str) -> Findings:
    key, volume, path = (reference.get(field) or "" for field in ("key", "volumeName", "path"))
    if not key:
        yield required(f"{where}.key")
    else:
        yield from invalid_each(f"{where}.key", key, formats.env_name(key))
    if not volume:
        yield required(f"{where}.volumeName")
    else:
        yield from invalid_each(f"{where}.volumeName", volume, formats.dns_label(volume))
    if not path:
        yield required(f"{where}.path")
    else:
        yield from check_no_climbing(path, f"{where}.path")


def check_file_volumes(spec: Mapping[str, Any], where: str) -> Findings:
    """Variables that are read from files: the volume of the file is there, and is an emptyDir."""
    volumes = {(volume or {}).get("name") or "": volume or {} for volume in spec.get("volumes") or ()}
    for container_at, container in every_container(spec, where):
        for at, variable in each(container.get("env"), f"{container_at}.env"):
            reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
            if reference is None:
                continue
            name, at = reference.get("volumeName") or "", f"{at}.valueFrom.fileKeyRef.volumeName"
            if name not in volumes:
                yield not_found(at, name)
            elif volumes[name].get("emptyDir") is None:
                yield invalid(at, name, "referenced volume must be of type emptyDir")


def check_env_from(sources: Sequence[Any], where: str, release: Release) -> Findings:
    """Each entry takes one ConfigMap or one Secret; a finding on the choice is at the list itself."""
    name_rule = _name_rule(release)
    for at, source in each(sources, where):
        if prefix := source.get("prefix"):
            yield from invalid_each(f"{at}.prefix", prefix, name_rule(prefix))
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for kind in given:
            name = source[kind].get("name") or ""
            if not name:
                yield required(f"{at}.{kind}.name")
            else:
                yield from invalid_each(f"{at}.{kind}.name", name, formats.dns_subdomain_prefix(name))
        if not given:
            yield invalid(where, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid(where, "", _MANY_SOURCES)
