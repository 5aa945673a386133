"""``retry --local``: what is run again runs here, as with ``run``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.cli.executor_options import executor_settings
from expander.cli.messages import ItemErrors, say
from expander.cli.retry_output import RetryReport
from expander.cli.signals import Interrupts

if TYPE_CHECKING:
    from expander.group.local_source import LocalSource
    from expander.group.retry_plan import Chosen
    from expander.kube.objects import Object
    from expander.run.run import RunResult


def here(source: LocalSource, chosen: Chosen, logs: Path, flags: dict[str, Any], report: RetryReport) -> int:
    """On this machine: as `run` runs, one state folder after the other."""
    from expander.group.retry import refused
    from expander.group.retry_plan import Chosen

    for told in refused(chosen):
        report.show(told)
    homes: dict[Path, Chosen] = {}
    for again in chosen.again:
        home = source.home(again.source)
        if home is not None:
            homes.setdefault(home, Chosen(obsolete=chosen.obsolete)).again.append(again)
    code = 1 if report.failed else 0
    for home, part in homes.items():
        ended = _run(source, home, part, logs, flags, report)
        code = ended or code
        if ended == 130:
            break
    if any(again.replaces for again in chosen.again):
        say(f"earlier logs are in {logs}")
    if report.lines is not None:
        report.lines.finish(interrupted=code == 130)
    return code


def _run(
    source: LocalSource,
    home: Path,
    chosen: Chosen,
    logs: Path,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    from expander.cli.progress import Progress
    from expander.group.retry import successors
    from expander.local.executor import Executor
    from expander.run.run import Run

    errors = ItemErrors()
    executor = Executor(home, **executor_settings(flags))
    say(f"group {home.name}: {executor.note}")
    ends = _Ends(report, home, flags["quiet"])
    with executor, Progress() as progress:
        run = Run(
            executor,
            successors(executor, source, chosen, logs, errors),
            on_finished=ends.finished,
            on_kept=lambda job, pods_of: None,
            on_turn=progress.show,
            on_error=errors,
            on_note=say,
            timeout=flags["timeout"],
        )

        def interrupted(number: int) -> None:
            run.interrupt()
            if number != signal.SIGINT:
                run.interrupt()

        with Interrupts(interrupted, run.interrupt):
            result = run.go()
    ends.summary(result)
    errors.finish()
    if result.stopped == "interrupted":
        say("interrupted: `expander retry` goes on with what has not begun, `expander run` with what has")
        return 130
    return 1 if ends.counts["failed"] or result.stopped or errors.count else 0


class _Ends:
    """Prints and counts what has ended in this run, and not what ended before."""

    def __init__(self, report: RetryReport, home: Path, quiet: bool) -> None:
        from expander.cli.run_output import JobOutput

        self.counts = {"succeeded": 0, "failed": 0}
        self._lines = report.lines
        self._output = JobOutput(report.out, home, quiet=quiet or report.lines is not None)

    def finished(self, job: Object, pods_of: Callable[[], Sequence[Object]]) -> None:
        """A Job has ended."""
        from expander.manifests.rerun import attempt_of
        from expander.run.outcomes import FAILED, outcome_of

        told = outcome_of(job, ())
        outcome = "failed" if told.state == FAILED else "succeeded"
        self.counts[outcome] += 1
        self._output.finished(job, pods_of)
        if self._lines is not None:
            self._lines.put(
                told.name,
                told.namespace,
                told.item or None,
                outcome,
                reason=told.reason,
                attempts=attempt_of(job),
                message=told.message,
            )

    def summary(self, result: RunResult) -> None:
        """What became of what was run again."""
        left = {state: result.counts[state] for state in ("running", "pending", "suspended")}
        self._output.summary(replace(result, counts=self.counts | left, before=0))
