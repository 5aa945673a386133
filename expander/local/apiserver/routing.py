"""What a path means: which resource, namespace, object and subresource.

Paths are taken as they were sent. One with an empty step, a step ``.`` or ``..``, or an escaped slash or
control character in it means nothing, so no spelling of a path reaches what another spelling guards.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from expander.base.dataclass import dataclass
from expander.kube.api_resource import Resource
from expander.kube.served_kinds import ServedKinds
from expander.local.apiserver.storage import ExecutorLoop, Storage

CORE: Final = "api"
GROUPS: Final = "apis"
MAX_PATH_LENGTH: Final = 2048
"""Characters of the longest path that is looked at."""


@dataclass(frozen=True, slots=True)
class Target:
    """``namespace`` is empty for all or none, ``name`` for a collection; ``part`` is a subresource."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done here, in the API's words."""
        if not self.part:
            return self.resource.verbs
        return next(each.verbs for each in self.resource.subresources if each.name == self.part)


def steps(raw_path: str) -> list[str] | None:
    """The steps of a path, unescaped; None when it is not a plain path."""
    if len(raw_path) > MAX_PATH_LENGTH or not raw_path.startswith("/"):
        return None
    found = []
    for step in raw_path.removesuffix("/").split("/")[1:]:
        if "%" in step:
            try:
                step = unquote_to_bytes(step).decode()
            except UnicodeDecodeError:
                return None
        if step in ("", ".", "..") or not step.isprintable() or "/" in step or "\\" in step:
            return None
        found.append(step)
    return found


def target(path: list[str], kinds: ServedKinds) -> Target | None:
    """What the steps of a path mean where these kinds are served; None when they lead to no resource."""
    if path[:1] == [CORE] and len(path) > 2:
        group, version, rest = "", path[1], path[2:]
    elif path[:1] == [GROUPS] and len(path) > 3:
        group, version, rest = path[1], path[2], path[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and kinds.find(group, version, rest[2]):
        namespace, rest = rest[1], rest[2:]
    resource = kinds.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        return None
    name, part = (*rest[1:], "", "")[:2]
    if part and part not in (each.name for each in resource.subresources):
        return None
    if name and resource.namespaced and not namespace:
        return None
    return Target(resource, namespace, name, part)


@dataclass(frozen=True, slots=True)
class Backend:
    """The cluster that is served and its driver; ``clock`` gives Unix seconds.

    ``sessions`` are the requests that run a command in a container, or are attached to one.
    """

    storage: Storage
    loop: ExecutorLoop
    clock: Callable[[], float] = time.time
    sessions: set[asyncio.Task[Any]] = field(default_factory=set)
