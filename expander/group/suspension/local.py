"""Suspend and resume on this machine: through the `run` that works in a state folder, or in its place."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from expander.base.errors import ExpanderError, UsageError
from expander.base.option_names import option
from expander.group.local.source import LocalSource
from expander.group.suspension.plan import SuspensionOutcome, SuspensionPlan, is_settled, outcome
from expander.kube.objects import Object, uid_of
from expander.local.apiserver.server_lock import running_server
from expander.local.requests import Suspension, post
from expander.local.state import lock_holder

POLL_SECONDS: Final = 0.05
"""Seconds between two looks at whether a request was obeyed."""


class LocalSuspension:
    """Carries out plans in the state of ``source``. ``stopped`` ends it early."""

    def __init__(self, source: LocalSource, stopped: Callable[[], bool] = lambda: False) -> None:
        self._source = source
        self._stopped = stopped
        for folder in source.folders.found():
            if (server := running_server(folder)) is not None:
                its = option(f"--kubeconfig {server.kubeconfig}", str(server.kubeconfig))
                raise UsageError(
                    f"a server of `expander serve` works in {folder}",
                    hint=f"use its kubeconfig: {its}",
                )

    def jobs(self) -> Iterator[Object]:
        """The Jobs of the group."""
        return self._source.jobs()

    def cronjobs(self) -> list[Object]:
        """Its CronJobs."""
        return self._source.cronjob_objects()

    def outcomes(self, plan: SuspensionPlan) -> Iterator[SuspensionOutcome]:
        """Carry out a plan; what becomes of each target. Raises ExpanderError for unusable state."""
        homes: dict[Path, list[Object]] = defaultdict(list)
        for obj in plan.targets:
            if (home := self._source.home(obj)) is not None:
                homes[home].append(obj)
        for home, objects in homes.items():
            self._send(home, Suspension(plan.suspend, [uid_of(each) for each in objects]))
            for each in objects:
                yield outcome(each, plan.done)

    def unsettled(self, plan: SuspensionPlan, timeout: float, step: Callable[[int], object]) -> int:
        """Wait until the `run` that works has ended the pods of what it suspended; how many Jobs are left."""
        meant = {uid_of(each) for each in plan.targets if each["kind"] != "CronJob"}
        ends = time.monotonic() + timeout
        while meant and plan.suspend and not self._stopped():
            there = {uid_of(job): job for job in self.jobs() if uid_of(job) in meant and self._runs(job)}
            meant = {uid for uid, job in there.items() if not is_settled(job, suspend=True)}
            step(len(meant))
            if not meant or time.monotonic() > ends:
                break
            time.sleep(POLL_SECONDS * 4)
        return len(meant) if plan.suspend else 0

    def _runs(self, job: Object) -> bool:
        home = self._source.home(job)
        return home is not None and lock_holder(home) is not None

    def _send(self, home: Path, request: Suspension) -> None:
        """Have a request obeyed: by the process at work in ``home``, or, when there is none, here."""
        path = post(home, request)
        try:
            while path.exists() and not self._stopped():
                if lock_holder(home) is None and self._obey(home):
                    return
                time.sleep(POLL_SECONDS)
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def _obey(self, home: Path) -> bool:
        """Do what is asked for in a folder in which nobody works; False when somebody does now."""
        from expander.local.idle_state import obey_requests

        try:
            obey_requests(home)
        except ExpanderError:
            if lock_holder(home) is None:
                raise
            return False
        return True
