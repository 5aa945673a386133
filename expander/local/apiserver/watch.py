"""watch: what happens to the objects of a collection, as it happens.

A watch reads the store's record of changes from the place it has come to, so a slow client delays nobody, and
one that falls behind what is kept is told so (410) and starts anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from expander.kube.api_resource import Resource
from expander.local.apiserver import codecs, read, status
from expander.local.apiserver.codecs import ResponseFormat
from expander.local.apiserver.protobuf import encoder
from expander.local.apiserver.read import ListSelector
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.turns import Turns
from expander.local.store.database import Object
from expander.local.store.encoding import encode
from expander.local.store.objects import Change

MIN_WATCH_SECONDS: Final = 1800.0
"""Seconds a watch lasts at least when the client says nothing; up to twice as long."""
BOOKMARK_SECONDS: Final = 60.0
"""Seconds between two bookmarks."""
EVENT_POLL_SECONDS: Final = 0.5
"""Seconds between two looks at events, which are not among the store's changes."""
INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}

EVENTS_PER_WRITE: Final = 100
"""Events that are sent together."""

WatchEvent = tuple[str, Object]


async def serve(
    backend: Backend, request: web.BaseRequest, target: Target, form: ResponseFormat
) -> web.StreamResponse:
    """Answer a request to watch a collection, until the client goes or the time is over."""
    query = request.query
    feed = watch_stream(backend, read.list_selector(target, query), query)
    loop = asyncio.get_running_loop()
    end = loop.time() + float(
        read.int_parameter(query, "timeoutSeconds") or MIN_WATCH_SECONDS * (1 + random.random())
    )
    bookmarks = query.get("allowWatchBookmarks", "").lower() in ("true", "1")
    media = f"{form.media};stream=watch" if form.media == codecs.PROTOBUF else form.media
    response = web.StreamResponse(headers={**codecs.HEADERS, "Content-Type": media})
    response.enable_chunked_encoding()
    await response.prepare(request)
    writer = WatchEncoder(target.resource, form, backend.clock, read.include_object(query))
    try:
        await _write(response, writer, await feed.initial())
        mark = loop.time() + BOOKMARK_SECONDS
        while (now := loop.time()) < end:
            if bookmarks and now >= mark:
                await _write(response, writer, [("BOOKMARK", bookmark(target.resource, feed.version))])
                mark = now + BOOKMARK_SECONDS
            await feed.wait(max(0.0, min(end, mark) - now))
            await _write(response, writer, await feed.changes())
            if feed.over:
                break
        await response.write_eof()
    except ConnectionError:
        pass
    return response


async def _write(response: web.StreamResponse, writer: WatchEncoder, events: Sequence[WatchEvent]) -> None:
    """Send the events; others are answered meanwhile if there are many."""
    turns = Turns()
    for start in range(0, len(events), EVENTS_PER_WRITE):
        await response.write(writer(events[start : start + EVENTS_PER_WRITE]))
        await turns.give()


def watch_stream(backend: Backend, wanted: ListSelector, query: Mapping[str, str]) -> WatchStream:
    """The events of a watch; StatusError for a version that is not there yet."""
    read.check_list_options(query, watched=True)
    version = read.int_parameter(query, "resourceVersion")
    current = backend.storage.version
    if version > current:
        raise StatusError(status.version_too_large(version, current))
    initial = query.get("sendInitialEvents", "").lower()
    kind = EventWatchStream if wanted.resource.stored_kind == "Event" else WatchStream
    return kind(
        backend,
        wanted,
        since=version if version and initial != "true" else None,
        marked=initial == "true",
    )


def bookmark(resource: Resource, version: int, annotations: Mapping[str, str] | None = None) -> Object:
    """The object of a bookmark: nothing but a resource version."""
    metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}


