"""What ``run --dry-run`` says: what a run would do with the state of an earlier one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from expander.base.errors import ItemError
from expander.group.local.state import open_state
from expander.kube.objects import uid_of
from expander.local.controllers.job.conditions import has_expired
from expander.local.store.job_states import UNFINISHED, lets_expired_go
from expander.local.store.object_rows import named, states
from expander.manifests.manifest import Manifest
from expander.manifests.rerun_choice import Rerun
from expander.run.dry_run import PlannedObject, planned
from expander.run.rerun import expired_note
from expander.run.rerun_pass import RerunPass


def planned_after(
    folder: Path | None,
    manifests: Iterable[Manifest],
    rerun: Rerun | None,
    on_error: Callable[[ItemError], None],
    on_note: Callable[[str], None],
) -> Iterator[PlannedObject]:
    """What a run with the state in ``folder`` (None: with none) would do with ``manifests``.

    ``on_error`` gets those that it would refuse, ``on_note`` what it would do beside.
    """
    state = None if folder is None else open_state(folder)
    with nullcontext() if state is None else state:
        expired: set[str] = set()
        if state is not None and lets_expired_go(states(state.database, "Job", UNFINISHED)):
            now = time.time()
            expired = {uid_of(job) for job in state.of_kind("Job") if has_expired(job, now)}
            if expired:
                on_note(expired_note(len(expired), "to delete"))

        def find(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
            found = None if state is None else named(state.database, kind, namespace, name)
            return None if found is None or uid_of(found) in expired else found

        yield from planned(manifests, find, RerunPass(rerun, folder), on_error)
