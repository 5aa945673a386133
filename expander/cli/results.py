"""``expander results``: what became of each Job of a local run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from expander.base.api_time import api_time
from expander.cli.messages import Output, printable

if TYPE_CHECKING:
    from expander.pipeline.outcomes import JobOutcome
    from expander.pipeline.results import Result

EXAMPLES = """
\b
Examples:
  expander results --group thumbnails
  expander results --group night --failed -o json
  expander results --group night -o joblog > joblog.tsv
"""

COLUMNS = ("JOB", "ITEM", "STATE", "SECONDS", "EXIT", "PODS", "REASON")
JOBLOG = ("Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command")
"""The columns of GNU parallel's --joblog."""


@click.command(epilog=EXAMPLES)
@click.option("--group", required=True, metavar="NAME", help="The group that was run.")
@click.option(
    "--state", metavar="DIR", help="Where state and logs are kept.  [default: ~/.local/state/expander]"
)
@click.option("--failed", is_flag=True, help="Only Jobs that failed.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "joblog"]),
    default="table",
    show_default=True,
    help="A table, JSON Lines with the paths of logs, or GNU parallel's joblog.",
)
def command(group: str, state: str | None, failed: bool, output: str) -> int:
    """Say what became of each Job of a group that was run on this machine."""
    from expander.pipeline.outcomes import FAILED
    from expander.pipeline.results import results
    from expander.pipeline.state import state_folder

    out = Output()
    found = [one for one in results(state_folder(group, state)) if not failed or one.outcome.state == FAILED]
    if output == "json":
        for result in found:
            out.put(json.dumps(_as_json(result), ensure_ascii=False) + "\n")
    elif output == "joblog":
        out.put("\t".join(JOBLOG) + "\n")
        for number, result in enumerate(sorted(found, key=lambda one: one.outcome.started or 0), 1):
            out.put("\t".join(_joblog(number, result.outcome)) + "\n")
    else:
        _table(out, [_row(result.outcome) for result in found])
    out.finish()
    return 0


def _row(outcome: JobOutcome) -> tuple[str, ...]:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
    code = "" if outcome.exit_code is None else str(outcome.exit_code)
    reason = outcome.reason
    return (outcome.name, outcome.item, outcome.state, seconds, code, str(outcome.attempts), reason)


def _table(out: Output, rows: list[tuple[str, ...]]) -> None:
    shown = [COLUMNS, *[tuple(_short(cell) for cell in row) for row in rows]]
    widths = [max(len(row[place]) for row in shown) for place in range(len(COLUMNS))]
    for row in shown:
        out.put("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _short(cell: str) -> str:
    text = printable(cell).replace("\n", "\\n")
    return text if len(text) <= 60 else text[:57] + "..."


def _as_json(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "namespace": outcome.namespace,
        "name": outcome.name,
        "item": outcome.item,
        "state": outcome.state,
        "reason": outcome.reason,
        "message": outcome.message,
        "started": _time(outcome.started),
        "finished": _time(outcome.finished),
        "seconds": outcome.seconds,
        "succeeded": outcome.succeeded,
        "failed": outcome.failed,
        "pods": outcome.attempts,
        "exitCode": outcome.exit_code,
        "logs": [
            {"pod": log.pod, "container": log.container, "restart": log.restart, "path": str(log.path)}
            for log in result.logs
        ],
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else api_time(seconds)


def _joblog(number: int, outcome: JobOutcome) -> list[str]:
    code = outcome.exit_code or 0
    signal = code - 128 if code > 128 else 0
    return [
        str(number),
        ":",
        f"{outcome.started or 0:.3f}",
        f"{outcome.seconds or 0:.3f}",
        "0",
        "0",
        str(0 if signal else code),
        str(signal),
        outcome.name,
    ]
