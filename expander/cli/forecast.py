"""What ``run --simulate`` prints: when CronJobs would start which Jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from expander.cli.messages import Output, say

if TYPE_CHECKING:
    from expander.manifests.manifest import Manifest


def forecast(manifests: Iterable[Manifest], until: str) -> None:
    """Print one line for each Job that the CronJobs among ``manifests`` would start from now until ``until``.

    The lines of several CronJobs follow each other in the order of time. Raises UsageError for a text that is
    no time and InputError for a schedule that never comes.
    """
    from heapq import merge

    from expander.run.simulate import Occurrence, parse_until, simulate

    since = time.time()
    end = parse_until(until, since)
    crons = [manifest for manifest in manifests if manifest.kind == "CronJob"]
    if not crons:
        say("there is no CronJob to simulate")
    streams = [simulate(cron.tree, since=since, until=end) for cron in crons]

    def moment(occurrence: Occurrence) -> float:
        return occurrence.at

    out = Output()
    for occurrence in merge(*streams, key=moment):
        held = "" if occurrence.outcome == "starts" else "  held: the Job before it still runs"
        out.put(f"{occurrence.local}  {occurrence.name}{held}\n")
    out.finish()
