"""``expander logs``: what the containers of a local run wrote."""

from __future__ import annotations

import click

from expander.base.errors import InputError
from expander.cli.messages import Output

EXAMPLES = """
\b
Examples:
  expander logs --group thumbnails
  expander logs --group night thumbnail-cat-jpg-4439537f
  expander logs --group night --failed --tail 20
"""


@click.command(epilog=EXAMPLES)
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--group", required=True, metavar="NAME", help="The group that was run.")
@click.option(
    "--state", metavar="DIR", help="Where state and logs are kept.  [default: ~/.local/state/expander]"
)
@click.option("--failed", is_flag=True, help="Only Jobs that failed.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines of each container.")
@click.option("--no-prefix", is_flag=True, help="Do not write the pod's name in front of each line.")
def command(
    jobs: tuple[str, ...], group: str, state: str | None, failed: bool, tail: int | None, no_prefix: bool
) -> int:
    """Print what the containers of JOB, or of all Jobs of a group, wrote: every pod, every restart."""
    from expander.pipeline.outcomes import FAILED
    from expander.pipeline.results import results
    from expander.pipeline.state import state_folder

    out = Output()
    missing = set(jobs)
    for result in results(state_folder(group, state)):
        name = result.outcome.name
        if (jobs and name not in jobs) or (failed and result.outcome.state != FAILED):
            continue
        missing.discard(name)
        for log in result.logs:
            with open(log.path, errors="replace", newline="\n") as file:
                lines = file.readlines() if tail is None else file.readlines()[-tail:] if tail else []
            prefix = "" if no_prefix else f"[{log.pod} {log.container}] "
            out.put("".join(f"{prefix}{line.rstrip(chr(10))}\n" for line in lines))
    out.finish()
    if missing and not failed:
        raise InputError(f"the group {group} has no Job {', '.join(sorted(missing))}")
    return 0
