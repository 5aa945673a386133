"""What ``retry`` prints on this machine: output and ends of the Jobs that run again, and their sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from expander.cli.output.run import JobOutput
from expander.kube.workloads import FAILED
from expander.manifests.rerun import attempt_of
from expander.run.outcomes import JobOutcome, outcome_of
from expander.run.reporter import PodsOf

if TYPE_CHECKING:
    from expander.manifests.manifest import Manifest
    from expander.run.run import RunEnd


class RetryOutput(JobOutput):
    """Counts what ends in this run; Jobs that had ended before are not told again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.counts = Counter({"succeeded": 0, "failed": 0})

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        """See `RunReporter`."""
        self.counts["failed" if outcome_of(job, ()).state == FAILED else "succeeded"] += 1
        super().finished(job, pods_of)

    def kept(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        """See `RunReporter`."""

    def kept_complete(self, manifest: Manifest) -> bool:
        """See `RunReporter`."""
        return True

    def progress(self, counts: Mapping[str, int]) -> None:
        """See `RunReporter`."""
        super().progress({**counts, **self.counts})

    def attempts(self, job: Mapping[str, Any], outcome: JobOutcome) -> int:
        """How often the item was begun, also in earlier runs."""
        return attempt_of(job)

    def of_this(self, result: RunEnd) -> RunEnd:
        """How a run ended, with the counts of what was run again."""
        left = {state: result.counts[state] for state in ("running", "pending", "suspended")}
        return replace(result, counts=dict(self.counts) | left, before=0)
