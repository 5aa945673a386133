"""Settings of Windows pods, and what a pod for one system may not say of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.regex import regex
from expander.validate.rules import formats
from expander.validate.rules.field import Findings, forbidden, invalid, invalid_each, not_supported, required
from expander.validate.rules.pod.references import every_container

_SYSTEMS: Final = ("linux", "windows")
_MAX_CREDENTIAL_KIB: Final = 64
_MAX_DOMAIN: Final = 256
_MAX_USER: Final = 104
_CONTROL = regex(r"[\x00-\x1f\x7f]")
_NETBIOS = regex(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = regex(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_REFUSED_CHAR = regex(r'["/\\:;|=,+*?<>@\[\]]')
_DOTS_AND_SPACES = regex(r"[. ]+")

_NOT_IN_WINDOWS_POD: Final = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls"),
    *("runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"),
)
_NOT_IN_WINDOWS_CONTAINER: Final = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem"),
    *("privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"),
)

Spec = Mapping[str, Any]


def check_windows_options(options: Spec, where: str) -> Findings:
    """A credential spec by name or content, and a user as ``DOMAIN\\\\USER``."""
    name, content = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
    if name is not None:
        yield from invalid_each(f"{where}.gmsaCredentialSpecName", name, formats.dns_subdomain(name))
    if content == "":
        detail = "gmsaCredentialSpec cannot be an empty string"
        yield invalid(f"{where}.gmsaCredentialSpec", content, detail)
    elif content and formats.byte_length(content) > _MAX_CREDENTIAL_KIB * 1024:
        detail = f"gmsaCredentialSpec size must be under {_MAX_CREDENTIAL_KIB} KiB"
        yield invalid(f"{where}.gmsaCredentialSpec", content, detail)
    user = options.get("runAsUserName")
    if user is not None:
        details = (f"runAsUserName{detail}" for detail in _wrong_user(user))
        yield from invalid_each(f"{where}.runAsUserName", user, details)


def _wrong_user(text: str) -> Iterator[str]:
    if not text:
        yield " cannot be an empty string"
    elif _CONTROL.search(text):
        yield " cannot contain control characters"
    elif text.count("\\") > 1:
        yield " cannot contain more than one backslash"
    else:
        domain, slash, user = text.rpartition("\\")
        if formats.byte_length(domain) >= _MAX_DOMAIN:
            yield f"'s Domain length must be under {_MAX_DOMAIN} characters"
        if slash and not (_NETBIOS.fullmatch(domain) or _DNS.fullmatch(domain)):
            yield "'s Domain doesn't match the NetBios nor the DNS format"
        if not user:
            yield "'s User cannot be empty"
        elif formats.byte_length(user) > _MAX_USER:
            yield f"'s User length must not be longer than {_MAX_USER} characters"
        if _DOTS_AND_SPACES.fullmatch(user):
            yield "'s User cannot contain only periods or spaces"
        if _REFUSED_CHAR.search(user):
            yield "'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"


def check_host_process(spec: Spec, where: str) -> Findings:
    """Host process containers: all of the pod's or none, and on the node's network."""
    inherited = _host_process(spec)
    own = [(at, _host_process(container)) for at, container in every_container(spec, where)]
    for at, choice in own:
        if inherited is not None and choice is not None and inherited != choice:
            value = "true" if inherited else "false"
            detail = f"pod hostProcess value must be identical if both are specified, was {value}"
            yield invalid(f"{at}.securityContext.windowsOptions.hostProcess", choice, detail)
    privileged = sum(bool(inherited if choice is None else choice) for _, choice in own)
    if privileged and privileged != len(own):
        detail = (
            "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        )
        yield invalid(where, "", detail)
    if privileged and not spec.get("hostNetwork"):
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid(f"{where}.hostNetwork", False, detail)


def check_os(spec: Spec, where: str) -> Findings:
    """A known system, and nothing that only the other one has."""
    name = spec["os"].get("name") or ""
    if not name:
        yield required(f"{where}.os.name")
    elif name not in _SYSTEMS:
        yield not_supported(f"{where}.os", name, _SYSTEMS)
    elif name == "linux":
        yield from _check_linux(spec, where)
    else:
        yield from _check_windows(spec, where)


def _check_linux(spec: Spec, where: str) -> Findings:
    for at, holder in ((where, spec), *every_container(spec, where)):
        if (holder.get("securityContext") or {}).get("windowsOptions") is not None:
            at = f"{at}.securityContext.windowsOptions"
            yield forbidden(at, "windows options cannot be set for a linux pod")


def _check_windows(spec: Spec, where: str) -> Findings:
    refused = [field for field in ("hostPID", "hostIPC") if spec.get(field)]
    refused += [field for field in ("hostUsers", "shareProcessNamespace") if spec.get(field) is not None]
    context = spec.get("securityContext") or {}
    refused += [f"securityContext.{field}" for field in _NOT_IN_WINDOWS_POD if _is_set(context, field)]
    for field in refused:
        yield forbidden(f"{where}.{field}", "cannot be set for a windows pod")
    for at, container in every_container(spec, where):
        context = container.get("securityContext") or {}
        for field in _NOT_IN_WINDOWS_CONTAINER:
            if context.get(field) is not None:
                yield forbidden(f"{at}.securityContext.{field}", "cannot be set for a windows pod")


def _is_set(context: Spec, field: str) -> bool:
    value = context.get(field)
    return bool(value) if field == "sysctls" else value is not None


def _host_process(holder: Spec) -> bool | None:
    options = (holder.get("securityContext") or {}).get("windowsOptions") or {}
    choice: bool | None = options.get("hostProcess")
    return choice
