"""How a batch is to be delivered, and what became of an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from expander.client.retry import Retry
from expander.cluster.delivery import Done, OnExists
from expander.cluster.task import Apply
from expander.cluster.wire import Prepared

OnQuota = Literal["wait", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How to deliver. ``quota_wait`` is how many seconds an item may be held for quota; None for ever.

    ``apply`` says to apply on the server's side instead of creating; None to create.
    """

    retry: Retry = field(default_factory=Retry)
    on_exists: OnExists = "fail"
    on_quota: OnQuota = "wait"
    quota_wait: float | None = None
    dry_run: bool = False
    apply: Apply | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an item; ``attempts`` are the requests it took."""

    prepared: Prepared
    done: Done
    attempts: int
