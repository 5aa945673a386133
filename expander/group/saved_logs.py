"""The logs of Jobs that are replaced, kept by attempt.

``<folder>/<namespace>/<job>/attempt-<n>/`` keeps the old Job with its status as ``job.json``, its pods as
``pods.json``, and each log that can still be read as ``<pod>_<container>.log``
(``<pod>_<container>_previous.log``). Those of the Jobs of another item, whose name a Job took, are set aside
as ``attempt-<n>-<uid>``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ClusterError, ExpanderError, OutputError
from expander.kube.objects import Object, statuses_of, uid_of
from expander.manifests.names import file_name
from expander.manifests.rerun import attempt_of
from expander.manifests.rerun_choice import whose_else

if TYPE_CHECKING:
    from expander.group.open import AnySource
    from expander.group.retry.plan import RetryCandidate
    from expander.group.source import Reader

JOBS_PER_POD_QUERY: Final = 200
"""Jobs per request for their pods."""

JOB_FILE: Final = "job.json"
PODS_FILE: Final = "pods.json"

LOGS_FOLDER: Final = "logs"
"""The folder of saved logs, within that of a group's retries."""


def save_logs(
    reader: Reader, jobs: Sequence[RetryCandidate], folder: Path, threads: int
) -> Iterator[tuple[RetryCandidate, str | None]]:
    """Save the logs of each Job that is replaced; yields it with None, or with why that failed.

    A candidate that replaces no Job has nothing to save. Raises OutputError for an unwritable folder.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    from expander.group.attempts import pods_by_job

    yield from ((candidate, None) for candidate in jobs if not candidate.replaces)
    old = [candidate for candidate in jobs if candidate.replaces]
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(old), JOBS_PER_POD_QUERY):
            part = old[at : at + JOBS_PER_POD_QUERY]
            pods = pods_by_job(reader.pods([candidate.source for candidate in part]))
            asked = {
                pool.submit(
                    _save, reader, candidate.source, pods.get(uid_of(candidate.source), []), folder
                ): candidate
                for candidate in part
            }
            for answered in as_completed(asked):
                yield asked[answered], answered.result()


class EarlierLogs:
    """Saves the logs of Jobs of a local group before they are made anew, where `retry` saves them.

    Called with a Job. Raises OutputError when a log cannot be written.
    """

    def __init__(self, group: str, state: str | None) -> None:
        self._group = group
        self._state = state
        self._opened: tuple[Reader, Path] | None = None

    def __call__(self, job: Object) -> None:
        if self._opened is None:
            self._opened = _open(self._group, local=True, state=self._state)
        reader, folder = self._opened
        if (why := _save(reader, job, [*reader.pods([job])], folder)) is not None:
            raise OutputError(f"cannot save logs of job/{job['metadata']['name']}: {why}")

    @property
    def folder(self) -> Path | None:
        """Where logs were saved; None when there were none."""
        return None if self._opened is None else self._opened[1]


class SubmittedLogs:
    """Saves the logs of Jobs of a cluster before `submit` makes them anew, where `retry` saves them.

    Called with a Job, from any thread; ``say`` gets a line when its logs cannot be read any more. Raises
    OutputError when a log cannot be written.
    """

    def __init__(
        self, kubeconfig: str | None, context: str | None, group_label: str, say: Callable[[str], None]
    ) -> None:
        self._cluster = {"kubeconfig": kubeconfig, "context": context, "group_label": group_label}
        self._group_label = group_label
        self._say = say
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, str], tuple[AnySource, Path]] = {}

    def __call__(self, job: Object) -> None:
        metadata = job["metadata"]
        key = metadata["namespace"], metadata["labels"][self._group_label]
        with self._lock:
            if key not in self._opened:
                self._opened[key] = _open(key[1], namespace=key[0], **self._cluster)
        reader, folder = self._opened[key]
        try:
            why = _save(reader, job, [*reader.pods([job])], folder)
        except ClusterError as error:
            why = str(error)
        if why is not None:
            self._say(f"warning: cannot save logs of job/{metadata['name']}: {why}")

    @property
    def folders(self) -> list[Path]:
        """Where logs were saved."""
        return sorted({folder for _, folder in self._opened.values() if folder.exists()})

    def close(self) -> None:
        """Close the connections to the cluster; for a program that goes on."""
        for source, _ in self._opened.values():
            source.close()


def attempt_folder(folder: Path, job: Object) -> Path:
    """The folder for the saved logs of ``job``."""
    metadata = job["metadata"]
    return attempt_path(folder, str(metadata["namespace"]), str(metadata["name"]), attempt_of(job))


def attempt_path(folder: Path, namespace: str, name: str, attempt: int) -> Path:
    """The folder for what is saved of an attempt of a Job."""
    return folder.joinpath(file_name(namespace), file_name(name), f"attempt-{attempt}")


def _open(group: str, **place: Any) -> tuple[AnySource, Path]:
    """The source of a group, by fields of `GroupSelector`, and the folder of its saved logs."""
    from expander.group.bookkeeping import retry_folder  # few have logs to save
    from expander.group.open import GroupSelector, open_source

    selector = GroupSelector(group, **place)
    source = open_source(selector, collected=False)
    return source, retry_folder(source, selector) / LOGS_FOLDER


def _save(reader: Reader, job: Object, pods: Sequence[Object], folder: Path) -> str | None:
    place = attempt_folder(folder, job)
    try:
        _set_aside(place.parent, job)
        place.mkdir(parents=True, exist_ok=True)
        (place / JOB_FILE).write_text(json.dumps(job, ensure_ascii=False, indent=1) + "\n")
        (place / PODS_FILE).write_text(json.dumps([*pods], ensure_ascii=False, indent=1) + "\n")
        for pod in pods:
            for name, restarts in _containers(pod):
                _copy(reader, pod, name, False, place)
                if restarts:
                    _copy(reader, pod, name, True, place)
    except OSError as error:
        raise OutputError(f"cannot save logs in {place}: {error.strerror}") from error
    except ExpanderError as error:
        return str(error)
    return None


def _set_aside(folder: Path, job: Object) -> None:
    """Rename what ``folder`` has of the Jobs of other items, since the attempts of ``job`` count from one."""
    for place in [*folder.glob("attempt-*")]:
        there = read_saved(place / JOB_FILE) if place.name.count("-") == 1 else None
        if there is not None and whose_else(there["metadata"], job["metadata"], None) is not None:
            place.rename(f"{place}-{uid_of(there)}")


def read_saved(path: Path) -> Any:
    """What a file of saved logs says; None for one that is damaged, or not there."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _containers(pod: Object) -> Iterator[tuple[str, int]]:
    """The containers of a pod that have started, with their number of restarts."""
    for each in statuses_of(pod):
        state = each.get("state") or {}
        if "running" in state or "terminated" in state or each.get("restartCount"):
            yield each["name"], int(each.get("restartCount") or 0)


def _copy(reader: Reader, pod: Object, container: str, previous: bool, place: Path) -> None:
    from expander.group.source import LogOptions

    name = f"{pod['metadata']['name']}_{container}{'_previous' if previous else ''}"
    with open(place / f"{file_name(name)}.log", "wb") as file:
        for piece in reader.log(pod, container, LogOptions(previous=previous)):
            file.write(piece)
