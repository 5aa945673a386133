"""What a submission is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expander.cluster.terms import Terms
from expander.manifests.edits import GROUP_LABEL


@dataclass(frozen=True, slots=True)
class Settings:
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
