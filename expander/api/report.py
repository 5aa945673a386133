"""`expander.report`: one HTML page about a group."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

from expander.api.place import GroupKeywords, Which, opened


def report(
    group: Which = None,
    *,
    out: str | os.PathLike[str] | None = None,
    title: str | None = None,
    **where: Unpack[GroupKeywords],
) -> Path:
    """Write the HTML report of a group as ``expander report`` does; gives its path.

    ``out`` is the file, by default ``GROUP.html`` in the current folder; ``title`` by default the group's
    name. ``group`` and the keywords of its place are as for `status`, and so are the errors; OutputError when
    the file cannot be written.
    """
    from expander.group.report import group_report

    with opened("report", group, where) as (source, wanted):
        path = None if out is None else Path(out)
        return group_report(source, wanted, path, title, may_be_empty=False)[0]
