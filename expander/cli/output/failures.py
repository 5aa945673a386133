"""Tells failures when they happen: item, Job, reason, and what the container said last."""

from __future__ import annotations

import os
import time
from bisect import insort
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from expander.base.regex import regex
from expander.base.text import MAX_ERRORS, MAX_NAMED, FirstFew
from expander.cli.output.pod_logs import key_of
from expander.cli.output.printer import Printer
from expander.cli.output.streams import say
from expander.cli.output.table import MAX_CELL_WIDTH, fit, one_line
from expander.cli.output.titles import part_of, short_title
from expander.group.diagnosis import last_failure
from expander.group.job_status import job_status
from expander.group.names import job_order
from expander.kube.objects import Object, completion_index, uid_of
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output
from expander.manifests.edits import KEY_ANNOTATION
from expander.manifests.rerun import RETRY_OF_ANNOTATION, failed_indexes, indexes, is_chunk, retried_index
from expander.run.chunk_log import item_ends, item_name
from expander.run.item_counts import end_of_last
from expander.run.lines import last_written
from expander.run.outcomes import log_files

QUIET_LINES: Final = 5
"""Last lines that are shown where the output was not printed; else one."""

MAX_TAIL_BYTES: Final = 4096
"""Bytes of a failed container's output that are looked at for them."""

MAX_TAIL_COLUMNS: Final = 200

ATTEMPT_SECONDS: Final = 1.0
"""Seconds after which a failed pod is told if its Job has not failed with it."""


READ_ONLY: Final = "Read-only file system"
"""What programs say that write outside the volumes of their pod (EROFS)."""

MISSING: Final = "No such file or directory"
"""What programs say of a file that they do not find (ENOENT)."""

VOLUME: Final = "a volume: a hostPath, or a claim with --claim NAME=DIR"

_BETWEEN_PATHS: Final = regex(r"[\s:'\"`‘’]+")


