"""``--report FILE``: commands that end with a group write its page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from expander.base.errors import UsageError
from expander.cli.messages import say
from expander.version import __version__

if TYPE_CHECKING:
    from expander.group.source import Reader


class NewFile(click.ParamType):  # type: ignore[type-arg]
    """A file that can be made later: it is looked at first whether its folder is there."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if not path.parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder")
        return path


report_option = click.option(
    "--report", type=NewFile(), metavar="FILE", help="At the end write an HTML page about the group to FILE."
)


def save_report(source: Reader, path: Path, title: str) -> None:
    """Write the page of a group and say where it is. Raises OutputError when it cannot be written."""
    from expander.group.report import write_report

    size = write_report(source, path, title, version=__version__)
    say(f"report: {path} ({size:,} bytes)")
