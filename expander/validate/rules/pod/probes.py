"""Probes, lifecycle hooks and the handlers both run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.rules import formats
from expander.validate.rules.field import (
    Findings,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_negative,
    not_supported,
    required,
)
from expander.validate.rules.pod.references import PodFacts

PROBE_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
HOOK_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
_COUNTS: Final = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_SCHEMES: Final = ("HTTP", "HTTPS")

Handler = Mapping[str, Any]


def check_probes(container: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """The three probes; liveness and startup are over after one success, readiness has no grace period."""
    if (probe := container.get("livenessProbe")) is not None:
        yield from _check_probe(probe, f"{where}.livenessProbe", pod)
        yield from _check_one_success(probe, f"{where}.livenessProbe")
    if (probe := container.get("readinessProbe")) is not None:
        yield from _check_probe(probe, f"{where}.readinessProbe", pod)
        seconds = probe.get("terminationGracePeriodSeconds")
        if seconds is not None:
            at = f"{where}.readinessProbe.terminationGracePeriodSeconds"
            yield invalid(at, seconds, "must not be set for readinessProbes")
    if (probe := container.get("startupProbe")) is not None:
        yield from _check_probe(probe, f"{where}.startupProbe", pod)
        yield from _check_one_success(probe, f"{where}.startupProbe")


def check_lifecycle(lifecycle: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """A hook that is given has one handler."""
    for hook in ("postStart", "preStop"):
        if (handler := lifecycle.get(hook)) is not None:
            yield from _check_handler(handler, HOOK_HANDLERS, f"{where}.{hook}", pod)


def _check_probe(probe: Handler, where: str, pod: PodFacts) -> Findings:
    yield from _check_handler(probe, PROBE_HANDLERS, where, pod)
    for field in _COUNTS:
        yield from not_negative(probe.get(field), f"{where}.{field}")
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid(f"{where}.terminationGracePeriodSeconds", seconds, "must be greater than 0")


def _check_one_success(probe: Handler, where: str) -> Findings:
    successes = probe.get("successThreshold") or 1
    if successes != 1:
        yield invalid(f"{where}.successThreshold", successes, "must be 1")


def _check_handler(handler: Handler, kinds: tuple[str, ...], where: str, pod: PodFacts) -> Findings:
    given = [kind for kind in kinds if handler.get(kind) is not None]
    if not given:
        yield required(where, "must specify a handler type")
        return
    yield from _RULES[given[0]](handler[given[0]], f"{where}.{given[0]}", pod)
    for extra in given[1:]:
        yield forbidden(f"{where}.{extra}", "may not specify more than 1 handler type")


def _check_exec(action: Handler, where: str, pod: PodFacts) -> Findings:
    if not action.get("command"):
        yield required(f"{where}.command")


def _check_http(action: Handler, where: str, pod: PodFacts) -> Findings:
    yield from _check_port(action.get("port"), f"{where}.port")
    scheme = action.get("scheme") or "HTTP"
    if scheme not in _SCHEMES:
        yield not_supported(f"{where}.scheme", scheme, _SCHEMES)
    for _, header in each(action.get("httpHeaders"), where):
        name = header.get("name") or ""
        yield from invalid_each(f"{where}.httpHeaders", name, formats.header_name(name))


def _check_socket(action: Handler, where: str, pod: PodFacts) -> Findings:
    yield from _check_port(action.get("port"), f"{where}.port")


def _check_sleep(action: Handler, where: str, pod: PodFacts) -> Findings:
    seconds = action.get("seconds") or 0
    least = 0 if pod.release.has("PodLifecycleSleepActionAllowZero") else 1
    if not least <= seconds <= pod.grace_period:
        at_least = "greater than 0" if least else "non-negative"
        limit = f"terminationGracePeriodSeconds ({pod.grace_period})"
        yield invalid(where, seconds, f"must be {at_least} and less than {limit}{_hint(pod.release)}")


def _hint(release: Release) -> str:
    """What the release that has the feature in alpha adds."""
    if release.stage("PodLifecycleSleepActionAllowZero") != "alpha":
        return ""
    return ". Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."


def _check_port(port: int | str | None, where: str) -> Findings:
    """A number, or the name of a port of the container."""
    if isinstance(port, str):
        yield from invalid_each(where, port, formats.port_name(port))
    else:
        yield from invalid_each(where, port or 0, formats.port_number(port or 0))


_RULES: Final[Mapping[str, Callable[[Handler, str, PodFacts], Findings]]] = {
    "exec": _check_exec,
    "httpGet": _check_http,
    "tcpSocket": _check_socket,
    "grpc": _check_socket,
    "sleep": _check_sleep,
}
