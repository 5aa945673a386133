"""The Jobs of a group that were collected and deleted: recorded before the deletion, read like the cluster's.

An entry of the record (`submit.finished`) has the Job with its status, its pods, and the files that its logs
were collected into.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.client.transport import Transport
from expander.group.cluster.source import ClusterSource
from expander.group.source import WHOLE_LOG, LogOptions
from expander.group.table import Row
from expander.kube.objects import Change, Object, Selection, namespaced_name, uid_of
from expander.kube.selectors import parse
from expander.sinks.stream import output_error
from expander.submit.finished import append_finished, finished_lines

CHUNK_BYTES: Final = 1 << 16

SUBMISSIONS_FOLDER: Final = "submit"
"""The folder of submission journals, beside the state of groups."""


class CollectedJob(NamedTuple):
    """A Job that was deleted, its pods, and the file of each log by (pod name, container, previous).

    ``entry`` is that of the record.
    """

    entry: Mapping[str, Any]
    job: Object
    pods: list[Object]
    logs: Mapping[tuple[str, str, bool], Path]


def record_entry(job: Object, pods: Sequence[Object], rows: Iterable[Row], folder: Path) -> dict[str, Any]:
    """What the record keeps of a Job. ``rows`` are those of `collect_job`."""
    logs = [
        [file["pod"], file["container"], ".previous." in file["path"], f"{row['folder']}/{file['path']}"]
        for row in rows
        for file in row.get("files") or ()
        if "container" in file
    ]
    return {
        "job": _without_managed_fields(job),
        "pods": [_without_managed_fields(pod) for pod in pods],
        "folder": str(folder.absolute()),
        "logs": logs,
    }


def _without_managed_fields(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def read_record(path: Path) -> dict[tuple[str, str], CollectedJob]:
    """The collected Jobs by namespace and name; damaged lines are skipped, later lines win."""
    found: dict[tuple[str, str], CollectedJob] = {}
    for _, entry in finished_lines(path):
        if entry is not None and "job" in entry:
            with suppress(LookupError, TypeError, AttributeError):
                found[namespaced_name(entry["job"])] = _parsed(entry)
    return found


def _parsed(entry: Mapping[str, Any]) -> CollectedJob:
    folder = Path(entry["folder"])
    for obj in (entry["job"], *entry["pods"]):
        uid_of(obj)
    logs = {
        (pod, container, bool(previous)): folder / path for pod, container, previous, path in entry["logs"]
    }
    kept = {name: entry[name] for name in ("job", "pods", "folder", "logs")}
    return CollectedJob(kept, entry["job"], entry["pods"], logs)


class CollectedSource(ClusterSource):
    """A group in a cluster, with the collected Jobs that the cluster no longer has."""

    def __init__(self, transport: Transport, selection: Selection, record: Path) -> None:
        super().__init__(transport, selection)
        self._record = record
        selector = parse(selection.selector)
        self._collected = {
            key: one
            for key, one in read_record(record).items()
            if selection.namespace in (None, key[0]) and selector.matches(one.job["metadata"].get("labels"))
        }
        self._by_uid = {uid_of(one.job): one for one in self._collected.values()}
        self._by_pod = {uid_of(pod): one for one in self._collected.values() for pod in one.pods}

    def annotate(self, job: Object, annotations: Mapping[str, str]) -> None:
        """Set annotations of a collected Job in the record; does nothing for any other."""
        one = self._by_uid.get(uid_of(job))
        if one is not None:
            metadata = job["metadata"]
            both = {**(metadata.get("annotations") or {}), **annotations}
            entry = {**one.entry, "job": {**one.job, "metadata": {**metadata, "annotations": both}}}
            append_finished(self._record, entry)

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        present = {namespaced_name(job): job for job in super().jobs()}
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
        present = {namespaced_name(job) for job in super().jobs()}
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
