"""What stands before a line of output: the item, and index, attempt and container where there are several."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Mapping
from typing import Any, Final

from expander.cli.output.table import MAX_CELL_WIDTH, fit, one_line
from expander.group.attempts import container_names
from expander.group.records import part_count, part_number
from expander.items.keys import item_key
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.rerun import COUNT_ANNOTATION, item_at

COLORS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
MAX_PREFIX: Final = 60
"""Characters of a prefix."""
PREFIX_END: Final = 20
"""So many of them are the end of a title that is longer."""


def has_color() -> bool:
    """Whether standard output is a terminal that shows colors, and the user wants them."""
    dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
    return sys.stdout.isatty() and not dumb


def prefix(title: str, colored: bool) -> bytes:
    """What stands before the lines of a log; the color is that of the title up to ``#``."""
    text = one_line(title)
    if len(text) > MAX_PREFIX:  # the end tells indexes, attempts and containers apart
        text = f"{text[: MAX_PREFIX - PREFIX_END - 3]}...{text[-PREFIX_END:]}"
    text = f"[{text}]"
    if colored:
        name = title.split(" #")[0].encode("utf-8", "replace")
        text = f"\x1b[{COLORS[zlib.crc32(name) % len(COLORS)]}m{text}\x1b[0m"
    return f"{text} ".encode("utf-8", "backslashreplace")


def item_title(job: Mapping[str, Any], index: int = -1) -> str:
    """What people call a Job, or an index of one: the key of its item, else its name."""
    metadata = job["metadata"]
    annotations = metadata.get("annotations") or {}
    own = item_at(annotations, index) if index >= 0 else None
    item = own or ("" if COUNT_ANNOTATION in annotations else annotations.get(ITEM_ANNOTATION, ""))
    name = item_key(item, annotations.get(KEY_ANNOTATION, "")) or str(metadata["name"])
    return name if index < 0 or own else f"{name}/{index}"


def short_title(job: Mapping[str, Any], index: int = -1) -> str:
    """`item_title` within a sentence: on one line and not longer than a cell of a table."""
    return fit(one_line(item_title(job, index)), MAX_CELL_WIDTH)


def part_of(job: Mapping[str, Any], pod: Mapping[str, Any]) -> int:
    """The number of the part of a Job that a pod does; -1 when the Job has one part only."""
    return part_number(job)(pod) if (part_count(job) or 1) > 1 else -1


def container_title(title: str, attempt: int, pod: Mapping[str, Any], container: str) -> str:
    """The title of one container's output; ``attempt`` counts the pods of one item from 1."""
    name = title if attempt == 1 else f"{title} #{attempt}"
    return name if len(container_names(pod)) == 1 else f"{name} {container}"
