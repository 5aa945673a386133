"""`expander.submit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Unpack

from expander.base.errors import ItemError, UsageError
from expander.base.state_dir import state_folder
from expander.batch.request import Batch, BatchOptions, Items, manifests_of, must_fill_queue
from expander.client.retry import Retry
from expander.manifests.edits import GROUP_LABEL
from expander.pipeline.calls.errors import Errors, nobody_listens
from expander.submit.delivery import Apply, OnExists
from expander.submit.options import OnQuota, Settings, Terms
from expander.submit.submit import Submit, pretend


class Sent(NamedTuple):
    """What became of one object: the words of ``expander submit -o json``."""

    name: str
    namespace: str
    item: Any
    outcome: str
    reason: str
    attempts: int
    message: str


def submit(
    batch: Batch,
    items: Items | None = None,
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    qps: float | None = None,
    burst: int | None = None,
    max_in_flight: int = 32,
    max_active: int | None = None,
    retry_budget: float = 900.0,
    on_exists: OnExists = "fail",
    on_quota: OnQuota = "wait",
    quota_timeout: float | None = None,
    queue: str | None = None,
    server_side: bool = False,
    force_conflicts: bool = False,
    delete_finished: bool = False,
    results: str | os.PathLike[str] | None = None,
    dry_run: Literal["none", "client", "server"] = "none",
    resume: bool = False,
    state: str | os.PathLike[str] | None = None,
    on_outcome: Callable[[Sent], None] | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **options: Unpack[BatchOptions],
) -> list[Sent]:
    """Create ``batch`` in a cluster, each object exactly once; what became of each, in any order.

    ``batch`` is a template (then ``items`` are its items), a path of manifests, or manifests and objects.
    ``queue`` is a queue of Kueue. With ``delete_finished`` finished Jobs are collected into ``results`` and
    deleted, and the call lasts until the last one is. ``state`` is where journals are kept, by default where
    the command keeps them: after an exception the same call with ``resume`` goes on. ``on_outcome`` gets each
    outcome as it is known, ``on_note`` a line for people.

    Raises InputError when there is no cluster to speak to, ClusterError when it does not answer or does not
    accept the credentials, and ItemError for the first item that cannot be sent at all, when others may have
    been sent; with ``on_error`` that function gets the errors of items and the other items go on.
    """
    must_fill_queue(options)
    for given, needed, words in (
        (burst is not None, qps is not None, "burst goes with qps"),
        (force_conflicts, server_side, "force_conflicts goes with server_side"),
        (results is not None, delete_finished, "results goes with delete_finished"),
        (delete_finished, dry_run == "none", "delete_finished does not go with dry_run"),
        (server_side, on_exists in ("fail", "skip"), f"on_exists={on_exists!r} does not go with server_side"),
    ):
        if given and not needed:
            raise UsageError(words)
    apply: Apply | None = ("force" if force_conflicts else "apply") if server_side else None
    pretended = dry_run == "server"
    settings = Settings(
        kubeconfig=kubeconfig,
        context=context,
        group_label=options.get("group_label", GROUP_LABEL),
        queue=queue,
        qps=qps,
        burst=burst,
        in_flight=max_in_flight,
        terms=Terms(Retry(budget=retry_budget), on_exists, on_quota, quota_timeout, pretended, apply),
        most_active=max_active,
        state=state_folder("submit", None if state is None else os.fspath(state))
        if dry_run == "none"
        else None,
        resume=resume,
        delete_finished=delete_finished,
        results=None if results is None else Path(results).absolute(),
    )
    errors = Errors(on_error)
    manifests = manifests_of(batch, items, errors, **options)
    found: list[Sent] = []
    submission = None if dry_run == "client" else Submit(settings, errors, on_note or nobody_listens)
    try:
        for settled in (
            pretend(manifests, settings, errors) if submission is None else submission.outcomes(manifests)
        ):
            prepared, done = settled.prepared, settled.done
            found.append(
                Sent(
                    prepared.name,
                    prepared.namespace,
                    prepared.item,
                    done.outcome,
                    done.reason,
                    settled.attempts,
                    done.message,
                )
            )
            if on_outcome is not None:
                on_outcome(found[-1])
    finally:
        if submission is not None:
            submission.stop()
            submission.close()
    return found
