"""How a batch is to be delivered, and what became of an item.

What a submission is to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from expander.client.retry import Retry
from expander.manifests.edits import GROUP_LABEL
from expander.submit.delivery import Apply, Finished, OnExists
from expander.submit.request import PreparedRequest

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
class Outcome:
    """What became of an item; ``attempts`` are the requests it took."""

    prepared: PreparedRequest
    done: Finished
    attempts: int


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """The words of the options of ``expander submit``; times are in seconds.

    ``state`` is the folder of journals, None for no journal; ``run`` is what is written there for a later
    run to go on with. With ``delete_finished`` Jobs that have finished are collected and deleted, and the
    submission lasts until the last one is; ``results`` is the folder, beside the journal by default.
    """

    kubeconfig: str | None = None
    context: str | None = None
    group_label: str = GROUP_LABEL
    queue: str | None = None
    qps: float | None = None
    burst: int | None = None
    in_flight: int = 32
    terms: Terms = field(default_factory=Terms)
    most_active: int | None = None
    state: Path | None = None
    resume: bool = False
    delete_finished: bool = False
    results: Path | None = None
    run: Mapping[str, Any] | None = None