class WatchStream:
    """The events of one watch. ``since`` is the version it goes on from, None to begin with what is there;
    ``marked`` when the end of that is to be marked."""

    def __init__(self, backend: Backend, wanted: ListSelector, *, since: int | None, marked: bool) -> None:
        self._backend = backend
        self._wanted = wanted
        self._begins = since is None
        self._marked = marked
        self.version = backend.storage.version if since is None else since
        self.over = False

    async def initial(self) -> list[WatchEvent]:
        """What comes first: the objects that are there, if they are wanted, and what has changed since."""
        events: list[WatchEvent] = []
        self._backend.loop.keep()
        if self._begins and (there := await read.list_objects(self._backend, self._wanted)):
            objects, self.version = there
            events += [("ADDED", obj) for obj in objects]
        if self._marked:
            events.append(("BOOKMARK", bookmark(self._wanted.resource, self.version, INITIAL_END)))
        return events + await self.changes()

    async def wait(self, timeout: float) -> None:
        """Wait until there may be changes."""
        await self._backend.loop.wait_for_version(self.version, timeout)

    async def changes(self) -> list[WatchEvent]:
        """What has happened since the last call; an error, and the end, when that is not known any more."""
        self._backend.loop.keep()
        changes = self._backend.storage.since(self.version)
        if changes is None:
            self.over = True
            return [("ERROR", status.too_old(self.version, self._backend.storage.version))]
        events = [event for change in changes if (event := self._seen(change)) is not None]
        if changes:
            self.version = changes[-1].version
        return events

    def _seen(self, change: Change) -> WatchEvent | None:
        """What the client sees of a change: an object that ceases to be meant is deleted for it, and shown as
        it was last (the API server's watch cache decides)."""
        resource = self._wanted.resource
        if not resource.has(change.object):
            return None
        obj, before = resource.shown(change.object), change.before and resource.shown(change.before)
        was = before is not None and self._wanted.means(before)
        if change.type != "DELETED" and self._wanted.means(obj):
            return "MODIFIED" if was else "ADDED", obj
        if before is None or not was:
            return None
        version = obj["metadata"]["resourceVersion"]
        return "DELETED", {**before, "metadata": {**before["metadata"], "resourceVersion": version}}


class EventWatchStream(WatchStream):
    """What components say of objects is not among the changes of the store, as other Events are."""

    async def initial(self) -> list[WatchEvent]:
        """What is there, if it is wanted; what came while it was listed is told once."""
        storage = self._backend.storage
        self._changed = storage.events_changed(None if self._begins else self.version)
        events, known = [], set()
        for type, obj in await super().initial():
            uid = obj["metadata"].get("uid") if type == "ADDED" else None
            if uid is None or uid not in known:
                events.append((type, obj))
                known.add(uid)
        return events

    async def wait(self, timeout: float) -> None:
        """Wait a little."""
        await asyncio.sleep(min(timeout, EVENT_POLL_SECONDS))

    async def changes(self) -> list[WatchEvent]:
        """What is new or has been counted again; all there is when that is not known any more."""
        events = await super().changes()
        self.version = max(self.version, self._backend.storage.version)
        changes = self._backend.storage.events_since(self._changed, self._wanted.fields.values)
        self._changed = self._backend.storage.events_changed()
        if changes is None:
            found, _ = await read.list_objects(self._backend, self._wanted) or ((), 0)
            return events + [("MODIFIED", each) for each in found]
        shown = self._wanted.resource.shown
        told = (("ADDED" if new else "MODIFIED", shown(each)) for each, new in changes)
        return events + [event for event in told if self._wanted.means(event[1])]


class WatchEncoder:
    """Events as lines of a stream, or as frames of protobuf."""

    def __init__(
        self, resource: Resource, form: ResponseFormat, clock: Callable[[], float], include: str
    ) -> None:
        self._resource = resource
        self._form = form
        self._clock = clock
        self._include = include
        self._headers = True

    def __call__(self, events: Iterable[WatchEvent]) -> bytes:
        return b"".join(self._one(type, obj) for type, obj in events)

    def _one(self, type: str, obj: Object) -> bytes:
        if type != "ERROR":
            obj = codecs.encode_object(
                self._resource, obj, self._form, self._clock(), include=self._include, headers=self._headers
            )
            self._headers = False
        if self._form.media == codecs.PROTOBUF:
            return encoder.frame(type, obj)
        return b'{"type":"' + type.encode() + b'","object":' + encode(obj) + b"}\n"
