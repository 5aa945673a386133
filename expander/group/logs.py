"""Read the logs of a group: select them, follow them, write them to files, show their last lines."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from queue import Queue
from typing import Final, TypeVar

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, OutputError
from expander.base.named_tuple import NamedTuple
from expander.group.attempts import container_names, main_container
from expander.group.names import ItemNames, NameSelection, job_order
from expander.group.parallel_read import Chunk, ParallelReader, next_chunk
from expander.group.records import ItemRecord, all_records, index_record, names_of, part_number
from expander.group.results import remove_partial_files, write_atomically
from expander.group.source import WHOLE_LOG, LogOptions, Reader
from expander.kube.objects import Change, Object, start_count, statuses_of, uid_of
from expander.kube.workloads import FAILED, has_ended, workload_uids
from expander.manifests.names import digest, file_name
from expander.run.lines import LineSplitter
from expander.sinks.stream import output_error

T = TypeVar("T")

MAX_LINE_BYTES: Final = 1 << 20
"""Longest line in bytes; a longer one is split, so that memory is bounded."""


PARALLEL_TAILS: Final = 8
"""Logs read in parallel."""

MAX_TAIL_BYTES: Final = 4096
"""Bytes per line of a log's end that are looked at."""

LOCK_FILE: Final = ".expander-logs"

MAX_BATCH_SECONDS: Final = 0.3
"""Seconds for which changes are batched when they keep coming, so that attempts stay in order."""

IDLE_SECONDS: Final = 0.2
"""Seconds the caller should wait for output before it checks whether all is done."""


def line_blocks(pieces: Iterable[bytes], prefix: bytes = b"", *, terminal: bool = False) -> Iterator[bytes]:
    """Whole lines as soon as they arrive, each with ``prefix``; a missing final newline is added.

    ``terminal`` is as for `LineSplitter`.
    """
    splitter = LineSplitter(prefix, MAX_LINE_BYTES, terminal=terminal)
    for piece in pieces:
        if lines := splitter.lines(piece):
            yield lines
    if rest := splitter.end():
        yield rest


def last_lines(reader: Reader, pods: Sequence[Object], lines: int) -> list[str]:
    """The last ``lines`` lines of the failed container of the latest pod with output, failed pods first.

    A log that cannot be read, for example because its node is gone, counts as empty.
    """
    for pod in sorted(pods, key=_tail_order, reverse=True):
        try:
            data = b"".join(reader.log(pod, failed_container(pod), LogOptions(tail=lines)))
        except ExpanderError:
            continue
        if data.strip():
            text = data[-MAX_TAIL_BYTES * lines :].decode("utf-8", "replace")
            return text.rstrip("\n").split("\n")[-lines:]
    return []


def _tail_order(pod: Object) -> tuple[bool, str]:
    failed = (pod.get("status") or {}).get("phase") == "Failed"
    return failed, str(pod["metadata"].get("creationTimestamp"))


def log_tails(
    reader: Reader, jobs: Sequence[Object], pods: Mapping[str, Sequence[Object]], lines: int
) -> dict[str, list[str]]:
    """`last_lines` of each of ``jobs`` by uid; ``pods`` are theirs, by the Job's uid."""
    if lines <= 0 or not jobs:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    uids = [uid_of(job) for job in jobs]
    with ThreadPoolExecutor(PARALLEL_TAILS) as pool:
        found = pool.map(lambda uid: last_lines(reader, pods.get(uid, ()), lines), uids)
        return dict(zip(uids, found, strict=True))


def failed_container(pod: Object) -> str:
    """The container that failed last, or the main one."""
    ends = []
    for container in statuses_of(pod):
        end = (container.get("state") or {}).get("terminated")
        if end and end.get("exitCode"):
            ends.append((end.get("finishedAt") or "", container["name"]))
    return str(max(ends)[1]) if ends else main_container(pod)


