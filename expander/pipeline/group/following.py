"""A group as its changes are told: its Jobs and pods as they are now, and how each Job stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from expander.base.errors import ExpanderError
from expander.kube.objects import Change, Object, owner_of, uid_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.standing import Standing, has_ended, standing_of
from expander.pipeline.group.troubles import Warnings, by_subject, wants_events

EVENTS_EVERY: Final = 5.0
"""Seconds between two looks at events, while there is something they may explain."""


class Following:
    """What is known of a group; `see` each change, then ask for `standing`."""

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._clock = clock
        self.jobs: dict[str, Object] = {}
        self._pods: dict[str, dict[str, Object]] = {}
        self._known: dict[str, Standing] = {}
        self._unclear: set[str] = set()
        self._warnings: Warnings = {}
        self._asked_at = -EVENTS_EVERY

    def see(self, change: Change) -> str:
        """Take in a change; gives the uid of the Job that it is about."""
        obj = change.object
        uid = uid_of(obj)
        if obj["kind"] == "Job":
            if change.type == "DELETED":
                self.jobs.pop(uid, None)
                self._pods.pop(uid, None)
                self._unclear.discard(uid)
            else:
                self.jobs[uid] = obj
            self._known.pop(uid, None)
            return uid
        owner = owner_of(obj)
        if change.type == "DELETED":
            self._pods.get(owner, {}).pop(uid, None)
        else:
            self._pods.setdefault(owner, {})[uid] = obj
        self._known.pop(owner, None)
        return owner

    def pods(self, uid: str) -> list[Object]:
        """The pods of the Job with that uid."""
        return [*self._pods.get(uid, {}).values()]

    def standing(self, uid: str) -> Standing | None:
        """How the Job with that uid stands; None when there is none."""
        job = self.jobs.get(uid)
        if job is None:
            return None
        if uid not in self._known:
            pods = self.pods(uid)
            if not has_ended(job) and wants_events(job, pods):
                self._unclear.add(uid)
            else:
                self._unclear.discard(uid)
            self._known[uid] = standing_of(job, pods, self._warnings)
        return self._known[uid]

    def standings(self) -> list[Standing]:
        """How all Jobs stand."""
        return [one for uid in list(self.jobs) if (one := self.standing(uid)) is not None]

    def explain(self) -> list[str]:
        """Ask for events if they may tell something and it is time to; the uids of Jobs they may be about."""
        if not self._unclear or self._clock() - self._asked_at < EVENTS_EVERY:
            return []
        self._asked_at = self._clock()
        try:
            self._warnings = by_subject(self._reader.events(warnings=True))
        except ExpanderError:
            return []  # the Jobs themselves are what matters; perhaps there is an answer next time
        for uid in self._unclear:
            self._known.pop(uid, None)
        return [*self._unclear]
