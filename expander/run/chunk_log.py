"""What became of the items of a chunk, as its log says: ``[expander] index 7 exit 0: "apple"``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.base.written_numbers import loads
from expander.items.keys import item_key, item_text
from expander.kube.objects import Object
from expander.manifests.edits import KEY_ANNOTATION
from expander.manifests.rerun import is_chunk

CHUNK_LOG_BYTES: Final = 4 << 20
"""So much of the end of a failed chunk's log is looked at."""

_LINE: Final = regex(rb"(?m)^\[expander\] index ([0-9]+) exit ([0-9]+): (.*)$")


class ItemEnd(NamedTuple):
    """How an item of a chunk ended the last time; ``place`` is its number in the batch, from 0."""

    place: int
    exit_code: int
    label: str


def item_ends(log: bytes) -> list[ItemEnd]:
    """The items that a chunk's log tells of, in their order."""
    found = {}
    for place, code, label in _LINE.findall(log):
        found[int(place)] = ItemEnd(int(place), int(code), label.decode("utf-8", "replace"))
    return [found[place] for place in sorted(found)]


def item_name(label: str, columns: str) -> str:
    """What people call the item of a ``label``: its key, of these ``columns``; a long one is cut as there."""
    try:
        text = item_text(loads(label))
    except (ValueError, RecursionError):
        text = label.strip('"')
    return item_key(text, columns)


def chunk_items(job: Object) -> Iterator[str]:
    """The names of the items of a chunk, as its scripts are labelled; nothing for any other Job."""
    if not is_chunk(job):
        return
    columns = (job["metadata"].get("annotations") or {}).get(KEY_ANNOTATION, "")
    for container in job["spec"]["template"]["spec"]["containers"]:
        for word in container.get("args") or ():
            label, line, _ = str(word).partition("\n")
            if line and label.startswith("#"):
                yield item_name(label[1:].replace("$$(", "$("), columns)


def end_of_log(pieces: Iterable[bytes]) -> bytes:
    """The last `CHUNK_LOG_BYTES` of a log that comes in ``pieces``."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) > 2 * CHUNK_LOG_BYTES:
            del kept[:-CHUNK_LOG_BYTES]
    return bytes(kept[-CHUNK_LOG_BYTES:])
