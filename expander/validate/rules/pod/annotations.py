"""Annotations that the server reads as settings of a pod."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.rules.field import Findings, forbidden, invalid, key
from expander.validate.rules.pod.references import check_descending, every_container
from expander.validate.rules.pod.scheduling import check_tolerations

_MIRROR: Final = "kubernetes.io/config.mirror"
_TOLERATIONS: Final = "scheduler.alpha.kubernetes.io/tolerations"
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_DEFAULTS: Final = {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined"}
_COST = regex("0|-?[1-9][0-9]*")

Annotations = Mapping[str, Any]
Spec = Mapping[str, Any]


def check_pod_annotations(annotations: Annotations, where: str, spec: Spec, release: Release) -> Findings:
    """Settings in annotations are well formed; ``where`` is the path of the map."""
    if _MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        yield invalid(key(where, _MIRROR), annotations[_MIRROR], detail)
    if text := annotations.get(_TOLERATIONS):
        yield from _check_tolerations(text, where, release)
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not (_COST.fullmatch(cost) and -(2**31) <= int(cost) < 2**31):
        yield invalid(key(where, _DELETION_COST), cost, "must be a 32bit integer")
    for name, value in annotations.items():
        if name == _SECCOMP_POD or name.startswith(_SECCOMP_CONTAINER):
            yield from _check_seccomp(value or "", f"{where}.{name}")
        elif name.startswith(_APPARMOR):
            yield from _check_apparmor(name, value or "", where, spec)


def check_profiles_agree(annotations: Annotations, spec: Spec, where: str) -> Findings:
    """A profile given both in an annotation and in its field is the same; ``where`` is the spec's path."""
    context = spec.get("securityContext") or {}
    profile, text = context.get("seccompProfile"), annotations.get(_SECCOMP_POD)
    if profile is not None and text is not None:
        at = f"{where}.securityContext.seccompProfile"
        yield from _check_agree(text, profile, at, "seccomp", "localhost/")
    windows = (spec.get("os") or {}).get("name") == "windows"
    for at, container in every_container(spec, where):
        own, name = container.get("securityContext") or {}, container.get("name") or ""
        profile, text = own.get("seccompProfile"), annotations.get(_SECCOMP_CONTAINER + name)
        if profile is not None and text is not None:
            seccomp_at = f"{at}.securityContext.seccompProfile"
            yield from _check_agree(text, profile, seccomp_at, "seccomp", "localhost/")
        profile = own.get("appArmorProfile") or context.get("appArmorProfile")
        text = annotations.get(_APPARMOR + name)
        if profile is not None and text is not None and not windows:
            apparmor_at = f"{at}.securityContext.appArmorProfile"
            yield from _check_agree(text, profile, apparmor_at, "apparmor", "localhost/")


def _check_agree(text: str, profile: Mapping[str, Any], where: str, guard: str, local: str) -> Findings:
    kind = profile.get("type") or ""
    if kind == "Localhost" and text.startswith(local):
        if text.removeprefix(local) != profile.get("localhostProfile"):
            yield forbidden(
                f"{where}.localhostProfile", f"{guard} profile in annotation and field must match"
            )
    elif kind == "Localhost" or (kind in _DEFAULTS and not _means(text, kind, guard)):
        yield forbidden(f"{where}.type", f"{guard} type in annotation and field must match")


def _means(text: str, kind: str, guard: str) -> bool:
    return text == _DEFAULTS[kind] or (
        guard == "seccomp" and kind == "RuntimeDefault" and text == "docker/default"
    )


def _check_tolerations(text: str, where: str, release: Release) -> Findings:
    try:
        tolerations = json.loads(text)
        sound = tolerations is None or all(isinstance(entry, dict) for entry in tolerations)
        problem = "" if sound else "json: cannot unmarshal into Go value of type core.Toleration"
    except (ValueError, TypeError) as error:
        problem = str(error)
    if problem:
        yield invalid(where, _TOLERATIONS, problem)
    elif tolerations:
        yield from check_tolerations(tolerations, f"{where}.{_TOLERATIONS}", release)


def _check_seccomp(profile: str, where: str) -> Findings:
    if profile.startswith("localhost/"):
        yield from check_descending(profile.removeprefix("localhost/"), where)
    elif profile not in ("runtime/default", "docker/default", "unconfined"):
        yield invalid(where, profile, "must be a valid seccomp profile")


def _check_apparmor(name: str, profile: str, where: str, spec: Spec) -> Findings:
    container = name.removeprefix(_APPARMOR)
    if all((other.get("name") or "") != container for _, other in every_container(spec, "")):
        yield invalid(key(where, name), container, "container not found")
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
        yield invalid(key(where, name), profile, f'invalid AppArmor profile name: "{profile}"')
