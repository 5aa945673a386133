"""How a batch is sent to a cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.base.state_dir import state_folder
from expander.client.retry import Retry
from expander.manifests.edits import GROUP_LABEL
from expander.manifests.names import QUEUE_NAME
from expander.manifests.rerun_choice import Rerun, parse_rerun
from expander.submit.rate_limiter import MANY_REFUSALS

if TYPE_CHECKING:
    from expander.run import escalation
else:
    escalation = late_module("expander.run.escalation")

OnExists = Literal["fail", "skip", "replace", "recreate"]
OnQuota = Literal["wait", "fail", "skip"]
OnDamage = Literal["refuse", "create"]
DryRun = Literal["none", "client", "server"]

MAX_IN_FLIGHT = 256
"""The most requests that may be under way."""


def _named(field: str) -> str:
    """A field of `SubmitOptions` as the caller knows it."""
    return option("--kueue" if field == "queue" else f"--{field.replace('_', '-')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """The options of ``expander submit``; times are in seconds.

    ``kubeconfig`` and ``context`` are kubectl's, None for its defaults. ``group`` is the name that was chosen
    for the group, None for that of its template: another file of that name is refused then. ``queue`` is
    a LocalQueue of Kueue.
    ``qps`` requests a second are sent at most, with ``burst`` at once after a pause, ``max_in_flight`` at the
    same time; ``max_active`` Jobs of the group are unfinished at most. An item is given up after
    ``retry_budget`` of failures, and after ``quota_timeout`` without room in a quota (None: never).
    ``server_side`` applies instead of creating; ``force_conflicts`` then takes fields over from other
    managers. ``on_exists`` says what becomes of items whose name another object has. With "fail" that is an
    error, but for Jobs of an earlier submission of the group: those whose manifest has changed are made anew
    when they have failed or never begun, and kept when they are complete; ``rerun`` makes more of them anew
    ("failed": all that failed, "changed": also complete ones whose manifest has changed, "all").

    With ``delete_finished`` finished Jobs are collected into ``results`` (beside the journal by
    default), then deleted, and the submission lasts until the last one is. ``on_damage`` says what becomes of
    items that the cluster does not have when a ``resume`` cannot tell which Jobs were deleted, since the
    journal and the record of deleted Jobs are damaged.

    ``on_oom`` ("x2,max=64Gi"), ``on_timeout`` ("x2,max=6h") and ``on_exit`` ("42=retry:3") say which failed
    Jobs are created again with more, and the submission lasts until no Job of it is unfinished.

    ``state`` is the folder below which journals are kept (by default where the command keeps them), unless
    ``journal`` is False; ``run`` is written there for a later ``resume``.
    """

    kubeconfig: str | None = None
    context: str | None = None
    group: str | None = None
    group_label: str = GROUP_LABEL
    queue: str | None = None
    qps: float | None = None
    burst: int | None = None
    max_in_flight: int = 128
    max_active: int | None = None
    retry_budget: float = 900.0
    on_exists: OnExists = "fail"
    rerun: Rerun | None = None
    on_quota: OnQuota = "wait"
    on_damage: OnDamage = "refuse"
    quota_timeout: float | None = None
    server_side: bool = False
    force_conflicts: bool = False
    delete_finished: bool = False
    results: str | os.PathLike[str] | None = None
    on_oom: str | None = None
    on_timeout: str | None = None
    on_exit: Sequence[str] = ()
    dry_run: DryRun = "none"
    resume: bool = False
    state: str | os.PathLike[str] | None = None
    journal: bool = True
    run: Mapping[str, Any] | None = None

    def check(self) -> None:
        """Raise UsageError for options that exclude each other, and for values that none can have."""
        for name, values in (
            ("on_exists", OnExists),
            ("on_quota", OnQuota),
            ("on_damage", OnDamage),
            ("dry_run", DryRun),
        ):
            value = getattr(self, name)
            if value not in get_args(values):
                raise UsageError(f"{_named(name)}: {value!r} is not one of {', '.join(get_args(values))}")
        for name, needed in (
            ("burst", "qps"),
            ("force_conflicts", "server_side"),
            ("results", "delete_finished"),
        ):
            if getattr(self, name) not in (None, False) and getattr(self, needed) in (None, False):
                raise UsageError(f"{_named(name)} requires {_named(needed)}")
        parse_rerun(self.rerun)
        _ = self.policy
        if self.rerun is not None and (self.server_side or self.on_exists != "fail"):
            other = "server_side" if self.server_side else "on_exists"
            raise UsageError(f"{_named('rerun')} cannot be used with {_named(other)}")
        if self.delete_finished and self.dry_run != "none":
            raise UsageError(f"{_named('delete_finished')} cannot be used with {_named('dry_run')}")
        if self.server_side and self.on_exists in ("replace", "recreate"):
            raise UsageError(
                f"{_named('on_exists')} {self.on_exists} cannot be used with {_named('server_side')}"
            )
        if self.queue is not None and not QUEUE_NAME.accepts(self.queue):
            raise UsageError(f"{_named('queue')}: {self.queue!r} is not {QUEUE_NAME.words}")
        for name in ("max_in_flight", "qps", "burst", "max_active", "retry_budget", "quota_timeout"):
            if not isinstance(value := getattr(self, name), (int, float, NoneType)):
                raise UsageError(f"{_named(name)}: found {value!r}, expected a number")
            if name in ("qps", "burst", "max_active") and value is not None and value <= 0:
                raise UsageError(f"{_named(name)} must be greater than 0")
        if not 1 <= self.max_in_flight <= MAX_IN_FLIGHT:
            raise UsageError(f"{_named('max_in_flight')} must be between 1 and {MAX_IN_FLIGHT}")

    @property
    def retry(self) -> Retry:
        """When a request that failed is sent again."""
        return Retry(budget=float(self.retry_budget), soon=MANY_REFUSALS)

    @property
    def policy(self) -> escalation.Escalation | None:
        """Which failed Jobs are created again, None for none. Raises UsageError for what is no policy."""
        if self.on_oom is None and self.on_timeout is None and not self.on_exit:
            return None
        from expander.run.escalation import Escalation

        return Escalation.parse(self.on_oom, self.on_timeout, self.on_exit)

    @property
    def waits(self) -> bool:
        """Whether a submission lasts until its Jobs have ended."""
        return self.delete_finished or self.policy is not None

    @property
    def keeps_complete(self) -> bool:
        """Whether the rule of `rerun` holds for Jobs of an earlier submission."""
        return self.on_exists == "fail" and not self.server_side

    @property
    def is_server_dry_run(self) -> bool:
        """Whether the server is asked, and keeps nothing."""
        return self.dry_run == "server"

    @property
    def journals(self) -> Path | None:
        """The folder of journals; None when nothing is to be remembered."""
        if not self.journal or self.dry_run != "none":
            return None
        return state_folder("submit", None if self.state is None else os.fspath(self.state))

    @property
    def results_folder(self) -> Path | None:
        """Where finished Jobs are collected; None for the folder of the journal."""
        return None if self.results is None else Path(self.results).absolute()
