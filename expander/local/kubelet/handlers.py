"""From the handler of a probe or a lifecycle hook to an attempt at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.local.kubelet.attempts import Attempt, Exec, Result, Sleep
from expander.local.kubelet.container import Container
from expander.local.kubelet.sockets import Connect, Get
from expander.local.kubelet.starting import beside

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

HOOKS = ("postStart", "preStop")


class Hopeless:
    """A handler that cannot be tried here."""

    def __init__(self, message: str, now: float) -> None:
        self.due = now
        self._message = message

    def look(self, now: float) -> Result | None:
        return Result(None, self._message)

    def cancel(self) -> None:
        """There is nothing to give up."""


def attempt(
    pod: Pod, part: Container, handler: Mapping[str, Any], what: str, timeout: float, now: float
) -> Attempt:
    """Begin to try ``handler`` for a running container.

    ``what`` names the try: one of `HOOKS`, or the name of a probe with a number. The status of an HTTP
    answer counts for probes only.
    """
    if "exec" in handler and part.launch is not None:
        log = pod.files.beside(part.name, what.split(".")[0])
        launch = beside(part.launch, handler["exec"].get("command") or (), f"{part.key}#{what}", log)
        with open(log, "wb"):
            made = Exec(pod.shared.processes, launch, timeout, now)
        pod.shared.launched[launch.key] = (pod, made)
        pod.beside.add(launch.key)
        return made
    if "sleep" in handler:
        return Sleep(handler["sleep"].get("seconds") or 0, now)
    for field in ("httpGet", "tcpSocket"):
        if field not in handler:
            continue
        target = handler[field]
        host = target.get("host") or pod.place.pod_ip
        port = _port(part.spec, target["port"])
        if port is None:
            return Hopeless(f"couldn't find port: {target['port']}", now)
        if field == "tcpSocket":
            return Connect(host, port, timeout, now)
        headers = [(header["name"], header.get("value", "")) for header in target.get("httpHeaders") or ()]
        url = (target.get("scheme") or "HTTP", host, port, "/" + (target.get("path") or "/").lstrip("/"))
        return Get(url, headers, what not in HOOKS, timeout, now)
    return Hopeless(f"a handler of type {next(iter(handler), 'none')} cannot be tried on this machine", now)


def _port(spec: Mapping[str, Any], port: int | str) -> int | None:
    """A port by its number, or by the name that the container gives it."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    named = (found for found in spec.get("ports") or () if found.get("name") == port)
    return next((int(found["containerPort"]) for found in named), None)
