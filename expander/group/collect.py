"""Collect the results of finished Jobs while a batch is submitted, then delete the Jobs.

A Job is deleted only after its results and the journal entry saying so are on disk. If the process dies
before that, the next one finds the Job in the cluster and collects it again.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from expander.base.errors import ClusterError, ExpanderError
from expander.base.text import MAX_ERRORS, counted
from expander.client.client import ApiClient
from expander.client.transport import Transport
from expander.group.cluster.source import ClusterSource
from expander.group.collected import record_entry
from expander.group.job_status import job_status
from expander.group.results import collect_job, write_tables
from expander.kube.objects import Object, Selection
from expander.kube.workloads import FAILED
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.sinks.stream import output_error
from expander.submit.finished import FinishedJobs, job_path

COLLECTOR_THREADS: Final = 4

MAX_WAITING_JOBS: Final = 200
"""Finished Jobs that may wait for collection before no further Jobs are submitted."""


class ClusterCollector:
    """Collects and deletes Jobs in threads of its own.

    ``fail`` receives the error after which nothing can be collected: a full disk, no permission to delete.
    ``say`` receives a line for each of the first Jobs that failed, and that stay in the cluster because their
    output cannot be read; ``wake`` is called after each Job.
    """

    def __init__(
        self,
        transport: Transport,
        api: ApiClient,
        folder: Path,
        record: FinishedJobs | None,
        *,
        fail: Callable[[ExpanderError], None],
        say: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.collected = 0
        self.failed = 0
        """How many of the collected Jobs had failed."""
        self.left = 0
        self._transport = transport
        self._sources: dict[str, ClusterSource] = {}
        self._api = api
        self._record = record
        self._fail = fail
        self._say = say
        self._wake = wake
        self._jobs: deque[Object] = deque()
        self._uids: set[str] = set()
        self._lock = threading.Condition()
        self._over = False
        for _ in range(COLLECTOR_THREADS):
            threading.Thread(target=self._work, daemon=True).start()

    @property
    def waiting(self) -> int:
        """Jobs waiting for collection or being collected."""
        return len(self._uids)

    @property
    def is_behind(self) -> bool:
        """Whether too many Jobs wait."""
        return len(self._uids) >= MAX_WAITING_JOBS

    def finished(self, job: Object) -> None:
        """Take a finished Job; one that was not submitted by expander, or is known, is ignored."""
        metadata = job["metadata"]
        if DIGEST_ANNOTATION not in (metadata.get("annotations") or {}) or "deletionTimestamp" in metadata:
            return
        with self._lock:
            if metadata["uid"] not in self._uids:
                self._uids.add(metadata["uid"])
                kinded = {"apiVersion": "batch/v1", "kind": "Job", **job}  # lists leave them out
                self._jobs.append(kinded)
                self._lock.notify()

    def stop(self) -> None:
        """Start no other Job, wait for those being collected, and write the tables."""
        with self._lock:
            self._over = True
            self._uids.difference_update(job["metadata"]["uid"] for job in self._jobs)
            self._jobs.clear()
            self._lock.notify_all()
            while self._uids:
                self._lock.wait(1.0)
        if self.collected:
            write_tables(self.folder)
        if self.failed > MAX_ERRORS:
            self._say(f"{counted(self.failed - MAX_ERRORS, 'more Job')} failed")

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._jobs and not self._over:
                    self._lock.wait()
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            try:
                self._finish(job)
            except ClusterError as error:
                self._leave(job, str(error))
            except ExpanderError as error:
                self._fail(error)
            except Exception as error:  # an object that no server keeps
                self._leave(job, repr(error))
            finally:
                with self._lock:
                    self._uids.discard(job["metadata"]["uid"])
                    self._lock.notify_all()
                self._wake()

    def _leave(self, job: Object, why: str) -> None:
        with self._lock:
            self.left += 1
            named = self.left <= MAX_ERRORS
        if named:
            self._say(f"warning: job.batch/{job['metadata']['name']} stays in the cluster: {why}")

    def _finish(self, job: Object) -> None:
        metadata = job["metadata"]
        namespace = metadata["namespace"]
        source = self._sources.get(namespace)
        if source is None:
            source = self._sources[namespace] = ClusterSource(self._transport, Selection(namespace, ""))
        pods = list(source.pods([job]))
        found = collect_job(job, pods, source, self.folder)
        fsync_folders({self.folder / row["folder"] for row in found.rows}, self.folder)
        if self._record is not None:
            self._record.add(job, record_entry(job, pods, found.rows, self.folder))
        self._api.delete(job_path(job), job)  # unless somebody else was quicker
        status = job_status(job, pods, {})
        with self._lock:
            self.collected += 1
            self.failed += status.state == FAILED
            named = status.state == FAILED and self.failed <= MAX_ERRORS
        if named:
            item = f" (item {status.outcome.item!r})" if status.outcome.item else ""
            self._say(f"failed: job.batch/{metadata['name']}{item}: {status.summary or FAILED}")


def fsync_folders(folders: set[Path], above: Path) -> None:
    """Fsync the files in ``folders`` and those folders' entries in ``above``.

    Raises OutputError when the system refuses.
    """
    for folder in folders:
        try:
            for path in [*(Path(entry) for entry in os.scandir(folder) if entry.is_file()), folder, above]:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise output_error("write", str(folder), error) from error