class Failures:
    """Counts the failed Jobs of a run and prints the first `MAX_ERRORS` of them, and as many failed attempts.

    ``find`` gives a Job by namespace and name; ``quiet``: the output of containers is not printed.
    """

    def __init__(
        self, state: Path, find: Callable[[str, str], Object | None], printer: Printer, *, quiet: bool
    ) -> None:
        self._folders = PodFolders(state)
        self._find = find
        self._printer = printer
        self._lines = QUIET_LINES if quiet else 1
        self._pods: dict[str, tuple[float, Object]] = {}
        self._told = 0
        self._again, self._not_again = FirstFew(), FirstFew()
        self._count = self._kept = 0
        self._has_output = False
        self._hints: set[str] = set()
        self._named: list[tuple[tuple[Any, ...], str]] = []
        """The first of them in the order of items: their order, and what they are called."""

    def pod(self, pod: Object) -> None:
        """A pod has failed: it is told soon, unless its Job fails with it."""
        if self._told + len(self._pods) < MAX_ERRORS:
            self._pods[uid_of(pod)] = time.monotonic(), pod

    def retried(self, job: Object, line: str) -> None:
        """The item of ``job`` is tried again by it, as ``line`` says: that tells of its failed pods too."""
        metadata, index = job["metadata"], retried_index(job)
        name = metadata["name"] if index is None else metadata["annotations"][RETRY_OF_ANNOTATION]
        key = metadata.get("namespace") or "default", name
        pods = [
            pod
            for _, pod in self._pods.values()
            if key_of(pod) == key and (index is None or completion_index(pod) == index)
        ]
        for pod in pods:
            del self._pods[uid_of(pod)]
        if self._again.take():
            self._printer.do(partial(self._tell, [line], pods))

    def not_retried(self, title: str, why: str) -> None:
        """The item of a Job is not tried again although it failed."""
        if self._not_again.take():
            self._printer.say(f"no retry: {title}: {why}")

    def tell_more(self) -> None:
        """Say how many items were tried again, or not, that were not named."""
        for words, alike in (("retry", self._again), ("no retry", self._not_again)):
            if alike.more:
                self._printer.say(f"{words}: {alike.more:,} more likewise")

    def job(self, job: Object, pods: Sequence[Object]) -> Callable[[], None] | None:
        """A Job has failed; gives what tells it, None when too many were told."""
        for pod in pods:
            self._pods.pop(uid_of(pod), None)
        before = self._count - self._kept
        if not (told := self._parts(job, pods)):
            self._add(job, short_title(job))
            told = [partial(self._tell, ["failed", *_whole(job, pods)], pods)]
        first = told[: max(0, MAX_ERRORS - before)]
        return partial(_each, first) if first else None

    def kept(self, job: Object, pods: Sequence[Object]) -> None:
        """A Job had failed in an earlier run, which told it: the summary names it too."""
        before = self._count
        if not self._parts(job, pods):
            self._add(job, short_title(job))
        self._kept += self._count - before
        if not self.have_logs:
            self._has_output = bool(self._last_lines(pods))

    def _add(self, job: Object, title: str, index: int = -1) -> None:
        self._count += 1
        insort(self._named, ((*job_order(job), index), title))
        del self._named[MAX_NAMED:]

    def _parts(self, job: Object, pods: Sequence[Object]) -> list[Callable[[], None]]:
        """What tells each failed item of a Job of several; nothing for one that failed as a whole."""
        name = job["metadata"]["name"]
        found: list[Callable[[], None]] = []
        if is_chunk(job):
            columns = job["metadata"]["annotations"].get(KEY_ANNOTATION, "")
            for end in item_ends(end_of_last([*log_files(self._folders, pods)])):
                if not end.exit_code:
                    continue
                title = fit(one_line(item_name(end.label, columns)), MAX_CELL_WIDTH)
                self._add(job, title, end.place)
                words = ["failed", f"{title} (Job {name})", f"exit code {end.exit_code}"]
                found.append(partial(self._tell, words, ()))
            return found
        spec = job.get("spec") or {}
        if spec.get("completionMode") != "Indexed":
            return []
        by_index: dict[int, list[Object]] = {}
        for pod in pods:
            by_index.setdefault(completion_index(pod), []).append(pod)
        for index in sorted(indexes(failed_indexes(job), spec.get("completions") or 0)):
            own, title = by_index.get(index, []), short_title(job, index)
            self._add(job, title, index)
            why = last_failure(own) or ("FailedIndex", "")
            who = f"{title} (Job {name}, index {index})"
            found.append(partial(self._tell, ["failed", who, *why], own))
        return found

    def tick(self, *, over: bool = False) -> None:
        """Tell the pods that failed some time ago, or (``over``) all of them."""
        for uid, (at, pod) in list(self._pods.items()):
            if not over and time.monotonic() - at < ATTEMPT_SECONDS:
                return
            del self._pods[uid]
            self._told += 1
            job = self._find(*key_of(pod))
            title = short_title(pod) if job is None else short_title(job, part_of(job, pod))
            why = last_failure([pod]) or (pod["status"].get("reason", ""), pod["status"].get("message", ""))
            self._printer.do(partial(self._tell, ["failed attempt", title, *why], [pod]))

    @property
    def names(self) -> str:
        """The first failed items, for the summary; empty when nothing has failed."""
        more = self._count - len(self._named)
        titles = [title for _, title in self._named]
        text = ("; " if "," in "".join(titles) else ", ").join(titles)
        return text + (f" and {more:,} more" if more else "")

    @property
    def have_logs(self) -> bool:
        """Whether what failed has written something, or may have."""
        return self._has_output or self._count > MAX_ERRORS

    def _tell(self, words: Sequence[str], pods: Sequence[Object]) -> None:
        """Print a failure; in the thread that prints, when the output of the container was printed."""
        say(one_line(": ".join(dict.fromkeys(filter(None, words)))))
        lines = self._last_lines(pods)
        self._has_output = self._has_output or bool(lines) or not pods
        if self._lines == 1:
            lines = [f"last line: {line}" for line in lines]
        for line in lines:
            say(f"  {fit(one_line(line), MAX_TAIL_COLUMNS)}")
        hint = volume_hint(lines[-1]) if lines else ""
        if hint and hint not in self._hints:
            self._hints.add(hint)
            say(f"  hint: {hint}")

    def _last_lines(self, pods: Sequence[Object]) -> list[str]:
        """The last lines of the container that failed, of the latest pod with output."""
        from expander.group.logs import failed_container  # a run without failures does without

        for pod in reversed(pods):
            try:
                path = self._folders.log_of(pod, failed_container(pod), previous=False)
            except (KeyError, OSError):
                continue
            text = last_written(last_output(path, MAX_TAIL_BYTES)).decode("utf-8", "replace")
            if text.strip():
                return text.rstrip("\n").split("\n")[-self._lines :]
        return []


def volume_hint(line: str) -> str:
    """What would help a program that last said ``line``, if it lacks a volume; else empty.

    A file that it does not find is certain to lack one where this machine has it.
    """
    if READ_ONLY in line:
        return f"files are written to {VOLUME}"
    program, *paths = _BETWEEN_PATHS.split(line.replace(MISSING, "")) if MISSING in line else [""]
    if any(path and path != program and os.path.exists(path) for path in paths):
        return f"files are read from {VOLUME}"
    return ""


def _whole(job: Object, pods: Sequence[Object]) -> list[str]:
    """Which Job has failed, and why, as a whole."""
    status, title, name = job_status(job, pods, {}), short_title(job), job["metadata"]["name"]
    message = "" if status.cause and status.reason == "BackoffLimitExceeded" else status.message
    who = title if title == name else f"{title} (Job {name})"
    return [who, status.explanation, message, status.detail]


def _each(told: Sequence[Callable[[], None]]) -> None:
    for tell in told:
        tell()
