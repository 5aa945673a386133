"""Security contexts of pods and containers.

Profiles of the kernel's guards: seccomp and AppArmor.

Settings of the kernel that a pod asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.rules.field import (
    Findings,
    between,
    duplicate,
    each,
    invalid,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.formats import byte_length
from expander.validate.rules.pod.references import PodFacts, check_descending
from expander.validate.rules.pod.windows import check_windows_options

_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_MAX_APPARMOR_NAME: Final = 4095  # bytes of a path in Linux

Profile = Mapping[str, Any]


def check_seccomp(profile: Profile, where: str) -> Findings:
    """A type, and a file of the node with type Localhost only."""
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    at = f"{where}.localhostProfile"
    yield from _check_type(kind, f"{where}.type", "type is required when seccompProfile is set")
    if kind == "Localhost":
        if local is None:
            yield required(at, "must be set when seccomp type is Localhost")
        else:
            yield from check_descending(local, at)
    elif local is not None:
        whole = {"Type": kind, "LocalhostProfile": local}
        yield invalid(at, whole, "can only be set when seccomp type is Localhost")


def check_apparmor(profile: Profile, where: str) -> Findings:
    """A type, and a profile loaded on the node with type Localhost only."""
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    at = f"{where}.localhostProfile"
    yield from _check_type(kind, f"{where}.type", "type is required when appArmorProfile is set")
    if kind == "Localhost":
        if local is not None and local.strip() != local:
            yield invalid(at, local, "must not be padded with whitespace")
        elif not local:
            yield required(at, "must be set when AppArmor type is Localhost")
        if byte_length(local or "") > _MAX_APPARMOR_NAME:
            yield too_long(at, _MAX_APPARMOR_NAME)
    elif kind in _TYPES and local is not None:
        yield invalid(at, local, "can only be set when AppArmor type is Localhost")


def _check_type(kind: str, where: str, detail: str) -> Findings:
    if not kind:
        yield required(where, detail)
    elif kind not in _TYPES:
        yield not_supported(where, kind, _TYPES)


_PATTERN: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_MAX_NAME: Final = 253
_IPC_PREFIXES: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_SYSCTL = regex(_PATTERN)


def check_sysctls(sysctls: Sequence[Any], where: str, spec: Mapping[str, Any]) -> Findings:
    """Each name is well formed, there once, and not of a namespace that the pod shares with the node."""
    seen: set[str] = set()
    for at, sysctl in each(sysctls, where):
        name, at = sysctl.get("name") or "", f"{at}.name"
        if not name:
            yield required(at)
        elif byte_length(name) > _MAX_NAME or not _SYSCTL.fullmatch(name):
            detail = f"must have at most {_MAX_NAME} characters and match regex ^{_PATTERN}$"
            yield invalid(at, name, detail)
        elif name in seen:
            yield duplicate(at, name)
        dotted = _with_dots(name)
        if spec.get("hostNetwork") and dotted.startswith("net."):
            yield invalid(at, name, "may not be specified when 'hostNetwork' is true")
        elif spec.get("hostIPC") and (dotted == "kernel.sem" or dotted.startswith(_IPC_PREFIXES)):
            yield invalid(at, name, "may not be specified when 'hostIPC' is true")
        seen.add(name)


def _with_dots(name: str) -> str:
    """The name with dots between its parts; where a slash comes first, dots and slashes change places."""
    slash, dot = name.find("/"), name.find(".")
    if slash < 0 or 0 <= dot < slash:
        return name
    return name.translate({ord("/"): ".", ord("."): "/"})


Context = Mapping[str, Any]

_MAX_ID: Final = 2**31 - 1
_GROUP_CHANGE_POLICIES: Final = ("Always", "OnRootMismatch")
_GROUPS_POLICIES: Final = ("Merge", "Strict")
_SELINUX_CHANGE_POLICIES: Final = ("MountOption", "Recursive")
_PROC_MOUNTS: Final = ("Default", "Unmasked")
_GO_NAMES: Final = (
    *("Capabilities", "Privileged", "SELinuxOptions", "WindowsOptions", "RunAsUser", "RunAsGroup"),
    *("RunAsNonRoot", "ReadOnlyRootFilesystem", "AllowPrivilegeEscalation", "ProcMount"),
    *("SeccompProfile", "AppArmorProfile"),
)


def check_pod_security(context: Context, where: str, spec: Context, release: Release) -> Findings:
    """Ids in range, known policies, well formed sysctls and profiles; ``spec`` is the pod's."""
    yield from _check_ids(context, ("fsGroup", "runAsUser", "runAsGroup"), where)
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from between(group or 0, 0, _MAX_ID, f"{where}.supplementalGroups[{index}]")
    if sysctls := context.get("sysctls"):
        yield from check_sysctls(sysctls, f"{where}.sysctls", spec)
    yield from _check_one_of(context, "fsGroupChangePolicy", _GROUP_CHANGE_POLICIES, where)
    yield from _check_profiles(context, where)
    yield from _check_one_of(context, "supplementalGroupsPolicy", _GROUPS_POLICIES, where)
    policies = _SELINUX_CHANGE_POLICIES if release.has("SELinuxMount") else ("Recursive",)
    yield from _check_one_of(context, "seLinuxChangePolicy", policies, where)