class ContainerRun(NamedTuple):
    """One run of a container, which has one log; ``title`` is its name for people, ``item`` its item's."""

    title: str
    pod: Object
    container: str
    previous: bool
    restarts: int
    item: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies the run."""
        return uid_of(self.pod), self.container, self.restarts


@dataclass(frozen=True, slots=True)
class LogSelection:
    """Which logs to read, and which part of each.

    ``names`` are keys, items, Jobs, ``NAME/INDEX`` or pods, or globs of these (none: all), see `decide`;
    ``failed`` only items that have failed; ``containers`` by name (none: all); ``options`` say which part.
    """

    names: tuple[str, ...] = ()
    failed: bool = False
    containers: tuple[str, ...] = ()
    options: LogOptions = WHOLE_LOG
    _named: list[NameSelection] = field(default_factory=list, repr=False)
    _seen_containers: set[str] = field(default_factory=set, repr=False)

    def decide(self, jobs: Iterable[Object]) -> None:
        """Decide what each name means in a group with these Jobs, as `NameSelection` does."""
        self._selection.decide(names_of(jobs))

    def starts(self, record: ItemRecord) -> Iterator[ContainerRun]:
        """The selected logs of an item that exist: attempts in order, init containers first."""
        whole = not self.names or self._selection.matches(record.names)
        if self.failed and record.state != FAILED:
            return
        for number, attempt in enumerate(record.attempts, record.earlier + 1):
            if not whole and not self._selection.matches(ItemNames((), (), (attempt.name,))):
                continue
            name = record.label if number == 1 else f"{record.label} #{number}"
            statuses = list(statuses_of(attempt.pod))
            if self.containers:
                self._seen_containers.update(container_names(attempt.pod))
            for status in statuses:
                container, restarts = status["name"], int(status.get("restartCount") or 0)
                if self.containers and container not in self.containers:
                    continue
                if restarts if self.options.previous else start_count(status):
                    title = name if len(statuses) == 1 else f"{name} {container}"
                    previous = self.options.previous
                    yield ContainerRun(title, attempt.pod, container, previous, restarts, record.label)

    @property
    def _selection(self) -> NameSelection:
        """The names, made once: it remembers what has matched."""
        if not self._named:
            self._named.append(NameSelection(self.names))
        return self._named[0]

    def read(self, reader: Reader, start: ContainerRun, *, follow: bool = False) -> Iterator[bytes]:
        """The selected part of a log, in pieces of any size."""
        options = replace(self.options, previous=start.previous, follow=follow and not start.previous)
        return (piece for piece in reader.log(start.pod, start.container, options) if piece)

    @property
    def unknown(self) -> list[str]:
        """The names that have matched nothing so far."""
        return self._selection.unknown

    @property
    def unknown_containers(self) -> list[str]:
        """The selected containers that none of the pods has; empty when there was no pod."""
        seen = self._seen_containers
        return [name for name in self.containers if name not in seen] if seen else []

    @property
    def known_containers(self) -> list[str]:
        """The containers of the pods that were looked at."""
        return sorted(self._seen_containers)


class LogFiles:
    """Writes the logs of items into ``folder``, each file atomically.

    A context manager; entering raises OutputError when the folder cannot be created or another process writes
    logs into it. Existing files are replaced. If an item has several pods or containers, each log is preceded
    by a line ``==> POD CONTAINER <==``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, str] = {}
        self._made: set[Path] = set()

    def __enter__(self) -> LogFiles:
        self._is_new = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise output_error("write logs into", str(self.folder), error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OutputError(f"another process is writing logs into {self.folder}") from None
        remove_partial_files(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_new and os.listdir(self.folder) == [LOCK_FILE]:  # nothing was written
            os.unlink(self.folder / LOCK_FILE)
            self.folder.rmdir()
        os.close(self._lock)

    def path_of(self, record: ItemRecord) -> Path:
        """The file for the logs of an item; of two Jobs with the same item the second gets a hash.

        Raises OutputError when the folder for the indexes of a Job cannot be created. Not thread-safe.
        """
        job = f"{record.namespace}/{record.job}"
        if record.index is not None and not record.is_part:
            job = f"{job}/{record.index}"
        name = file_name(record.key or record.job)
        if self._names.setdefault(name.casefold(), job) != job:  # not every file system tells capitals apart
            name = file_name(f"{name[:150]}-{digest(job)}")
        if not record.is_part:
            return self.folder / f"{name}.log"
        folder = self.folder / name
        if folder not in self._made:
            self._made.add(folder)
            try:
                folder.mkdir(exist_ok=True)
                remove_partial_files(folder)
            except OSError as error:
                raise output_error("write logs into", str(folder), error) from error
        return folder / f"{record.index}.log"

    def write(self, path: Path, starts: list[ContainerRun], wanted: LogSelection, reader: Reader) -> int:
        """Write the logs of one item; returns the number of bytes."""
        return write_atomically(path, _item_log(starts, wanted, reader))


def _item_log(starts: list[ContainerRun], wanted: LogSelection, reader: Reader) -> Iterator[bytes]:
    if len(starts) == 1:
        yield from wanted.read(reader, starts[0])
        return
    end = b"\n"
    for start in starts:
        head = f"==> {start.pod['metadata']['name']} {start.container} <==\n".encode()
        yield head if end == b"\n" else b"\n" + head
        end = b"\n"
        for piece in wanted.read(reader, start):
            yield piece
            end = piece[-1:]


class LogFollower:
    """Calls ``begin`` with each log that exists or appears. ``error`` says why it ended early, if it did.

    Its thread hears of Jobs and pods. It is over when every Job has ended and all logs have been begun.
    """

    def __init__(self, reader: Reader, wanted: LogSelection, begin: Callable[[ContainerRun], None]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._begin = begin
        self._jobs: dict[str, Object] = {}
        self._open: set[str] = set()
        self._told: dict[str, list[Object]] = {}
        """Pods whose parts are not looked up yet, by the uid of their Job, which may not be known."""
        self._pods: dict[str, dict[int, dict[str, Object]]] = {}
        self._news: set[tuple[str, int]] = set()
        """Items with changes: a Job's uid, and an index or -1."""
        self._begun: set[tuple[str, str, int]] = set()
        self._decided = not wanted.names
        """Whether all Jobs that there are were told, and so what names mean is decided."""
        self._stopped = threading.Event()
        self.over = threading.Event()
        self.error: BaseException | None = None

    @property
    def empty(self) -> bool:
        """Whether there was no Job at all."""
        return not self._jobs

    def start(self) -> None:
        """Start following in a daemon thread."""
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Begin no further logs."""
        self._stopped.set()

    def _work(self) -> None:
        try:
            looked = time.monotonic()
            for change in self._reader.changes(self._stopped.is_set):
                if change is not None:
                    self._see(change)
                elif not self._decided:
                    self._wanted.decide(self._jobs.values())
                    self._decided = True
                if self._decided and (change is None or time.monotonic() - looked > MAX_BATCH_SECONDS):
                    self._look_at_news()
                    looked = time.monotonic()
                if change is None and not self._open and self._is_over():
                    break
        except BaseException as error:  # raised by whoever checks `over`
            self.error = error
        finally:
            self.over.set()

    def _see(self, change: Change) -> None:
        uid = uid_of(change.object)
        if change.object.get("kind") == "Pod":
            if change.type != "DELETED":
                self._keep(change.object)
            return
        over = change.type == "DELETED" or has_ended(change.object)
        (self._open.discard if over else self._open.add)(uid)
        if change.type == "DELETED":
            return
        if uid not in self._jobs and self._decided:
            self._wanted.decide([change.object])
        news = uid not in self._jobs or self._wanted.failed
        self._jobs[uid] = change.object
        if news:
            self._news.update((uid, index) for index in self._pods.get(uid, ()))

    def _keep(self, pod: Object) -> None:
        """Store the current state of a pod."""
        for uid in workload_uids(pod):
            self._told.setdefault(uid, []).append(pod)

    def _look_at_news(self) -> None:
        """Begin the new logs of items whose Job is known."""
        for uid in self._told.keys() & self._jobs.keys():
            number = part_number(self._jobs[uid])
            for pod in self._told.pop(uid):
                self._pods.setdefault(uid, {}).setdefault(number(pod), {})[uid_of(pod)] = pod
                self._news.add((uid, number(pod)))
        for uid, index in sorted(self._news):
            record = index_record(self._jobs[uid], list(self._pods[uid][index].values()), index)
            for start in self._wanted.starts(record):
                if start.key not in self._begun:
                    self._begun.add(start.key)
                    self._begin(start)
        self._news.clear()

    def _is_over(self) -> bool:
        """Whether no Job is unfinished; if so, the logs that the pods have now are begun as well."""
        jobs = list(self._reader.jobs())
        if not all(map(has_ended, jobs)):
            return False
        self._jobs.update((uid_of(job), job) for job in jobs)
        for pod in self._reader.pods(jobs):
            self._keep(pod)
        self._look_at_news()
        return True


def logs_in_order(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[T],
    read: Callable[[ContainerRun, bool], Iterator[T]],
) -> Generator[T | ExpanderError, None, bool]:
    """Log after log, in the order of items; at last whether there was a Job.

    ``read`` gives the pieces of a log, and is told whether there are several logs.
    """
    jobs = sorted(source.jobs(), key=job_order)
    wanted.decide(jobs)
    starts = (start for record in all_records(jobs, source.pods(jobs)) for start in wanted.starts(record))
    first = list(islice(starts, 2))
    several = len(first) > 1
    yield from readers.in_order(partial(read, start, several) for start in chain(first, starts))
    return bool(jobs)


def followed_logs(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[T],
    read: Callable[[ContainerRun], Iterator[T]],
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[T | ExpanderError | None, None, bool]:
    """All logs at a time, as their pieces come, until all Jobs have ended; at last whether there was a Job.

    None says that nothing has come for a moment.
    """
    queue: Queue[Chunk[T]] = Queue(256)
    following = LogFollower(source, wanted, lambda start: readers.begin(partial(read, start), queue))
    following.start()
    try:
        while not (stopped() or (following.over.is_set() and readers.idle and queue.empty())):
            said = next_chunk(queue, IDLE_SECONDS)
            if said is not None:
                yield said
            if queue.empty():
                yield None
    finally:
        following.stop()
    if isinstance(following.error, ExpanderError):
        yield following.error
    elif following.error is not None:
        raise following.error
    return not following.empty
