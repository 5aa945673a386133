"""The last lines that a failed item wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from expander.base.errors import ExpanderError
from expander.kube.objects import Object, statuses_of, uid_of
from expander.pipeline.group.attempts import main_container
from expander.pipeline.group.source import Reader

WORKERS: Final = 8
"""Logs that are read at a time."""

MAX_TAIL_BYTES: Final = 4096
"""Bytes of a log's end that are looked at for each line."""


def last_lines(reader: Reader, pods: Sequence[Object], lines: int) -> list[str]:
    """The last ``lines`` lines of the last of ``pods`` that wrote some, those that failed before others; of
    the container that failed.

    A log that cannot be read, as that of a node that is gone, has no lines.
    """
    for pod in sorted(pods, key=_weight, reverse=True):
        try:
            data = b"".join(reader.log(pod, failed_container(pod), tail=lines))
        except ExpanderError:
            continue
        if data.strip():
            text = data[-MAX_TAIL_BYTES * lines :].decode("utf-8", "replace")
            return text.rstrip("\n").split("\n")[-lines:]
    return []


def _weight(pod: Object) -> tuple[bool, str]:
    failed = (pod.get("status") or {}).get("phase") == "Failed"
    return failed, str(pod["metadata"].get("creationTimestamp"))


def tails(
    reader: Reader, jobs: Sequence[Object], pods: Mapping[str, Sequence[Object]], lines: int
) -> dict[str, list[str]]:
    """`last_lines` of each of ``jobs`` by uid; ``pods`` are theirs, by the Job's uid."""
    if lines <= 0 or not jobs:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    uids = [uid_of(job) for job in jobs]
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda uid: last_lines(reader, pods.get(uid, ()), lines), uids)
        return dict(zip(uids, found, strict=True))


def failed_container(pod: Object) -> str:
    """The container that ended badly last, or the main one."""
    ends = []
    for container in statuses_of(pod):
        end = (container.get("state") or {}).get("terminated")
        if end and end.get("exitCode"):
            ends.append((end.get("finishedAt") or "", container["name"]))
    return str(max(ends)[1]) if ends else main_container(pod)
