"""``--notify``: whom to tell what happens while a command waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from expander.base.errors import UsageError
from expander.cli.output.streams import say

if TYPE_CHECKING:
    from expander.notify.notifier import Notifier


class NotifyTarget(click.ParamType):  # type: ignore[type-arg]
    """A URL or a command; an error does not show it."""

    name = "url or command"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from expander.notify.targets import target_of

        if not isinstance(value, str):  # from a file
            self.fail(f"found {type(value).__name__}, expected a URL or a command", param)
        try:
            target_of(value)
        except UsageError as error:
            self.fail(error.problems[0].message.removeprefix("--notify: "), param)
        return value


notify_option = click.option(
    "--notify",
    multiple=True,
    type=NotifyTarget(),
    metavar="URL|CMD",
    help="POST to a webhook, or run a command, at the first failure, a stall and the end.",
)


def notifier_of(
    flags: Mapping[str, Any], command: str, *, local: bool, waits: bool = True, **fields: Any
) -> Notifier:
    """What `--notify` asks for; ``fields`` are those of `Notifier`.

    A command that does not wait for Jobs (``waits``) has nothing to tell: then `--notify` in its command line
    is a UsageError, and in a file it is for others.
    """
    from expander.notify.notifier import Notifier

    given = flags["notify"]
    if not given:
        return Notifier((), say, command=command, local=local, **fields)
    from expander.notify.targets import check_waits, targets_of

    if click.get_current_context().get_parameter_source("notify") is ParameterSource.COMMANDLINE:
        check_waits(command, waits=waits)
    return Notifier(targets_of(given if waits else ()), say, command=command, local=local, **fields)
