"""What a Job leaves when another takes its place: itself, and the logs of its pods, in a folder of their own.

``<folder>/<namespace>/<job>/attempt-<n>/`` holds ``job.json``, the Job with its status, and for each start of
a container that can still be read ``<pod>_<container>.log`` (``<pod>_<container>_previous.log``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from expander.base.errors import ExpanderError, OutputError
from expander.kube.objects import Object, owner_of, statuses_of, uid_of
from expander.manifests.rerun import attempt_of
from expander.pipeline.group.again import Again
from expander.pipeline.group.source import Reader

EARLIER_JOBS_AT_ONCE = 200
"""Jobs whose pods are asked for at a time."""


def save(
    reader: Reader, jobs: Sequence[Again], folder: Path, threads: int
) -> Iterator[tuple[Again, str | None]]:
    """Save what each Job that is to be replaced leaves; gives it with None, or with why that failed.

    A Job that replaces nothing has nothing to save. Raises OutputError when the folder cannot be written.
    """
    yield from ((again, None) for again in jobs if not again.replaces)
    old = [again for again in jobs if again.replaces]
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(old), EARLIER_JOBS_AT_ONCE):
            part = old[at : at + EARLIER_JOBS_AT_ONCE]
            pods: dict[str, list[Object]] = {}
            for pod in reader.pods([again.source for again in part]):
                pods.setdefault(owner_of(pod), []).append(pod)
            asked = {
                pool.submit(_save, reader, again.source, pods.get(uid_of(again.source), []), folder): again
                for again in part
            }
            for answered in as_completed(asked):
                yield asked[answered], answered.result()


def place_of(folder: Path, job: Object) -> Path:
    """Where the traces of ``job`` are."""
    metadata = job["metadata"]
    return folder / str(metadata["namespace"]) / str(metadata["name"]) / f"attempt-{attempt_of(job)}"


def _save(reader: Reader, job: Object, pods: Sequence[Object], folder: Path) -> str | None:
    place = place_of(folder, job)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "job.json").write_text(json.dumps(job, ensure_ascii=False, indent=1) + "\n")
        for pod in pods:
            for name, restarts in _containers(pod):
                _copy(reader, pod, name, False, place)
                if restarts:
                    _copy(reader, pod, name, True, place)
    except OSError as error:
        raise OutputError(f"the logs cannot be kept in {place}: {error.strerror}") from error
    except ExpanderError as error:
        return str(error)
    return None


def _containers(pod: Object) -> Iterator[tuple[str, int]]:
    """The containers of a pod that have begun, with the number of their restarts."""
    for each in statuses_of(pod):
        state = each.get("state") or {}
        if "running" in state or "terminated" in state or each.get("restartCount"):
            yield each["name"], int(each.get("restartCount") or 0)


def _copy(reader: Reader, pod: Object, container: str, previous: bool, place: Path) -> None:
    name = f"{pod['metadata']['name']}_{container}{'_previous' if previous else ''}.log"
    with open(place / name, "wb") as file:
        for piece in reader.log(pod, container, previous=previous):
            file.write(piece)
