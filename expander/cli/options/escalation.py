"""Options that say which failed items are tried again, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.options.once import Once
from expander.cli.options.params import all_of

if TYPE_CHECKING:
    from expander.run.escalation import Escalation

policy_options = all_of(
    click.option(
        "--on-oom",
        cls=Once,
        noun="growth",
        metavar="xF[,max=LIMIT]",
        help="Retry items that run out of memory, with F times the memory.",
    ),
    click.option(
        "--on-timeout",
        cls=Once,
        noun="growth",
        metavar="xF[,max=TIME]",
        help="Retry items that time out, with F times the time.",
    ),
    click.option(
        "--on-exit",
        "on_exit",
        multiple=True,
        metavar="CODE=retry:N",
        help="Retry items that exit with CODE, at most N times before the Job's own backoffLimit.",
    ),
)


def policy_of(flags: Mapping[str, Any]) -> Escalation | None:
    """What `policy_options` say; None when they say nothing.

    Raises UsageError for what is no policy, and for exit codes that no pod of the shape ends with.
    """
    if flags["on_oom"] is None and flags["on_timeout"] is None and not flags["on_exit"]:
        return None
    from expander.run.escalation import Escalation

    policy = Escalation.parse(flags["on_oom"], flags["on_timeout"], flags["on_exit"])
    if policy and policy.exits and flags.get("shape", "").partition("=")[0] == "chunks":
        raise UsageError(
            "--on-exit cannot be used with --as chunks: a pod does several items and has one exit code",
            hint="items that fail are tried again in their pod, as often as backoffLimit says; "
            "--as jobs and --as indexed take --on-exit",
        )
    return policy
