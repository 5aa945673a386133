"""Settings of the kernel that a pod asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules.checks import Findings, duplicate, each, invalid, required
from expander.validate.rules.formats import byte_length

_PATTERN: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_MAX_NAME: Final = 253
_IPC_PREFIXES: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_is_sysctl = re.compile(_PATTERN).fullmatch


def check_sysctls(sysctls: Sequence[Any], where: str, spec: Mapping[str, Any]) -> Findings:
    """Each name is well formed, there once, and not of a namespace that the pod shares with the node."""
    seen: set[str] = set()
    for at, sysctl in each(sysctls, where):
        name, at = sysctl.get("name") or "", f"{at}.name"
        if not name:
            yield required(at)
        elif byte_length(name) > _MAX_NAME or not _is_sysctl(name):
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
