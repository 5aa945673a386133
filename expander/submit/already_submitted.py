"""What a cluster has of a batch already, or had: by the files of earlier runs, and by a list of the group."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from expander.base.errors import ClusterError
from expander.base.log import Log
from expander.base.text import counted
from expander.client.client import ApiClient
from expander.kube.object_check import kept_of_job, may_have_ended
from expander.kube.workloads import BY_TITLE, JOB
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import retried_indexes
from expander.manifests.rerun_choice import FAILED, SUCCEEDED, Rerun
from expander.submit.delivery import end_of
from expander.submit.finished import finished_items, record_path
from expander.submit.journal import Delivered, Journal, mark
from expander.submit.request import PreparedRequest

LIST_WAIT_SECONDS: Final = 10.0
"""How long items wait for a list that may tell of them; after that each is asked for."""

LIST_AFTER_MISSES: Final = 100
"""Items that exist and are not in the journal after which the journal is not trusted to be complete."""

log = Log("submit")


class _List(NamedTuple):
    """A list under way, and until when it is waited for (`time.monotonic`)."""

    thread: threading.Thread
    until: float


class AlreadySubmitted:
    """Items that exist with the same content, so that nothing is sent.

    ``journal`` is that of the group, if there is one. That of a run that is ``resumed`` misses only what was
    under way when its process ended, so it makes lists unnecessary until it turns out to miss more. With
    ``versions`` lists also give the resourceVersions that `version` tells, and where ``rerun`` needs them the
    ends of Jobs.

    ``is_forgetful`` says that the journal and the record of collected Jobs are damaged, so that an item which
    the cluster does not have may have been done. Safe for one thread, but for `add_finished`.
    """

    def __init__(
        self,
        api: ApiClient,
        group_label: str,
        say: Callable[[str], None],
        journal: Journal | None = None,
        *,
        resumed: bool = False,
        versions: bool = False,
        rerun: Rerun | None = None,
    ) -> None:
        self._api = api
        self._group_label = group_label
        self._say = say
        self.is_forgetful = False
        states = rerun in ("failed", "all")
        told = Delivered() if journal is None else self._told(journal, resumed and rerun is not None)
        self._noted = told.marks
        self._delivered = told.marks if resumed else set()
        self._created = told.created
        self._finished = told.finished
        self._replacing = told.replacing
        self._ends: dict[bytes, str] | None = {} if states else None
        self._existing: set[bytes] = set()
        self._failed: set[bytes] = set()
        self._versions: dict[str, str] | None = {} if versions else None
        self._resumed = resumed
        self._trusted = resumed and not told.damaged and not states
        self._lists: dict[tuple[str, str], _List] = {}
        self._unlisted: set[tuple[str, str]] = set()
        self._first: dict[tuple[str, str], bytes] = {}
        self._missed: Counter[tuple[str, str]] = Counter()

    def _told(self, journal: Journal, created: bool) -> Delivered:
        """What the journal and the record beside it say; either names every Job that was deleted."""
        told, path = journal.delivered(created=created), record_path(journal.path)
        deletes = path.exists() or told.deletes
        record = finished_items(path) if deletes else Delivered()
        told.finished |= record.finished
        numbers, last = told.numbers | record.numbers, max(told.numbers, default=0)
        self.is_forgetful = (
            bool(told.damaged and record.damaged)
            or len(numbers) < max(numbers, default=0)
            or (record.damaged_end > 0 and last < max(record.numbers, default=0) + record.damaged_end)
        )
        for file, found in ((journal.path, told), (path, record)):
            if found.damaged and (deletes or not journal.is_new):
                lines = counted(found.damaged, "damaged line")
                self._say(f"warning: {file} has {lines}: asking the cluster what it has")
        return told

    def is_delivered(self, item: PreparedRequest) -> bool:
        """Whether the journal says that the cluster has the item."""
        return item.mark in self._delivered

    def is_noted(self, item: PreparedRequest) -> bool:
        """Whether the journal, of whichever run, has the item."""
        return item.mark in self._noted

    def is_new(self, item: PreparedRequest) -> bool:
        """Whether the run that is resumed has created the item, not one before it; asked where Jobs rerun."""
        return item.mark in self._created

    def collected(self, item: PreparedRequest) -> tuple[str, bool] | None:
        """How a Job of the item's name ended that was collected and deleted, and whether it was another Job.

        None when there was none. One whose end is not known counts as `SUCCEEDED`.
        """
        if not self._finished:
            return None
        found = self._finished.get(mark(item.key.rpartition(" ")[0]))
        return None if found is None else (FAILED if found[1] else SUCCEEDED, found[0] != item.mark)

    def take_replacing(self, item: PreparedRequest) -> tuple[str, dict[str, Any]] | None:
        """What was to be created for the item in the place of the Job with a uid, when an earlier run ended.

        None, and never twice the same.
        """
        return self._replacing.pop(item.mark, None) if self._replacing else None

    def state(self, item: PreparedRequest) -> str:
        """How the Job of the item ended by the list of its group; empty when it did not, or is not known."""
        if self._ends is None:
            return ""
        self._listed(item)
        return self._ends.get(item.mark, "")

    def forget(self, item: PreparedRequest) -> None:
        """The item is made anew."""
        for marks in (self._delivered, self._noted, self._existing):
            marks.discard(item.mark)
        self._finished.pop(mark(item.key.rpartition(" ")[0]), None)

    def exists(self, item: PreparedRequest) -> bool:
        """Whether a list of the group has the item with the same content."""
        if item.mark not in self._existing and not self._trusted:
            self._listed(item)
        return item.mark in self._existing

    def has_failed(self, item: PreparedRequest) -> bool:
        """Whether the list that has the item, by `exists`, says that its Job has failed."""
        return item.mark in self._failed

    def version(self, item: PreparedRequest) -> str | None:
        """The resourceVersion that the item had when its group was listed; empty when it did not exist.

        None when no list tells.
        """
        if self._versions is None:
            return ""
        self._listed(item)
        found = self._lists.get(scope := (item.collection, item.group))
        if found is None or found.thread.is_alive() or scope in self._unlisted:
            return None
        return self._versions.get(f"{item.collection}/{item.name}", "")

    def add_finished(self, key: str, failed: bool) -> None:
        """The Job with this key is collected."""
        self._finished[mark(key.rpartition(" ")[0])] = mark(key), failed

    def missed(self, item: PreparedRequest) -> None:
        """The item was sent and existed already, so the journal had missed it."""
        scope = (item.collection, item.group)
        self._missed[scope] += 1
        if self._missed[scope] >= LIST_AFTER_MISSES:
            self._trusted = False

    def must_wait(self, item: PreparedRequest) -> bool:
        """Whether a list is under way that may tell of the item; it is begun when it is time."""
        if self._ends is None and self._versions is None:
            told = item.mark in self._delivered or item.mark in self._existing
            if told or self._trusted:
                return False
        found = self._begun(item)
        return found is not None and found.thread.is_alive() and time.monotonic() < found.until

    def wait(self, item: PreparedRequest) -> None:
        """Wait for the list that may tell of the item, for a while; safe for threads."""
        found = self._lists.get((item.collection, item.group))
        if found is not None:
            found.thread.join(max(0.0, found.until - time.monotonic()))

    def _listed(self, item: PreparedRequest) -> None:
        found = self._begun(item)
        if found is not None and found.thread.is_alive():
            self.wait(item)

    def _begun(self, item: PreparedRequest) -> _List | None:
        """The list of the group of ``item``, from the second item on that needs it, or the first in doubt.

        For one item alone a list would cost more than asking for it.
        """
        scope = (item.collection, item.group)
        found = self._lists.get(scope)
        if found is not None or not item.group or item.replaces:
            return found
        at_once = self._resumed or self._versions is not None or self._ends is not None
        if self._first.setdefault(scope, item.mark) == item.mark and not at_once:
            return None
        thread = threading.Thread(target=self._list, args=(item,), daemon=True)
        found = self._lists[scope] = _List(thread, time.monotonic() + LIST_WAIT_SECONDS)
        thread.start()
        return found

    def _list(self, like: PreparedRequest) -> None:
        try:
            keep = kept_of_job(like.collection, like.namespace) if like.is_job else None
            pages = self._api.pages(like.collection, f"{self._group_label}={like.group}", keep=keep)
            for page in pages:
                self._note(page["items"], like)
                del page  # before the next one takes as much memory
        except ClusterError as error:
            self._unlisted.add((like.collection, like.group))
            log.info("cannot list group %(group)s: %(error)s", group=like.group, error=str(error))
            if self._resumed:
                self._say(f"warning: cannot list the group, so each item is asked for: {error}")

    def _note(self, page: Sequence[Mapping[str, Any]], like: PreparedRequest) -> None:
        """A list has these objects, which are of the kind of ``like``."""
        workload = BY_TITLE.get(like.title)
        for found in page:
            metadata = found["metadata"]
            path = f"{like.collection}/{metadata['name']}"
            digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION)
            if digest is not None and "deletionTimestamp" not in metadata:
                marked = mark(f"{path} {digest}")
                if workload is not None and (workload is not JOB or may_have_ended(found)):
                    row = workload.row
                    self._note_end(marked, {**found, "apiVersion": row.api_version, "kind": row.kind})
                self._existing.add(marked)  # last, since others look meanwhile
            if self._versions is not None:
                self._versions[path] = str(metadata.get("resourceVersion") or "")

    def _note_end(self, marked: bytes, job: Mapping[str, Any]) -> None:
        if end_of(job) == FAILED:
            self._failed.add(marked)
        if self._ends is not None and (end := _end_to_look_at(job)):
            self._ends[marked] = end


def _end_to_look_at(job: Mapping[str, Any]) -> str:
    """`end_of`; of an Indexed Job of which indexes have Jobs of their own these may have failed."""
    end = end_of(job)
    return FAILED if end and retried_indexes(job) else end
