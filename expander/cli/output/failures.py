"""Tells failures when they happen: item, Job, reason, and what the container said last."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from expander.cli.output.pod_logs import Key, key_of
from expander.cli.output.printer import Printer
from expander.cli.output.streams import MAX_ERRORS, say
from expander.cli.output.table import fit, one_line
from expander.cli.output.titles import part_of, short_title
from expander.group.diagnosis import last_failure
from expander.group.job_status import job_status
from expander.group.logs import failed_container
from expander.group.names import job_order
from expander.kube.objects import Object, uid_of
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output
from expander.run.lines import last_written

QUIET_LINES: Final = 5
"""Last lines that are shown where the output was not printed; else one."""

MAX_TAIL_BYTES: Final = 4096
"""Bytes of a failed container's output that are looked at for them."""

MAX_TAIL_COLUMNS: Final = 200

MAX_NAMED: Final = 5
"""Failed items that the summary names."""

ATTEMPT_SECONDS: Final = 1.0
"""Seconds after which a failed pod is told if its Job has not failed with it."""


READ_ONLY: Final = "Read-only file system"
"""What programs say that write outside the volumes of their pod (EROFS)."""

VOLUME_HINT: Final = "files are written to a volume: a hostPath, or a claim with --claim NAME=DIR"


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
        self._count = 0
        self._named: list[tuple[tuple[Any, ...], str]] = []
        """The first of them in the order of items: their order, and what they are called."""

    def pod(self, pod: Object) -> None:
        """A pod has failed: it is told soon, unless its Job fails with it."""
        if self._told + len(self._pods) < MAX_ERRORS:
            self._pods[uid_of(pod)] = time.monotonic(), pod

    def retried(self, key: Key, line: str) -> None:
        """The Job is tried again, as ``line`` says: that tells of its failed pods too."""
        pods = [pod for _, pod in self._pods.values() if key_of(pod) == key]
        for pod in pods:
            del self._pods[uid_of(pod)]
        self._printer.do(partial(self._tell, [line], pods))

    def job(self, job: Object, pods: Sequence[Object]) -> Callable[[], None] | None:
        """A Job has failed; gives what tells it, None when too many were told."""
        for pod in pods:
            self._pods.pop(uid_of(pod), None)
        self._count += 1
        title, name = short_title(job), job["metadata"]["name"]
        insort(self._named, (job_order(job), title))
        del self._named[MAX_NAMED:]
        if self._count > MAX_ERRORS:
            return None
        status = job_status(job, pods, {})
        who = title if title == name else f"{title} (Job {name})"
        message = "" if status.cause and status.reason == "BackoffLimitExceeded" else status.message
        why = [status.explanation, message, status.detail]
        return partial(self._tell, ["failed", who, *why], pods)

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

    def _tell(self, words: Sequence[str], pods: Sequence[Object]) -> None:
        """Print a failure; in the thread that prints, when the output of the container was printed."""
        say(one_line(": ".join(dict.fromkeys(filter(None, words)))))
        lines = self._last_lines(pods)
        if self._lines == 1:
            lines = [f"last line: {line}" for line in lines]
        for line in lines:
            say(f"  {fit(one_line(line), MAX_TAIL_COLUMNS)}")
        if lines and READ_ONLY in lines[-1]:
            say(f"  hint: {VOLUME_HINT}")

    def _last_lines(self, pods: Sequence[Object]) -> list[str]:
        """The last lines of the container that failed, of the latest pod with output."""
        for pod in reversed(pods):
            try:
                path = self._folders.log_of(pod, failed_container(pod), previous=False)
            except (KeyError, OSError):
                continue
            text = last_written(last_output(path, MAX_TAIL_BYTES)).decode("utf-8", "replace")
            if text.strip():
                return text.rstrip("\n").split("\n")[-self._lines :]
        return []
