"""The Jobs of a group as they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from expander.kube.objects import Object, uid_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.standing import has_ended

GATHERED: Final = 0.5
"""Seconds after which Jobs that have ended are told of although more changes come."""


def ended(reader: Reader, stopped: Callable[[], bool] = lambda: False) -> Iterator[list[Object]]:
    """The Jobs that have ended, some at a time and each once, until there is no unfinished one.

    They are told of at once when nothing else happens, and soon when much does: a Job with a short time to
    live has its pods only so long.
    """
    told: set[str] = set()
    news: list[Object] = []
    unfinished: set[str] = set()
    since = time.monotonic()
    for change in reader.changes(stopped, pods=False):
        if change is None:
            if not unfinished:
                there = list(reader.jobs())
                if all(map(has_ended, there)):
                    yield news + [job for job in there if uid_of(job) not in told]
                    return
            if news:
                yield news
                news = []
            continue
        uid = uid_of(change.object)
        if change.type == "DELETED":
            unfinished.discard(uid)
        elif not has_ended(change.object):
            unfinished.add(uid)
        elif uid not in told:
            unfinished.discard(uid)
            told.add(uid)
            if not news:
                since = time.monotonic()
            news.append(change.object)
        if news and time.monotonic() - since > GATHERED:
            yield news
            news = []
