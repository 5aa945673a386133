"""Says before a submission what fits into the quotas and limit ranges of its namespaces.

A namespace is read when the first manifest for it comes, in three requests. Only where it has limits is the
batch read a little ahead, so that its size can be told.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from expander.client.quotas import NamespaceLimits, NamespaceLimitsOf
from expander.manifests.edits import THIS_MACHINE
from expander.manifests.manifest import Manifest
from expander.submit.options import SubmitOptions

MAX_READ_AHEAD: Final = 2_000
"""Manifests that are read ahead."""

READ_AHEAD_SECONDS: Final = 0.25
"""Seconds for which manifests are read ahead."""

MAX_NAMESPACES: Final = 20
"""Namespaces that are read."""


class Preflight:
    """Passes manifests on, and says what fits of them before it passes on the first of a namespace.

    Nothing is said of namespaces without limits, and only once that limits cannot be read. ``limits_of``
    reads the limits of a namespace, ``namespace`` is for objects that name none, ``say`` gets a line.
    """

    def __init__(
        self,
        limits_of: NamespaceLimitsOf,
        options: SubmitOptions,
        namespace: str,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits_of = limits_of
        self._options = options
        self._namespace = namespace
        self._say = say
        self._clock = clock
        self._limits: dict[str, NamespaceLimits] = {}
        self._created: set[str] = set()
        self._reported: set[str] = set()
        self._reported_unknown = False

    def check(self, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same manifests in the same order."""
        source = iter(manifests)
        ahead: deque[Manifest] = deque(islice(source, 1))
        if ahead and _image(ahead[0]) == THIS_MACHINE:
            self._say(f"warning: no cluster has the image {THIS_MACHINE}, of commands for `run` only")
        while (manifest := ahead.popleft() if ahead else next(source, None)) is not None:
            kind, named, name = manifest.identity.split("\n", 2)
            named = named or self._namespace
            if kind == "Namespace":
                self._created.add(name)
            if named not in self._limits and len(self._limits) < MAX_NAMESPACES:
                found = self._read(named)
                if found.missing and named not in self._created:
                    self._say(f"warning: {found.unknown}")
                if found.quotas or found.ranges:
                    ended = self._read_ahead(ahead, source)
                    self._report([manifest, *ahead], ended)
            yield manifest

    def _read(self, namespace: str) -> NamespaceLimits:
        if namespace not in self._limits:
            if len(self._limits) >= MAX_NAMESPACES:
                return NamespaceLimits(namespace)
            found = self._limits[namespace] = self._limits_of(namespace)
            if found.unknown and not found.missing and not self._reported_unknown:
                self._reported_unknown = True
                self._say(f"note: cannot tell what fits: {found.unknown}")
        return self._limits[namespace]

    def _read_ahead(self, ahead: deque[Manifest], source: Iterator[Manifest]) -> bool:
        """Fill ``ahead``; whether the source has ended."""
        until = self._clock() + READ_AHEAD_SECONDS
        while len(ahead) < MAX_READ_AHEAD and self._clock() < until:
            manifest = next(source, None)
            if manifest is None:
                return True
            ahead.append(manifest)
        return False

    def _report(self, manifests: list[Manifest], ended: bool) -> None:
        from expander.plan.plan import Rate
        from expander.plan.quota_fit import limit_range_lines, quota_lines
        from expander.plan.survey import Survey

        survey = Survey(
            rate=Rate(max_active=self._options.max_active),
            namespace=self._namespace,
            group_label=self._options.group_label,
            capacity=self._read,
            on_error=lambda error: None,
        )
        plan = survey.plan_of(manifests)
        rooms = [room for room in plan.rooms if room.namespace not in self._reported]
        rulings = [ruling for ruling in plan.rulings if ruling.namespace not in self._reported]
        self._reported.update(plan.namespaces)
        for line in quota_lines(rooms, self._options.on_quota, open_ended=not ended):
            self._say(line)
        for line in limit_range_lines(rulings, open_ended=not ended):
            self._say(line)


def _image(manifest: Manifest) -> str:
    """The image of the first container of a Job, empty for any other object."""
    try:
        return str(manifest.tree["spec"]["template"]["spec"]["containers"][0]["image"])
    except (KeyError, TypeError, IndexError):
        return ""
