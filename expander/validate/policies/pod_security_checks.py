"""The checks of the Pod Security Standards (``policy`` of k8s.io/pod-security-admission).

One function for each check: what is wrong with a pod, in the server's words, for one minor version of the
standards. Those of ``baseline`` come first; ``restricted`` is stricter where both speak of one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.base.text import plural
from expander.kube.gofmt import quoted
from expander.validate.rules.field import EMPTY

Object = Mapping[str, Any]


class Violation(NamedTuple):
    """What a pod violates, and where."""

    reason: str
    detail: str


Check = Callable[[Object, int], Violation | None]
"""Of a pod, by the minor version of the standards."""

_CAPABILITIES: Final = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT".split()
)
_PROFILES: Final = ("RuntimeDefault", "Localhost")
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_SELINUX_TYPES: Final = {
    "": 0,
    "container_t": 0,
    "container_init_t": 0,
    "container_kvm_t": 0,
    "container_engine_t": 31,
}
_SYSCTLS: Final = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
"""What is allowed, and the minor version since which it is."""

_VOLUMES: Final = (
    "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret".split()
)
_USER_NAMESPACES: Final = 35
"""The minor version since which a pod with a user namespace of its own may do more."""

_WINDOWS: Final = 25
"""The minor version since which pods of Windows need not set what only Linux has."""


def _containers(pod: Object) -> Iterator[tuple[str, Object]]:
    """The name and the security context of each container."""
    for container in _all_containers(pod):
        yield container.get("name") or "", container.get("securityContext") or EMPTY


def _all_containers(pod: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod["spec"].get(field) or ()


def _context(pod: Object) -> Object:
    found: Object = pod["spec"].get("securityContext") or EMPTY
    return found


def _is_windows(pod: Object, minor: int) -> bool:
    return minor >= _WINDOWS and (pod["spec"].get("os") or EMPTY).get("name") == "windows"


def _has_own_users(pod: Object, minor: int) -> bool:
    return minor >= _USER_NAMESPACES and pod["spec"].get("hostUsers") is False


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _named(names: Sequence[str], noun: str = "container") -> str:
    return f"{plural(noun, len(names))} {_quoted(names)}"


def _setters(pod_is_bad: bool, names: Sequence[str]) -> str:
    """``pod and container "a"``; empty when nobody set anything bad."""
    return " and ".join([*(["pod"] if pod_is_bad else []), *([_named(names)] if names else [])])


def _app_armor(pod: Object, minor: int) -> Violation | None:
    def is_bad(context: Object) -> bool:
        profile = context.get("appArmorProfile")
        return profile is not None and profile.get("type") not in _PROFILES

    bad = [name for name, context in _containers(pod) if is_bad(context)]
    contexts = [_context(pod), *(context for _, context in _containers(pod))]
    values = sorted({each["appArmorProfile"].get("type") or "" for each in contexts if is_bad(each)})
    annotations = sorted(
        f"{key}={quoted(value or '')}"
        for key, value in (pod["metadata"].get("annotations") or EMPTY).items()
        if key.startswith(_APP_ARMOR)
        and value not in (None, "", "runtime/default")
        and not value.startswith("localhost/")
    )
    setters = [each for each in [_setters(is_bad(_context(pod)), bad)] if each]
    setters += [plural("annotation", len(annotations))] if annotations else []
    if not setters:
        return None
    values += annotations
    return Violation(
        plural("forbidden AppArmor profile", len(values)),
        f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(values)}",
    )


def _added(context: Object) -> Sequence[str]:
    return (context.get("capabilities") or EMPTY).get("add") or ()


def _too_capable(pod: Object, allowed: Iterable[str]) -> str:
    """Which containers add capabilities beyond ``allowed``; empty when none does."""
    more = {name: sorted(set(_added(context)) - set(allowed)) for name, context in _containers(pod)}
    names = [name for name, added in more.items() if added]
    if not names:
        return ""
    added = sorted({each for found in more.values() for each in found})
    return f"{_named(names)} must not include {_quoted(added)} in securityContext.capabilities.add"


def _capabilities(pod: Object, minor: int) -> Violation | None:
    detail = _too_capable(pod, _CAPABILITIES)
    return Violation("non-default capabilities", detail) if detail else None


def _host_namespaces(pod: Object, minor: int) -> Violation | None:
    found = [f"{each}=true" for each in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(each)]
    return Violation("host namespaces", ", ".join(found)) if found else None


def _host_paths(pod: Object, minor: int) -> Violation | None:
    names = [each["name"] for each in pod["spec"].get("volumes") or () if each.get("hostPath") is not None]
    return Violation("hostPath volumes", _named(names, "volume")) if names else None


def _host_ports(pod: Object, minor: int) -> Violation | None:
    used = {
        each["name"]: [port["hostPort"] for port in each.get("ports") or () if port.get("hostPort")]
        for each in _all_containers(pod)
    }
    names = [name for name, ports in used.items() if ports]
    ports = sorted({str(port) for found in used.values() for port in found})
    if not names:
        return None
    uses = "uses" if len(names) == 1 else "use"
    return Violation(
        "hostPort", f"{_named(names)} {uses} {plural('hostPort', len(ports))} {', '.join(ports)}"
    )


def _host_handlers(pod: Object, minor: int) -> Violation | None:
    names, hosts = set(), set()
    for container in _all_containers(pod):
        lifecycle = container.get("lifecycle") or EMPTY
        handlers = [container.get(f"{each}Probe") for each in ("liveness", "readiness", "startup")]
        for handler in (*handlers, lifecycle.get("postStart"), lifecycle.get("preStop")):
            for action in ("httpGet", "tcpSocket"):
                host = ((handler or EMPTY).get(action) or EMPTY).get("host")
                if host:
                    names.add(container["name"])
                    hosts.add(host)
    if minor < 34 or not names:
        return None
    uses = "uses" if len(names) == 1 else "use"
    where = "probe or lifecycle host"
    return Violation(where, f"{_named(sorted(names))} {uses} {_named(sorted(hosts), where)}")


def _privileged(pod: Object, minor: int) -> Violation | None:
    names = [name for name, context in _containers(pod) if context.get("privileged")]
    return (
        Violation("privileged", f"{_named(names)} must not set securityContext.privileged=true")
        if names
        else None
    )


def _proc_mount(pod: Object, minor: int) -> Violation | None:
    set_to = {name: context.get("procMount") for name, context in _containers(pod)}
    names = [name for name, value in set_to.items() if value not in (None, "Default")]
    if not names or _has_own_users(pod, minor):
        return None
    values = sorted({str(set_to[name]) for name in names})
    return Violation(
        "procMount", f"{_named(names)} must not set securityContext.procMount to {_quoted(values)}"
    )


def _selinux(pod: Object, minor: int) -> Violation | None:
    allowed = {name for name, since in _SELINUX_TYPES.items() if minor >= since}

    def options(context: Object) -> Object:
        found: Object = context.get("seLinuxOptions") or EMPTY
        return found

    def is_bad(context: Object) -> bool:
        own = options(context)
        return (own.get("type") or "") not in allowed or bool(own.get("user") or own.get("role"))

    names = [name for name, context in _containers(pod) if is_bad(context)]
    setters = _setters(is_bad(_context(pod)), names)
    if not setters:
        return None
    given = [options(each) for each in (_context(pod), *(context for _, context in _containers(pod)))]
    types = sorted({each.get("type") or "" for each in given} - allowed)
    words = [_named(types, "type")] if types else []
    words += [f"{field} may not be set" for field in ("user", "role") if any(e.get(field) for e in given)]
    return Violation(
        "seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(words)}"
    )


def _is_unconfined(context: Object) -> bool:
    profile = context.get("seccompProfile")
    return profile is not None and profile.get("type") not in _PROFILES


def _seccomp(pod: Object, minor: int) -> Violation | None:
    if minor < 19:
        return None
    names = [name for name, context in _containers(pod) if _is_unconfined(context)]
    setters = _setters(_is_unconfined(_context(pod)), names)
    if not setters:
        return None
    contexts = [_context(pod), *(context for _, context in _containers(pod))]
    values = sorted({each["seccompProfile"].get("type") or "" for each in contexts if _is_unconfined(each)})
    detail = f"{setters} must not set securityContext.seccompProfile.type to {_quoted(values)}"
    return Violation("seccompProfile", detail)


def _sysctls(pod: Object, minor: int) -> Violation | None:
    names = [each["name"] for each in _context(pod).get("sysctls") or ()]
    bad = [name for name in names if minor < _SYSCTLS.get(name, minor + 1)]
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def _host_process(pod: Object, minor: int) -> Violation | None:
    def is_bad(context: Object) -> bool:
        return bool((context.get("windowsOptions") or EMPTY).get("hostProcess"))

    setters = _setters(is_bad(_context(pod)), [name for name, each in _containers(pod) if is_bad(each)])
    return (
        Violation("hostProcess", f"{setters} must not set securityContext.windowsOptions.hostProcess=true")
        if setters
        else None
    )


def _escalation(pod: Object, minor: int) -> Violation | None:
    names = [n for n, each in _containers(pod) if each.get("allowPrivilegeEscalation") is not False]
    if minor < 8 or not names or _is_windows(pod, minor):
        return None
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail)


def _few_capabilities(pod: Object, minor: int) -> Violation | None:
    if minor < 22:
        return _capabilities(pod, minor)
    if _is_windows(pod, minor):
        return None
    keeping = [
        name
        for name, each in _containers(pod)
        if "ALL" not in ((each.get("capabilities") or EMPTY).get("drop") or ())
    ]
    words = [f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    adding = _too_capable(pod, ("NET_BIND_SERVICE",))
    words += [adding] if adding else []
    return Violation("unrestricted capabilities", "; ".join(words)) if words else None


def _volumes(pod: Object, minor: int) -> Violation | None:
    kinds = {
        volume["name"]: next(
            (key for key, value in volume.items() if key != "name" and value is not None), ""
        )
        for volume in pod["spec"].get("volumes") or ()
    }
    names = [name for name, kind in kinds.items() if kind not in _VOLUMES]
    if not names:
        return None
    bad = sorted({kinds[name] or "unknown" for name in names})
    uses = "uses" if len(names) == 1 else "use"
    detail = f"{_named(names, 'volume')} {uses} {_named(bad, 'restricted volume type')}"
    return Violation("restricted volume types", detail)


def _non_root(pod: Object, minor: int) -> Violation | None:
    if _has_own_users(pod, minor):
        return None
    own = _context(pod).get("runAsNonRoot")
    bad = [name for name, each in _containers(pod) if each.get("runAsNonRoot") is False]
    setters = _setters(own is False, bad)
    if setters:
        detail = f"{setters} must not set securityContext.runAsNonRoot=false"
        return Violation("runAsNonRoot != true", detail)
    silent = [name for name, each in _containers(pod) if each.get("runAsNonRoot") is None]
    if own or not silent:
        return None
    detail = f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true"
    return Violation("runAsNonRoot != true", detail)


def _user(pod: Object, minor: int) -> Violation | None:
    names = [name for name, each in _containers(pod) if each.get("runAsUser") == 0]
    setters = _setters(_context(pod).get("runAsUser") == 0, names)
    if minor < 23 or not setters or _has_own_users(pod, minor):
        return None
    return Violation("runAsUser=0", f"{setters} must not set runAsUser=0")


def _own_seccomp(pod: Object, minor: int) -> Violation | None:
    if minor < 19 or _is_windows(pod, minor):
        return None
    explicit = _seccomp(pod, minor)
    if explicit is not None or _context(pod).get("seccompProfile") is not None:
        return explicit
    names = [name for name, each in _containers(pod) if each.get("seccompProfile") is None]
    if not names:
        return None
    detail = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", f"pod or {_named(names)} {detail}")


_BASELINE: Final[Mapping[str, Check]] = {
    "appArmorProfile": _app_armor,
    "capabilities": _capabilities,
    "hostNamespaces": _host_namespaces,
    "hostPathVolumes": _host_paths,
    "hostPorts": _host_ports,
    "hostProbesAndHostLifecycle": _host_handlers,
    "privileged": _privileged,
    "procMount": _proc_mount,
    "seLinuxOptions": _selinux,
    "seccompProfile": _seccomp,
    "sysctls": _sysctls,
    "windowsHostProcess": _host_process,
}
_RESTRICTED: Final[Mapping[str, Check]] = {
    "allowPrivilegeEscalation": _escalation,
    "capabilities": _few_capabilities,
    "restrictedVolumes": _volumes,
    "runAsNonRoot": _non_root,
    "runAsUser": _user,
    "seccompProfile": _own_seccomp,
}
_REPLACED: Final = ("capabilities", "hostPathVolumes", "seccompProfile")
"""The checks of ``baseline`` in whose place ``restricted`` has stricter ones."""

CHECKS: Final[Mapping[str, Sequence[Check]]] = {
    "privileged": (),
    "baseline": tuple(_BASELINE.values()),
    "restricted": (
        *(check for name, check in _BASELINE.items() if name not in _REPLACED),
        *_RESTRICTED.values(),
    ),
}
"""By level, in the order in which the server lists what is violated."""
