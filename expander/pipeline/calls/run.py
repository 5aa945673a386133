"""`expander.run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from expander.base.errors import ItemError
from expander.base.state_dir import state_folder
from expander.batch.load import used_here
from expander.batch.request import Batch, BatchOptions, Items, manifests_of, must_fill_queue
from expander.local.executor import Executor
from expander.local.kubelet.pod_files import Folders
from expander.manifests.edits import GROUP_LABEL
from expander.pipeline.calls.errors import Errors, nobody_listens
from expander.run.outcomes import JobOutcome, Log, logs_of, outcome_of
from expander.run.run import Halt, Run, forget

Object = Mapping[str, Any]


class Ended(NamedTuple):
    """A Job that has ended: what became of it, and its logs by pod, container and restart."""

    outcome: JobOutcome
    logs: list[Log]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    ``jobs`` are those of the batch that have ended, also in an earlier run, in the order in which they ended.
    ``counts`` are all Jobs of the group by state: pending, running, suspended, succeeded, failed. ``stopped``
    says why the run ended before everything was done, if it did.
    """

    jobs: list[Ended]
    counts: Mapping[str, int]
    stopped: str | None


def run(
    batch: Batch,
    items: Items | None = None,
    *,
    runtime: str = "best",
    jobs: int | None = None,
    cpus: float | None = None,
    memory: int | None = None,
    backoff_base: float = 10.0,
    images: Mapping[str, Path | str] | None = None,
    claims: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
    halt: str | None = None,
    timeout: float | None = None,
    state: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Ran:
    """Run ``batch`` on this machine until every Job has ended, or there is a reason to stop before.

    ``batch`` and ``items`` are as for `submit`; ``memory`` is in bytes, ``halt`` as for the command. State
    and logs are kept below ``state``, by default where the command keeps them: a Job that an earlier call
    has finished is not run again, unless ``fresh`` forgets it. ``on_note`` gets lines for people.

    Raises ItemError for the first item that cannot become a Job; with ``on_error`` that function gets the
    errors of items and the others run. Raises InputError and UsageError as the command does.
    """
    must_fill_queue(options)
    tell = on_note or nobody_listens
    errors = Errors(on_error)
    manifests = used_here(manifests_of(batch, items, errors, **options), tell)
    first = next(manifests, None)
    if first is None:
        return Ran([], {}, None)
    labels = first.tree["metadata"].get("labels") or {}
    group = str(labels.get(options.get("group_label", GROUP_LABEL)) or "batch")
    folder = state_folder(group, None if state is None else os.fspath(state))
    if fresh:
        forget(folder)
    folders, jobs_ended = Folders(folder), []

    def ended(job: Object, pods_of: Callable[[], Sequence[Object]]) -> None:
        pods = pods_of()
        jobs_ended.append(Ended(outcome_of(job, pods), list(logs_of(folders, pods))))

    with Executor(
        folder,
        runtime=runtime,
        jobs=jobs,
        cpus=cpus,
        memory=memory,
        backoff_base=backoff_base,
        images=images,
        claims=claims,
        variables=env,
    ) as executor:
        tell(executor.note)
        result = Run(
            executor,
            chain([first], manifests),
            on_finished=ended,
            on_kept=ended,
            on_turn=nobody_listens,
            on_error=errors,
            on_note=tell,
            halt=Halt.parse(halt) if halt else None,
            timeout=timeout,
        ).go()
    return Ran(jobs_ended, result.counts, result.stopped)
