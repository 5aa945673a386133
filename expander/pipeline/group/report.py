"""The report of a group: one HTML file that opens anywhere."""

from __future__ import annotations

import time
from pathlib import Path

from expander.base.errors import OutputError
from expander.pipeline.group.item_folder import write_whole
from expander.pipeline.group.records import records
from expander.pipeline.group.report_data import summarize
from expander.pipeline.group.report_page import page
from expander.pipeline.group.report_tails import entries, failures, slowest
from expander.pipeline.group.source import Reader


def report(reader: Reader, title: str, *, version: str = "", now: float | None = None) -> str:
    """The report of the group that ``reader`` tells of, as HTML; ``now`` in Unix seconds.

    Raises what the reader raises for Jobs and pods; a log that cannot be read is only said in the page.
    """
    found = summarize(records(reader), time.time() if now is None else now)
    return page(
        found, title, reader.where, entries(reader, failures(found)), entries(reader, slowest(found)), version
    )


def write_report(reader: Reader, path: Path, title: str, *, version: str = "") -> int:
    """Write the report to ``path``, whole or not at all; gives its size in bytes.

    Raises OutputError when it cannot be written, and what `report` raises.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
    text = report(reader, title, version=version)
    return write_whole(path, [text.encode("utf-8", "backslashreplace")])
