"""What the items of a group put out, as files: a folder for an item, or for each index of its Job.

``<item>/stdout``                  the output of the item: of the main container of the attempt that decided
``<item>/message``                 its termination message, when it left one
``<item>/<container>.<n>.log``     the output of each container of the n-th attempt (pod), from 1
``<item>/<container>.<n>.previous.log``   and of its start before the last one, when it was restarted
``<item>/result.json``             the row of the table, and the files; written last, so it means "complete"

An item is collected once, when it has ended; a Job that was made anew is collected again, and its attempts
are numbered on. An Indexed Job's folder has a folder of this kind for each index.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from expander.kube.objects import Object, statuses_of
from expander.pipeline.group.attempts import main_container
from expander.pipeline.group.item_folder import PART, item_folder, owner_of, sweep, write_whole
from expander.pipeline.group.records import FINISHED, Record, records_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.table import Row, row_of
from expander.sinks.stream import output_error

RESULT: Final = "result.json"


class Collected(NamedTuple):
    """The rows of the items of a Job that have ended, how many of them were collected just now, and how many
    of these had no pod any more that could tell what it put out."""

    rows: list[Row]
    new: int
    podless: int = 0


def collect(job: Object, pods: Sequence[Object], reader: Reader, folder: Path) -> Collected:
    """Write what the ended items of ``job`` put out into ``folder``; ``pods`` are the pods of the Job.

    What an earlier call has collected is not asked for again. May be called from several threads and
    programs at a time. Raises OutputError when a file cannot be written, and what ``reader`` raises when a
    log cannot be read: nothing that was written before is lost, and the next call goes on.
    """
    done = [record for record in records_of(job, pods) if record.state in FINISHED]
    if not done:
        return Collected([], 0)
    status = job.get("status") or {}
    had_pods = bool(status.get("succeeded") or status.get("failed"))
    rows, new, podless = [], 0, 0
    first = done[0]
    name = first.item or first.job
    with item_folder(Path(folder), name, f"{first.namespace}/{first.job}") as path:
        for record in done:
            place = path if record.index is None else path / str(record.index)
            before = result_in(place)
            if before is None or before.get("uid") != record.uid:
                before = _write(record, reader, place, before or {})
                new += 1
                podless += had_pods and not record.attempts
            before["folder"] = os.path.relpath(place, folder)
            rows.append(before)
    return Collected(rows, new, podless)


def results_in(folder: Path) -> Iterator[Row]:
    """The rows of all that was collected into ``folder``, in the order of its names."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error("read", str(folder), error) from error
    for name in names:
        if owner_of(folder / name) is None:
            continue
        parts = [entry.name for entry in os.scandir(folder / name) if entry.name.isdecimal()]
        for path in [folder / name, *(folder / name / part for part in sorted(parts, key=int))]:
            if (row := result_in(path)) is not None:
                row["folder"] = os.path.relpath(path, folder)
                yield row


def result_in(path: Path) -> Row | None:
    """The row in an item's folder; None when the item was not collected, or not to the end."""
    try:
        with open(path / RESULT, "rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(record: Record, reader: Reader, path: Path, before: Mapping[str, Any]) -> Row:
    try:
        path.mkdir(exist_ok=True)
        sweep(path)
    except OSError as error:
        raise output_error("make the folder", str(path), error) from error
    files = list(before.get("files") or ())
    base = max((file["attempt"] for file in files), default=0)
    deciding = record.deciding
    output = None
    for number, attempt in enumerate(record.attempts, base + 1):
        for container, previous in _starts(attempt.pod):
            name = f"{container}.{number}{'.previous' if previous else ''}.log"
            size = write_whole(path / name, reader.log(attempt.pod, container, previous=previous))
            files.append({"path": name, "attempt": number, "pod": attempt.name, "bytes": size})
            if attempt is deciding and not previous and container == main_container(attempt.pod):
                output = files[-1]
    _link(path / "stdout", path / output["path"] if output else None)
    if record.termination:
        write_whole(path / "message", [record.termination.encode("utf-8", "surrogatepass")])
    else:
        _remove(path / "message")
    row = row_of(record)
    if record.termination:
        row["terminationMessage"] = record.termination
    row["bytes"] = output["bytes"] if output else 0
    row["files"] = files
    write_whole(path / RESULT, [json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"), b"\n"])
    return row


def _starts(pod: Object) -> Iterator[tuple[str, bool]]:
    """The containers of a pod that have started, and whether it is the start before the last one."""
    for status in statuses_of(pod):
        if status.get("restartCount"):
            yield status["name"], True
        state = status.get("state") or {}
        if state.get("running") or state.get("terminated"):
            yield status["name"], False


def _link(path: Path, target: Path | None) -> None:
    """Make ``path`` the same file as ``target``, or a copy where that cannot be."""
    if target is None:
        _remove(path)
        return
    part = path.with_name(f"{PART}{path.name}")
    try:
        with suppress(FileNotFoundError):
            os.unlink(part)
        try:
            os.link(target, part)
        except OSError:
            shutil.copyfile(target, part)
        os.replace(part, path)
    except OSError as error:
        raise output_error("write", str(path), error) from error
    # rename of two names of one file does nothing and leaves both
    with suppress(FileNotFoundError):
        os.unlink(part)


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise output_error("remove", str(path), error) from error
