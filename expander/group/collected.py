"""The Jobs of a group that were collected and deleted: recorded before the deletion, read like the cluster's.

``finished-<cluster>.jsonl`` beside the submission's journal has one line per Job: the Job with its status,
its pods, and the files its logs were collected into.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from expander.base.errors import OutputError
from expander.client.transport import Transport
from expander.group.cluster_source import RETRY_BUDGET_SECONDS, ClusterSource
from expander.group.source import WHOLE_LOG, LogOptions
from expander.group.table import Row
from expander.kube.objects import Change, Object, Selection, uid_of
from expander.kube.selectors import parse
from expander.sinks.stream import output_error

CHUNK_BYTES: Final = 1 << 16

SUBMISSIONS_FOLDER: Final = "submit"
"""The folder of submission journals, beside the state of groups."""


_writing = threading.Lock()


class CollectedJob(NamedTuple):
    """A Job that was deleted, its pods, and the file of each log by (pod name, container, previous)."""

    job: Object
    pods: list[Object]
    logs: Mapping[tuple[str, str, bool], Path]


def record_path(journal: Path) -> Path:
    """The record of collected Jobs that belongs to a journal."""
    return journal.with_name(journal.name.replace("submit-", "finished-", 1))


def record(path: Path, job: Object, pods: Sequence[Object], rows: Iterable[Row], folder: Path) -> None:
    """Append a Job to the record at ``path``; durable on return. ``rows`` are those of `collect_job`.

    Safe for threads: a line is one write. Raises OutputError when it cannot be written.
    """
    logs = [
        [file["pod"], file["container"], ".previous." in file["path"], f"{row['folder']}/{file['path']}"]
        for row in rows
        for file in row.get("files") or ()
        if "container" in file
    ]
    entry = {
        "job": _without_managed_fields(job),
        "pods": [_without_managed_fields(pod) for pod in pods],
        "folder": str(folder.absolute()),
        "logs": logs,
    }
    line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
    try:
        with _writing:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while line:
                    line = line[os.write(file, line) :]
                os.fsync(file)
            finally:
                os.close(file)
    except OSError as error:
        raise output_error("write", str(path), error) from error


def _without_managed_fields(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def read_record(path: Path) -> dict[tuple[str, str], CollectedJob]:
    """The collected Jobs by namespace and name; damaged lines are skipped, later lines win."""
    found: dict[tuple[str, str], CollectedJob] = {}
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    one = _parsed(json.loads(line))
                    metadata = one.job["metadata"]
                    found[metadata["namespace"], metadata["name"]] = one
                except (ValueError, LookupError, TypeError, AttributeError):
                    continue
    except FileNotFoundError:
        pass
    except OSError as error:
        raise output_error("read", str(path), error) from error
    return found


def _parsed(entry: Mapping[str, Any]) -> CollectedJob:
    folder = Path(entry["folder"])
    for obj in (entry["job"], *entry["pods"]):
        uid_of(obj)
    logs = {
        (pod, container, bool(previous)): folder / path for pod, container, previous, path in entry["logs"]
    }
    return CollectedJob(entry["job"], entry["pods"], logs)


def forget_collected(path: Path, gone: Callable[[str, str], bool]) -> None:
    """Drop the Jobs for which ``gone(namespace, name)`` from the record. Raises OutputError."""
    if not path.exists():
        return
    kept = []
    try:
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                metadata = json.loads(line)["job"]["metadata"]
                if not gone(metadata["namespace"], metadata["name"]):
                    kept.append(line)
            except (ValueError, KeyError, TypeError):
                continue
        if not kept:
            path.unlink()
            return
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(b"".join(kept))
        part.chmod(0o600)
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


class CollectedSource(ClusterSource):
    """A group in a cluster, with the collected Jobs that the cluster no longer has."""

    def __init__(
        self,
        transport: Transport,
        selection: Selection,
        collected: Mapping[tuple[str, str], CollectedJob],
        patience: float = RETRY_BUDGET_SECONDS,
    ) -> None:
        super().__init__(transport, selection, patience)
        selector = parse(selection.selector)
        self._collected = {
            key: one
            for key, one in collected.items()
            if selection.namespace in (None, key[0]) and selector.matches(one.job["metadata"].get("labels"))
        }
        self._by_uid = {uid_of(one.job): one for one in self._collected.values()}
        self._by_pod = {uid_of(pod): one for one in self._collected.values() for pod in one.pods}

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        present = {_key(job): job for job in super().jobs()}
        gone = {key: one.job for key, one in self._collected.items() if key not in present}
        both = present | gone
        return (both[key] for key in sorted(both))

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """See `Reader`."""
        jobs = list(self.jobs() if of is None else of)
        for job in jobs:
            if (one := self._by_uid.get(uid_of(job))) is not None:
                yield from one.pods
        rest = [job for job in jobs if uid_of(job) not in self._by_uid]
        if rest:
            yield from super().pods(None if of is None else rest)

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """See `Reader`."""
        present = {_key(job) for job in super().jobs()}
        for key, one in self._collected.items():
            if key not in present:
                yield Change("ADDED", one.job)
                yield from (Change("ADDED", pod) for pod in one.pods if pods)
        yield from super().changes(stopped, pods=pods)

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        """See `Reader`; of a collected pod the file, in which ``since`` and ``timestamps`` have no effect."""
        one = self._by_pod.get(uid_of(pod))
        if one is None:
            yield from super().log(pod, container, options)
            return
        path = one.logs.get((pod["metadata"]["name"], container, options.previous))
        if path is None:
            return
        try:
            with open(path, "rb") as file:
                if options.tail is not None:
                    yield from deque(file, options.tail)
                    return
                while data := file.read(CHUNK_BYTES):
                    yield data
        except FileNotFoundError:
            return
        except OSError as error:
            raise output_error("read", str(path), error) from error


def _key(job: Object) -> tuple[str, str]:
    return job["metadata"]["namespace"], job["metadata"]["name"]
