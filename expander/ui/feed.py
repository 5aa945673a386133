"""What is known of one group while somebody looks at it, kept up to date by two threads.

One reads the group's changes and keeps the items; the other makes the page's figures of them, which takes
longer the more items there are, and so is done less often then.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ExpanderError
from expander.group.attempts import Attempt
from expander.group.job_status import JobStatusCache
from expander.group.known.attempts import logs_folder, with_earlier
from expander.group.known.chunk_items import with_items
from expander.group.known.summary import Summary
from expander.group.local.source import LocalSource
from expander.group.open import open_source
from expander.group.records import ItemRecord, job_records
from expander.group.report import entry, first_failures, slowest
from expander.group.report_data import summarize
from expander.group.report_page import page_values
from expander.kube.objects import uid_of
from expander.kube.workloads import COMPLETE, has_ended
from expander.ui.live_items import Cursor, Key, LiveItems, key_of
from expander.ui.page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from expander.group.open import AnySource, GroupSelector

POLL_SECONDS: Final = 0.04
"""Seconds between two looks at the state of a local group."""

ITEMS_FACTOR: Final = 1.0
FIGURES_FACTOR: Final = 4.0
MAX_PAUSE_SECONDS: Final = 2.0
"""Work is followed by a pause of so many times what it took of a core, but no longer than this."""

PORTION_SECONDS: Final = 0.5
"""How often what was read so far is shown, while a group is read for the first time."""

FIGURES_SECONDS: Final = 2.0
"""How often the figures of a group are made anew in which only the time goes on."""

SHARED_WITH_SUMMARIES: Final = (
    *("namespace", "uid", "item", "key", "state", "reason", "message", "cause"),
    *("created", "started", "finished", "exit_code", "termination", "submitted"),
)
"""Fields that records and summaries both have."""

AGAIN_SECONDS: Final = 2.0
"""Seconds before a group that could not be read is read again."""


class GroupFeed:
    """A group as the page shows it; ``wake`` is called, from a thread, when there is something new.

    ``problem`` says why the group cannot be read, empty while it can.
    """

    def __init__(self, wanted: GroupSelector, page: Page, wake: Callable[[], None]) -> None:
        self.wanted = wanted
        self.items = LiveItems()
        self.problem = ""
        self.source: AnySource | None = None
        self._page = page
        self._wake = wake
        self._stopped = threading.Event()
        self._stale = threading.Event()
        self._parts: dict[str, str] = {}
        self._of: dict[str, list[ItemRecord]] = {}
        """The items of each Job, by its uid."""
        self._owners: dict[Key, str] = {}
        """The Job that each item belongs to, by its uid."""
        self._logs: Path | None = None
        for work in (self._read, self._keep_figures):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """End both threads soon."""
        self._stopped.set()
        self._stale.set()

    def news(self, seen: Cursor, parts: dict[str, str]) -> Iterator[str]:
        """The messages (JSON) for a reader who has ``seen`` so much and these ``parts``; both move on."""
        items = self.items.news(seen, time.time())
        if items is not None:
            yield items
        fresh = {name: text for name, text in self._parts.items() if parts.get(name) != text}
        if fresh:
            parts.update(fresh)
            yield json.dumps({"parts": fresh}, separators=(",", ":"))

    def _read(self) -> None:
        while not self._stopped.is_set():
            try:
                with closing(open_source(self.wanted, awaited=True)) as source:
                    self.source = source
                    self._follow(source)
            except ExpanderError as error:
                self.problem = str(error.problems[0].message)
                self._wake()
            except Exception as error:
                self._fail("the group cannot be read", error)
                self._wake()
            self._stopped.wait(AGAIN_SECONDS)

    def _fail(self, what: str, error: Exception) -> None:
        """Say on the page what goes wrong, and log it with its place."""
        self.problem = f"{what}: {error!r}"
        logging.getLogger(__name__).exception("group %s: %s", self.wanted.group, what)

    def _follow(self, source: AnySource) -> None:
        """Keep the items until stopped."""
        self._logs = logs_folder(source, self.wanted)
        self._of, self._owners = {}, {}
        is_local = isinstance(source, LocalSource)
        if isinstance(source, LocalSource):
            source.poll_pause = POLL_SECONDS
            begun = time.thread_time()
            self._show(_known_records(source))
            self._stopped.wait(_pause_after(begun, ITEMS_FACTOR))  # the page is to have that first
        cache, dirty = JobStatusCache(source), dict[str, None]()
        told, due = False, time.monotonic() + PORTION_SECONDS
        for change in source.changes(self._stopped.is_set):
            if change is not None:
                dirty[cache.update(change)] = None
            elif told:
                dirty.update(dict.fromkeys(_explained_anew(cache)))
            else:
                told, due = True, 0.0
                self._take(source, cache, dirty)
                self._show(record for found in self._of.values() for record in found)
                dirty.clear()
            whole = change is None or not is_local  # here a Job comes just before its pods
            if dirty and whole and time.monotonic() >= due:
                begun = time.thread_time()
                if self.items.put(*self._take(source, cache, dirty), time.time()):
                    self._stale.set()
                    self._wake()
                dirty.clear()
                due = time.monotonic() + max(
                    _pause_after(begun, ITEMS_FACTOR), 0.0 if told else PORTION_SECONDS
                )

    def _show(self, records: Iterable[ItemRecord]) -> None:
        """Show these items and no others."""
        self.problem = ""
        self.items.reset(records, time.time())
        self._stale.set()
        self._wake()

    def _take(
        self, source: AnySource, cache: JobStatusCache, uids: Iterable[str]
    ) -> tuple[list[ItemRecord], list[Key]]:
        """The items of these Jobs as they are now, and the keys of those that are gone."""
        found, gone = list[ItemRecord](), list[Key]()
        for uid in uids:
            before, now = self._of.pop(uid, ()), [*self._records(source, cache, uid)]
            keys = dict.fromkeys(map(key_of, now), uid)
            self._owners.update(keys)
            if now:
                self._of[uid] = now
            for key in map(key_of, before):
                if key not in keys and self._owners.get(key) == uid:
                    del self._owners[key]
                    gone.append(key)
            found += now
        return found, gone

    def _records(self, source: AnySource, cache: JobStatusCache, uid: str) -> Iterator[ItemRecord]:
        job = cache.jobs.get(uid)
        if job is None:
            return
        if not has_ended(job):
            cache.status(uid)  # so that it requests events if they may explain something
        for record in job_records(job, cache.pods(uid), cache.warnings):
            known = with_items(source, record)
            yield with_earlier(known, self._logs) if known.earlier and self._logs else known

    def _keep_figures(self) -> None:
        unfinished = False
        while not self._stopped.is_set():
            if not self._stale.wait(FIGURES_SECONDS) and not unfinished:
                continue
            self._stale.clear()
            begun = time.thread_time()
            try:
                self._parts, unfinished = self._figures()
            except Exception as error:  # the items go on
                self._fail("the figures cannot be made", error)
            self._wake()
            self._stopped.wait(_pause_after(begun, FIGURES_FACTOR))

    def _figures(self) -> tuple[dict[str, str], bool]:
        """The parts of the page, and whether an item has not ended."""
        generation, numbered = self.items.shown()
        numbers = {key_of(record): number for number, record in numbered}
        summary = summarize((record for _, record in numbered), time.time())

        def entries(records: Iterable[ItemRecord]) -> list[dict[str, Any]]:
            return [entry(one) | {"number": f"{generation}-{numbers[key_of(one)]}"} for one in records]

        where = "" if self.source is None else self.source.where
        values = page_values(
            summary,
            self.wanted.group or "",
            where,
            entries(first_failures(summary)),
            entries(slowest(summary)),
            logs=False,
        )
        return self._page.parts(values), bool(summary.unfinished)


def _explained_anew(cache: JobStatusCache) -> list[str]:
    """The Jobs, by their uids, that events say other things of than before; events are asked when due."""
    before = cache.warnings
    unclear = cache.refresh_events()
    now = cache.warnings
    if now == before:
        return []
    parts = {uid: (uid, *map(uid_of, cache.pods(uid))) for uid in unclear}
    return [uid for uid, all_ in parts.items() if any(before.get(one) != now.get(one) for one in all_)]


def _pause_after(begun: float, factor: float) -> float:
    """Seconds to pause after work that this thread began at that `thread_time`."""
    return min(factor * (time.thread_time() - begun), MAX_PAUSE_SECONDS)


def _known_records(source: LocalSource) -> Iterator[ItemRecord]:
    """What is known of the items at once: of Jobs that have ended only what their summaries tell."""
    for found in source.summaries():
        if isinstance(found, Summary):
            yield _summarized(found)
        else:
            yield from job_records(*found)


def _summarized(summary: Summary) -> ItemRecord:
    """The record that a summary stands for; one attempt stands for all, and costs nothing."""
    good = summary.state == COMPLETE
    pod = {"metadata": {"name": ""}, "spec": {"nodeName": summary.node, "containers": [{"name": ""}]}}
    attempt = Attempt(
        pod,
        created=summary.created,
        started=summary.started,
        finished=summary.finished,
        phase="Succeeded" if good else "Failed",
        exit_code=summary.exit_code,
        reason=summary.cause,
        message="",
    )
    shared = {name: getattr(summary, name) for name in SHARED_WITH_SUMMARIES}
    return ItemRecord(
        **shared, job=summary.job_name, index=None, attempts=[attempt], earlier=summary.attempt_count - 1
    )