def check_container_security(context: Context, where: str, pod: PodFacts) -> Findings:
    """Ids in range, a known view of /proc, and no privilege given that is also refused."""
    yield from _check_ids(context, ("runAsUser", "runAsGroup"), where)
    yield from _check_one_of(context, "procMount", _PROC_MOUNTS, where)
    if context.get("procMount") == "Unmasked" and pod.host_users:
        yield invalid(f"{where}.procMount", "Unmasked", "`hostUsers` must be false to use `Unmasked`")
    if context.get("allowPrivilegeEscalation") is False:
        yield from _check_escalation(context, where)
    yield from _check_profiles(context, where)


def _check_escalation(context: Context, where: str) -> Findings:
    refusal = "cannot set `allowPrivilegeEscalation` to false and"
    if context.get("privileged"):
        yield invalid(where, _as_go(context), f"{refusal} `privileged` to true")
    for capability in (context.get("capabilities") or {}).get("add") or ():
        if capability == "CAP_SYS_ADMIN":
            yield invalid(where, _as_go(context), f"{refusal} `capabilities.Add` CAP_SYS_ADMIN")


def _check_ids(context: Context, fields: Sequence[str], where: str) -> Findings:
    for field in fields:
        number = context.get(field)
        if number is not None:
            yield from between(number, 0, _MAX_ID, f"{where}.{field}")


def _check_one_of(context: Context, field: str, allowed: Sequence[str], where: str) -> Findings:
    choice = context.get(field)
    if choice is not None and choice not in allowed:
        yield not_supported(f"{where}.{field}", choice, allowed)


def _check_profiles(context: Context, where: str) -> Findings:
    if (seccomp := context.get("seccompProfile")) is not None:
        yield from check_seccomp(seccomp, f"{where}.seccompProfile")
    if (windows := context.get("windowsOptions")) is not None:
        yield from check_windows_options(windows, f"{where}.windowsOptions")
    if (apparmor := context.get("appArmorProfile")) is not None:
        yield from check_apparmor(apparmor, f"{where}.appArmorProfile")


def _as_go(value: Any, names: Sequence[str] = _GO_NAMES) -> Any:
    """The context as the server shows it: every field, under the names of its own type."""
    given = {field.lower(): content for field, content in value.items()}
    shown = {name: given.get(name.lower()) for name in names}
    if shown.get("Capabilities") is not None:
        shown["Capabilities"] = _as_go(shown["Capabilities"], ("Add", "Drop"))
    for field, inner in (
        ("SeccompProfile", ("Type", "LocalhostProfile")),
        ("AppArmorProfile", ("Type", "LocalhostProfile")),
    ):
        if shown.get(field) is not None:
            shown[field] = _as_go(shown[field], inner)
    return shown
