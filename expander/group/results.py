"""Write the output of each item into a folder, and the tables over all items.

``<key>/stdout``                  the item's output: the main container of the deciding attempt
``<key>/message``                 its termination message, if it left one
``<key>/<container>.<n>.log``     the output of each container of attempt (pod) n, from 1
``<key>/<container>.<n>.previous.log``    the same for the previous start, when it restarted
``<key>/result.json``             its row of the table, and its files; written last, so it means "complete"

An item is collected once, when it has ended. A Job that was recreated is collected again and its attempts are
numbered on. Indexes that are no items have folders like this below that of their Job. ``.job`` names the Job
a folder belongs to and is locked while somebody writes; two Jobs with the same key get two folders.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, OutputError
from expander.base.log import Log
from expander.base.named_tuple import NamedTuple
from expander.base.written_numbers import dumps, loads
from expander.group.attempts import main_container, pods_by_job
from expander.group.known.chunk_items import with_items
from expander.group.names import NameSelection
from expander.group.parallel_read import ParallelReader
from expander.group.records import FINISHED, ItemRecord, job_records
from expander.group.source import LogOptions, Reader
from expander.group.table import Row, as_csv, as_json_lines, numbered, record_row
from expander.kube.objects import Object, statuses_of, uid_of
from expander.kube.workloads import FAILED
from expander.manifests.names import digest, file_name
from expander.run.outcomes import outcome_of
from expander.sinks.stream import output_error

log = Log("files")

OWNER_FILE: Final = ".job"
PART_PREFIX: Final = ".part-"
"""Name prefix of files that are still being written."""

RESERVED_NAMES: Final = frozenset({"results.csv", "results.jsonl"})
"""Names in a results folder that no item gets."""


PARALLEL_LOGS = 16
"""Logs read in parallel."""

RESULT_FILE: Final = "result.json"

_DESCRIPTORS: Final = ("/dev/fd/", "/dev/std", "/proc/")
"""Where paths of open files are: whoever opened them has to see what is written."""


@contextmanager
def item_folder(folder: Path, item: str, job: str) -> Iterator[Path]:
    """The folder for ``item`` of Job ``job`` (``namespace/name``), created if needed, locked meanwhile.

    Raises OutputError when it cannot be created or written.
    """
    wanted = file_name(item)
    again = file_name(f"{wanted[:150]}-{digest(job)}")
    names = [again] if wanted.casefold() in RESERVED_NAMES else [wanted, again]
    path = folder / names[0]
    try:
        for name in names:
            path = folder / name
            if (lock := _claim(path, job)) is not None:
                break
        else:
            raise FileExistsError(17, "it holds the results of another Job")
    except OSError as error:
        raise output_error("write results into", str(path), error) from error
    try:
        yield path
    finally:
        os.close(lock)


def folder_owner(path: Path) -> str | None:
    """The Job that a folder belongs to, as ``namespace/name``; None if it is not an item's folder."""
    try:
        return (path / OWNER_FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return None


def remove_partial_files(path: Path) -> None:
    """Remove what a killed process left half-written in a locked folder."""
    for entry in os.listdir(path):
        if entry.startswith(PART_PREFIX):
            with suppress(OSError):
                os.unlink(path / entry)


def write_atomically(path: Path, pieces: Iterable[bytes]) -> int:
    """Create or replace the file ``path`` atomically; returns its size.

    A symbolic link stays one: the file that it leads to is replaced. What is no regular file, such as
    /dev/stdout or a named pipe, gets the data. Raises OutputError when the system refuses; what ``pieces``
    raises is passed on, and no file is left.
    """
    try:
        if not _is_replaceable(path):
            with open(path, "wb") as file:
                return _write_pieces(file, pieces)
        target = Path(os.path.realpath(path))
        part = target.with_name(f"{PART_PREFIX}{os.getpid()}.{get_ident()}")
        try:
            with open(part, "wb") as file:
                size = _write_pieces(file, pieces)
            os.replace(part, target)
            log.debug("wrote %(path)s, %(bytes)d bytes", path=path, bytes=size)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
    except OSError as error:
        raise output_error("write", str(path), error) from error
    return size


def _is_replaceable(path: Path) -> bool:
    """Whether another file may take the place of ``path``: it is a file, or nothing."""
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return True
    return is_file and not str(path).startswith(_DESCRIPTORS)


def _write_pieces(file: BinaryIO, pieces: Iterable[bytes]) -> int:
    return sum(file.write(piece) for piece in pieces)


def _claim(path: Path, job: str) -> int | None:
    """A locked descriptor of the folder's ``.job``; None if the folder is another Job's."""
    os.makedirs(path, exist_ok=True)
    file = os.open(path / OWNER_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        owner = os.pread(file, 1000, 0).decode(errors="replace")
        if owner not in ("", job):
            os.close(file)
            return None
        if not owner:
            os.pwrite(file, job.encode(), 0)
    except BaseException:
        with suppress(OSError):
            os.close(file)
        raise
    return file


def add_outputs(
    reader: Reader,
    records: Sequence[ItemRecord],
    rows: Sequence[Row],
    limit: int,
    failed: Callable[[ExpanderError], None],
) -> None:
    """Set ``output`` of each row to the last ``limit`` bytes of its record's output, None without output."""
    with ParallelReader[tuple[str | None]](PARALLEL_LOGS) as readers:
        places = (partial(_read_output, reader, record, limit) for record in records)
        for row, said in zip(rows, readers.in_order(places), strict=True):
            row["output"] = None if isinstance(said, ExpanderError) else said[0]
            if isinstance(said, ExpanderError):
                failed(said)


def tail_bytes(pieces: Iterator[bytes], limit: int) -> bytes:
    """The end of a log, at most ``limit`` bytes, from the start of a line if possible."""
    end, cut = b"", False
    for piece in pieces:
        end += piece
        if len(end) > 2 * limit:
            end, cut = end[-limit:], True
    if cut or len(end) > limit:
        end = end[-limit:]
        line = end.find(b"\n") + 1
        return end[line:] if 0 < line < len(end) else end
    return end


def _read_output(reader: Reader, record: ItemRecord, limit: int) -> Iterator[tuple[str | None]]:
    attempt = record.deciding
    if attempt is None:
        yield (None,)
        return
    pieces = reader.log(attempt.pod, main_container(attempt.pod))
    yield (tail_bytes(pieces, limit).decode("utf-8", "replace"),)


class Collected(NamedTuple):
    """The rows of a Job's ended items, how many were collected by this call, and how many of those had no
    pod left to read output from."""

    rows: list[Row]
    new: int
    podless: int = 0


def collect_job(job: Object, pods: Sequence[Object], reader: Reader, folder: Path) -> Collected:
    """Write the output of the ended items of ``job`` into ``folder``; ``pods`` are the pods of the Job.

    What an earlier call has collected is not read again. Safe to call from several threads and processes.
    Raises OutputError when a file cannot be written, and what ``reader`` raises when a log cannot be read:
    what was written before stays, and the next call continues.
    """
    done = [record for record in job_records(job, pods) if record.state in FINISHED]
    if not done:
        return Collected([], 0)
    status = job.get("status") or {}
    had_pods = bool(status.get("succeeded") or status.get("failed"))
    rows, new, podless = [], 0, 0
    for record, place in _places(done, Path(folder)):
        before = read_result(place)
        if before is None or before.get("uid") != record.uid:
            before = _write_item(record, reader, place, before or {})
            new += 1
            podless += had_pods and not record.attempts
        before["folder"] = os.path.relpath(place, folder)
        rows.append(before)
    return Collected(rows, new, podless)


def _places(records: Sequence[ItemRecord], folder: Path) -> Iterator[tuple[ItemRecord, Path]]:
    """Each record of one Job with its folder, locked meanwhile; that of a part is below the Job's."""
    first = records[0]
    job = f"{first.namespace}/{first.job}"
    if first.is_part:
        with item_folder(folder, first.key or first.job, job) as path:
            for record in records:
                yield record, path / str(record.index)
        return
    for record in records:
        owner = job if record.index is None else f"{job}/{record.index}"
        with item_folder(folder, record.label, owner) as path:
            yield record, path


def read_results(folder: Path) -> Iterator[Row]:
    """The rows of everything collected into ``folder``, in the order of its names."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error("read", str(folder), error) from error
    for name in names:
        if folder_owner(folder / name) is None:
            continue
        parts = [entry.name for entry in os.scandir(folder / name) if entry.name.isdecimal()]
        for path in [folder / name, *(folder / name / part for part in sorted(parts, key=int))]:
            if (row := read_result(path)) is not None:
                row["folder"] = os.path.relpath(path, folder)
                yield row


def read_result(path: Path) -> Row | None:
    """The row in an item's folder; None if the item was not collected, or not completely."""
    try:
        with open(path / RESULT_FILE, "rb") as file:
            found = loads(file.read().decode("utf-8", "surrogatepass"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write_item(record: ItemRecord, reader: Reader, path: Path, before: Mapping[str, Any]) -> Row:
    try:
        path.mkdir(exist_ok=True)
        remove_partial_files(path)
    except OSError as error:
        raise output_error("create the folder", str(path), error) from error
    files = list(before.get("files") or ())
    base = max((file["attempt"] for file in files), default=0)
    deciding = record.deciding
    output = None
    for number, attempt in enumerate(record.attempts, base + 1):
        for container, previous in _started_containers(attempt.pod):
            name = f"{file_name(container)}.{number}{'.previous' if previous else ''}.log"
            size = write_atomically(
                path / name, reader.log(attempt.pod, container, LogOptions(previous=previous))
            )
            files.append(
                {"path": name, "attempt": number, "pod": attempt.name, "container": container, "bytes": size}
            )
            if attempt is deciding and not previous and container == main_container(attempt.pod):
                output = files[-1]
    _link(path / "stdout", path / output["path"] if output else None)
    if record.termination:
        write_atomically(path / "message", [record.termination.encode("utf-8", "surrogatepass")])
    else:
        _remove(path / "message")
    row = record_row(with_items(reader, record))
    if record.termination:
        row["terminationMessage"] = record.termination
    row["bytes"] = output["bytes"] if output else 0
    row["files"] = files
    write_atomically(
        path / RESULT_FILE, [dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"), b"\n"]
    )
    return row


def _started_containers(pod: Object) -> Iterator[tuple[str, bool]]:
    """The containers of a pod that have started, and whether the previous start is meant."""
    for status in statuses_of(pod):
        if status.get("restartCount"):
            yield status["name"], True
        state = status.get("state") or {}
        if state.get("running") or state.get("terminated"):
            yield status["name"], False


def _link(path: Path, target: Path | None) -> None:
    """Hard-link ``path`` to ``target``, or copy it where that is impossible."""
    if target is None:
        _remove(path)
        return
    part = path.with_name(f"{PART_PREFIX}{path.name}")
    try:
        with suppress(FileNotFoundError):
            os.unlink(part)
        try:
            os.link(target, part)
        except OSError:
            import shutil  # which loads compressors

            shutil.copyfile(target, part)
        os.replace(part, path)
    except OSError as error:
        raise output_error("write", str(path), error) from error
    # renaming between two links of one file does nothing and leaves both
    with suppress(FileNotFoundError):
        os.unlink(part)


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise output_error("remove", str(path), error) from error


@dataclass(slots=True)
class CollectedCounts:
    """Jobs seen, by uid; items collected by this call, those of them whose pods were gone, and unfinished
    items."""

    jobs: set[str] = field(default_factory=set)
    new: int = 0
    podless: int = 0
    unfinished: int = 0


def collect_all(
    reader: Reader,
    batches: Iterable[list[Object]],
    folder: Path,
    failed: Callable[[ExpanderError], None],
    *,
    failed_only: bool = False,
    names: NameSelection | None = None,
) -> CollectedCounts:
    """Collect the Jobs of ``batches`` into ``folder``; ``failed`` receives the error of each unreadable log.

    ``failed_only`` skips Jobs that have not failed, ``names`` items that it does not name. Raises OutputError
    when a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("write results into", str(folder), error) from error
    counts = CollectedCounts()
    with ParallelReader[Collected](PARALLEL_LOGS) as readers:
        for jobs in batches:
            counts.jobs.update(map(uid_of, jobs))
            chosen = [job for job in jobs if not failed_only or outcome_of(job, ()).state == FAILED]
            if names:
                chosen = [job for job in chosen if _is_named(job, names)]
            owned = pods_by_job(reader.pods(chosen)) if chosen else {}
            places = []
            for job in chosen:
                pods = owned.get(uid_of(job), [])
                counts.unfinished += sum(one.state not in FINISHED for one in job_records(job, pods))
                places.append(partial(_collect_one, job, pods, reader, folder))
            for said in readers.in_order(places):
                if isinstance(said, OutputError):
                    raise said
                if isinstance(said, ExpanderError):
                    failed(said)
                else:
                    counts.new += said.new
                    counts.podless += said.podless
    return counts


def _is_named(job: Object, names: NameSelection) -> bool:
    found = [names.matches(record.names) for record in job_records(job, ())]
    return any(found)  # of all, so that each name that is known counts as found


def write_tables(folder: Path) -> int:
    """Write the tables of everything in ``folder``; returns the number of items."""
    rows = numbered(read_results(folder))
    for name, lines in (("results.csv", as_csv(rows)), ("results.jsonl", as_json_lines(rows))):
        write_atomically(folder / name, (line.encode("utf-8", "surrogatepass") for line in lines))
    return len(rows)


def _collect_one(job: Object, pods: list[Object], reader: Reader, folder: Path) -> Iterator[Collected]:
    yield collect_job(job, pods, reader, folder)
