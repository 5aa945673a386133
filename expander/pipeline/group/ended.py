"""The Jobs of a group as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from expander.manifests.selection import Object, uid_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.standing import has_ended


def ended(reader: Reader, stopped: Callable[[], bool] = lambda: False) -> Iterator[list[Object]]:
    """The Jobs that have ended, some at a time and each once, until there is no unfinished one."""
    told: set[str] = set()
    news: list[Object] = []
    unfinished: set[str] = set()
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
            news.append(change.object)
