"""Security contexts of pods and containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules.checks import (
    Findings,
    between,
    invalid,
    not_supported,
)
from expander.validate.rules.pod.facts import PodFacts
from expander.validate.rules.pod.profiles import check_apparmor, check_seccomp
from expander.validate.rules.pod.sysctls import check_sysctls
from expander.validate.rules.pod.windows import check_windows_options

Context = Mapping[str, Any]

_MAX_ID: Final = 2**31 - 1
_GROUP_CHANGE_POLICIES: Final = ("Always", "OnRootMismatch")
_GROUPS_POLICIES: Final = ("Merge", "Strict")
_SELINUX_CHANGE_POLICIES: Final = ("Recursive",)  # MountOption waits for the gate SELinuxMount
_PROC_MOUNTS: Final = ("Default", "Unmasked")
_GO_NAMES: Final = (
    *("Capabilities", "Privileged", "SELinuxOptions", "WindowsOptions", "RunAsUser", "RunAsGroup"),
    *("RunAsNonRoot", "ReadOnlyRootFilesystem", "AllowPrivilegeEscalation", "ProcMount"),
    *("SeccompProfile", "AppArmorProfile"),
)


def check_pod_security(context: Context, where: str, spec: Context) -> Findings:
    """Ids in range, known policies, well formed sysctls and profiles; ``spec`` is the pod's."""
    yield from _check_ids(context, ("fsGroup", "runAsUser", "runAsGroup"), where)
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from between(group or 0, 0, _MAX_ID, f"{where}.supplementalGroups[{index}]")
    if sysctls := context.get("sysctls"):
        yield from check_sysctls(sysctls, f"{where}.sysctls", spec)
    yield from _check_one_of(context, "fsGroupChangePolicy", _GROUP_CHANGE_POLICIES, where)
    yield from _check_profiles(context, where)
    yield from _check_one_of(context, "supplementalGroupsPolicy", _GROUPS_POLICIES, where)
    yield from _check_one_of(context, "seLinuxChangePolicy", _SELINUX_CHANGE_POLICIES, where)


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
