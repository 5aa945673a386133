"""What fits, said before a submission begins.

The namespaces of a batch are asked for their quotas and limit ranges as they are met, two requests for each.
Only where there are any is the batch read a little ahead, so that its size can be told.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from expander.client.client import ApiClient
from expander.client.quotas import NamespaceLimits, NamespaceLimitsOf, namespace_limits
from expander.manifests.edits import GROUP_LABEL
from expander.manifests.manifest import Manifest
from expander.plan.plan import Rate

if TYPE_CHECKING:
    from expander.submit.options import SubmitOptions

MAX_READ_AHEAD: Final = 2_000
"""Manifests that are read ahead at most."""

READ_AHEAD_SECONDS: Final = 0.25
"""Seconds after which no further manifest is read ahead."""

MAX_NAMESPACES: Final = 20
"""So many namespaces are asked; a batch for more gets no further words."""


def check_quota(
    manifests: Iterable[Manifest],
    options: SubmitOptions,
    asking: ApiClient,
    namespace: str,
    say: Callable[[str], None],
) -> Iterator[Manifest]:
    """``manifests`` of a submission with ``options``; see `Preflight`."""
    preflight = Preflight(
        partial(namespace_limits, asking),
        say,
        namespace=namespace,
        group_label=options.group_label,
        on_quota=options.on_quota,
        max_active=options.max_active,
    )
    return preflight.told(manifests)


class Preflight:
    """Passes manifests on, and says what fits of them before it passes on the first of a namespace.

    ``capacity`` gives the limits of a namespace, ``namespace`` is for objects that name none. ``say`` gets a
    line for people; nothing is said of namespaces without limits, and only once that limits cannot be read.
    """

    def __init__(
        self,
        capacity: NamespaceLimitsOf,
        say: Callable[[str], None],
        *,
        namespace: str,
        group_label: str = GROUP_LABEL,
        on_quota: str = "wait",
        max_active: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._ask = capacity
        self._say = say
        self._namespace = namespace
        self._group_label = group_label
        self._on_quota = on_quota
        self._max_active = max_active
        self._known: dict[str, NamespaceLimits] = {}
        self._told: set[str] = set()
        self._told_unknown = False

    def told(self, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same manifests in the same order."""
        source = iter(manifests)
        ahead: deque[Manifest] = deque()
        while (manifest := ahead.popleft() if ahead else next(source, None)) is not None:
            named = manifest.identity.split("\n", 2)[1] or self._namespace
            if named not in self._known and len(self._known) < MAX_NAMESPACES:
                found = self._capacity(named)
                if found.quotas or found.ranges:
                    ended = self._fill(ahead, source)
                    self._tell([manifest, *ahead], ended)
            yield manifest

    def _capacity(self, namespace: str) -> NamespaceLimits:
        if namespace not in self._known:
            if len(self._known) >= MAX_NAMESPACES:
                return NamespaceLimits(namespace)
            found = self._known[namespace] = self._ask(namespace)
            if found.unknown and not self._told_unknown:
                self._told_unknown = True
                self._say(f"note: what fits is not known: {found.unknown}")
        return self._known[namespace]

    def _fill(self, ahead: deque[Manifest], source: Iterator[Manifest]) -> bool:
        """Read ahead; whether the source has ended."""
        until = self._clock() + READ_AHEAD_SECONDS
        while len(ahead) < MAX_READ_AHEAD and self._clock() < until:
            manifest = next(source, None)
            if manifest is None:
                return True
            ahead.append(manifest)
        return False

    def _tell(self, manifests: list[Manifest], ended: bool) -> None:
        from expander.plan.quota_fit import limit_range_lines, quota_lines
        from expander.plan.survey import Survey

        survey = Survey(
            rate=Rate(max_active=self._max_active),
            namespace=self._namespace,
            group_label=self._group_label,
            capacity=self._capacity,
            on_error=lambda error: None,
        )
        for _ in survey.names(manifests):
            pass
        plan = survey.plan()
        rooms = [room for room in plan.rooms if room.namespace not in self._told]
        rulings = [ruling for ruling in plan.rulings if ruling.namespace not in self._told]
        self._told.update(plan.namespaces)
        for line in quota_lines(rooms, self._on_quota, open_ended=not ended):
            self._say(line)
        for line in limit_range_lines(rulings, open_ended=not ended):
            self._say(line)
