"""Requests to suspend or resume Jobs, from other processes to the one at work in a state folder.

Each is a file in ``requests``: written beside it and renamed, so that it is there as a whole or not at all,
and removed once what it asks for is durable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from expander.base.errors import OutputError
from expander.base.named_tuple import NamedTuple
from expander.base.state_dir import make_private, open_private

FOLDER: Final = "requests"

MAX_AGE_SECONDS: Final = 0.2
"""Seconds between two looks at the folder, at most: what a process that works may spend on it."""


class Suspension(NamedTuple):
    """Suspend the Jobs and CronJobs with these uids, or (not ``suspend``) resume them."""

    suspend: bool
    uids: Sequence[str]


def post(folder: Path, request: Suspension) -> Path:
    """Write a request to whoever works in a state folder; its file, which is gone when it was obeyed.

    Raises OutputError when it cannot be written.
    """
    box = folder / FOLDER
    path = box / f"{os.getpid()}-{os.urandom(4).hex()}.json"
    part = path.with_suffix(".part")
    try:
        make_private(box)
        with open(open_private(part, os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(request._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    return path


def posted(folder: Path) -> Iterator[tuple[Path, Suspension | None]]:
    """The requests that are there, each with its file; None for one that cannot be read."""
    try:
        names = sorted(os.listdir(folder / FOLDER))
    except OSError:
        return
    for name in names:
        if name.endswith(".json"):
            path = folder / FOLDER / name
            yield path, _read(path)


def _read(path: Path) -> Suspension | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Suspension(bool(found["suspend"]), [str(uid) for uid in found["uids"]])
    except (OSError, ValueError, TypeError, KeyError):
        return None


class Requests:
    """The requests to the process that works in ``folder``; `due` looks at most once in a while."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look_at = 0.0

    def due(self, now: float) -> list[tuple[Path, Suspension | None]]:
        """The requests that are new at ``now`` (seconds of any clock)."""
        if now < self._look_at:
            return []
        self._look_at = now + MAX_AGE_SECONDS
        return list(posted(self._folder))
