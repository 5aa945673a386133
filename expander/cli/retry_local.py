"""``retry --local``: what is run again runs here, as with ``run``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.cli.executor_options import executor_settings
from expander.cli.messages import ItemErrors, say
from expander.cli.retry_output import RetryReport
from expander.cli.signals import Interrupts

if TYPE_CHECKING:
    from expander.local.group import LocalSource
    from expander.pipeline.group.again import Again, Chosen


def here(
    source: LocalSource, chosen: Chosen, folder: Path, flags: dict[str, Any], report: RetryReport
) -> int:
    """On this machine: as `run` runs, one state folder after the other."""
    from expander.pipeline.group.retry import refused

    for told in refused(chosen):
        report.show(told)
    homes: dict[Path, list[Again]] = {}
    for again in chosen.again:
        home = source.home(again.source)
        if home is not None:
            homes.setdefault(home, []).append(again)
    code = 1 if report.failed else 0
    for home, part in homes.items():
        ended = _run(source, home, part, folder, flags, report)
        code = ended or code
        if ended == 130:
            break
    if chosen.again:
        say(f"earlier logs are in {folder / 'logs'}")
    if report.lines is not None:
        report.lines.finish(interrupted=code == 130)
    return code


def _run(
    source: LocalSource,
    home: Path,
    part: list[Again],
    folder: Path,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    from expander.cli.progress import Progress
    from expander.cli.run_output import JobOutput
    from expander.local.executor import Executor
    from expander.pipeline.group.retry import successors
    from expander.pipeline.run import Run

    errors = ItemErrors()
    executor = Executor(home, **executor_settings(flags))
    say(f"{home.name}: {executor.note}")
    output = JobOutput(report.out, home, quiet=flags["quiet"], lines=report.lines)
    with executor, Progress() as progress:
        run = Run(
            executor,
            successors(executor, source, part, folder, errors),
            on_finished=output.finished,
            on_kept=output.kept,
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
    output.summary(result)
    errors.finish()
    if result.stopped == "interrupted":
        say("interrupted: `expander retry` goes on with what has not begun, `expander run` with what has")
        return 130
    return 1 if result.counts["failed"] or result.stopped or errors.count else 0
