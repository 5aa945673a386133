"""What every verb works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from expander.local.api.server.cluster import Cluster
from expander.local.api.server.driver import Driver


@dataclass(frozen=True, slots=True)
class Service:
    """The cluster that is served and its driver; ``clock`` gives Unix seconds."""

    cluster: Cluster
    driver: Driver
    clock: Callable[[], float] = time.time
