"""The server of the page: what a browser may ask, and who may ask it.

The page itself is for everybody; what it shows and does needs the token, which stands in the fragment of the
address, so that it is neither sent nor logged, and comes back in an Authorization header only.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from expander.base.errors import ExpanderError
from expander.local.apiserver.access.authentication import Authenticator, AuthResult, User
from expander.ui.actions import Actions
from expander.ui.feed import GroupFeed
from expander.ui.listing import GroupListing
from expander.ui.live_items import Cursor
from expander.ui.log_stream import LogStreams
from expander.ui.page import Page
from expander.ui.places import GroupPlace, Places

log = logging.getLogger(__name__)

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

HEARTBEAT_SECONDS: Final = 1.0
"""A stream says something at least so often."""

NOTHING: Final = "{}"
"""What a stream says when there is nothing to say."""

LINGER_SECONDS: Final = 30.0
"""How long a group is kept up to date after the last reader has left: a page may be loaded again."""

MAX_NAME_CHARS: Final = 253
"""Characters that a name may have in Kubernetes."""

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Feed:
    """A group that is looked at, and by whom."""

    def __init__(self, feed: GroupFeed) -> None:
        self.feed = feed
        self.readers: set[asyncio.Event] = set()


class App:
    """Answers requests; ``places`` is where groups are."""

    def __init__(self, places: Places, authenticator: Authenticator) -> None:
        self._places = places
        self._authenticator = authenticator
        self._page = Page()
        self._actions = Actions(places)
        self._logs = LogStreams()
        self._feeds: dict[GroupPlace, _Feed] = {}
        self._listing = GroupListing(places)
        self._files: Mapping[str, tuple[str, Callable[[], str]]] = {
            "/": ("text/html", lambda: self._page.html),
            "/page.css": ("text/css", lambda: self._page.style),
            "/page.js": ("text/javascript", lambda: self._page.script),
            "/icon.svg": ("image/svg+xml", lambda: self._page.icon),
        }
        self._routes: Mapping[tuple[str, str], _Handler] = {
            ("GET", "/api/groups"): self._groups,
            ("GET", "/api/group"): self._group,
            ("GET", "/api/log"): self._log,
            ("POST", "/api/action"): self._action,
            ("POST", "/api/stop"): self._stop,
        }
        self.on_authenticated: Callable[[object], None] = lambda address: None
        """Called with the address of the other side of each request that was authenticated."""

    async def stop(self, stopping: Callable[[list[str]], None]) -> None:
        """End what is at work; ``stopping`` gets the groups that commands work on before."""
        for each in self._feeds.values():
            each.feed.stop()
        await self._actions.stop(stopping)

    def kill(self) -> None:
        """End at once what commands still do."""
        self._actions.kill()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to one request; never raises but when the connection is cut."""
        try:
            return await self._answer(request)
        except ExpanderError as error:
            return _error(409, str(error.problems[0].message))
        except ConnectionError:  # the client went away in the middle
            return web.Response()
        except Exception as error:
            log.exception("%s %s failed", request.method, request.rel_url.raw_path)
            return _error(500, str(error))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        found = self._authenticator.judge(path, request.headers, None)
        if found is AuthResult.FOREIGN:
            return _error(403, "the request is meant for another server, or comes from a page of another one")
        if request.method in ("GET", "HEAD") and path in self._files:
            media, text = self._files[path]
            return web.Response(text=text(), content_type=media, charset="utf-8", headers=HEADERS)
        if not isinstance(found, User):
            return _error(401, "the token is missing or wrong")
        if request.transport is not None:
            self.on_authenticated(request.transport.get_extra_info("peername"))
        handler = self._routes.get((request.method, path))
        return _error(404, "not found") if handler is None else await handler(request)

    async def _groups(self, request: web.BaseRequest) -> web.StreamResponse:
        """The list of groups, and again whenever it differs."""
        stream, before, found = await _Lines.open(request), NOTHING, await self._listing.text(anew=True)
        while True:
            await stream.put(NOTHING if found == before else found)
            before = found
            await self._listing.wait(HEARTBEAT_SECONDS)
            found = await self._listing.text()

    async def _group(self, request: web.BaseRequest) -> web.StreamResponse:
        """A group's items, and each change of them."""
        place = _place(request.query)
        feed, changed = self._opened(place), asyncio.Event()
        feed.readers.add(changed)
        cursor, parts, problem = Cursor(), dict[str, str](), ""
        try:
            stream = await _Lines.open(request)
            while True:
                changed.clear()
                told = [*await asyncio.to_thread(lambda: [*feed.feed.news(cursor, parts)])]
                if feed.feed.problem != problem:
                    problem = feed.feed.problem
                    told.append(_json({"problem": problem}))
                for message in told or [NOTHING]:
                    await stream.put(message)
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    continue
        finally:
            feed.readers.discard(changed)
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._leave, place)

    def _opened(self, place: GroupPlace) -> _Feed:
        if place not in self._feeds:
            loop = asyncio.get_running_loop()
            self._feeds[place] = _Feed(
                GroupFeed(
                    self._places.selector(place),
                    self._page,
                    lambda: _call(loop, self._tell, place),
                )
            )
        return self._feeds[place]

    def _tell(self, place: GroupPlace) -> None:
        """There is something new of a group."""
        if place in self._feeds:
            for each in self._feeds[place].readers:
                each.set()

    def _leave(self, place: GroupPlace) -> None:
        """Let go of a group that nobody looks at any more."""
        found = self._feeds.get(place)
        if found is not None and not found.readers:
            del self._feeds[place]
            found.feed.stop()

    async def _log(self, request: web.BaseRequest) -> web.StreamResponse:
        """The log of a pod of an item, followed."""
        query = request.query
        numbers = [_number(query.get(name, "")) for name in ("generation", "item", "pod")]
        opened = self._feeds.get(_place(query))  # its readers open and close it
        feed = None if opened is None else opened.feed
        record = None if feed is None else feed.items.record(*numbers[:2])
        if (
            feed is None
            or record is None
            or feed.source is None
            or not 0 <= numbers[2] < len(record.attempts)
        ):
            return _error(404, "there is no such pod any more")
        pod = record.attempts[numbers[2]].pod
        if "uid" not in pod["metadata"]:
            return _error(503, "the group is still being read")
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/plain; charset=utf-8"})
        await response.prepare(request)
        async for text in self._logs.follow(feed.source, pod):
            await response.write(text.encode(errors="replace"))
        await response.write_eof()
        return response

    async def _action(self, request: web.BaseRequest) -> web.StreamResponse:
        """Run a command for a group, or only say what it would do."""
        if (asked := await _asked(request)) is None:
            return _error(400, "a JSON object is expected")
        messages = self._actions.run(
            _place(asked), str(asked.get("action")), dry=asked.get("dry") is not False
        )
        first = await anext(messages)
        stream = await _Lines.open(request)
        await stream.put(_json(first))
        async for message in messages:
            await stream.put(_json(message))
        await stream.response.write_eof()
        return stream.response

    async def _stop(self, request: web.BaseRequest) -> web.StreamResponse:
        """End the command that works on a group, and answer when it has ended."""
        if (asked := await _asked(request)) is None:
            return _error(400, "a JSON object is expected")
        await self._actions.stop_one(_place(asked))
        return web.json_response({}, headers=HEADERS)


class _Lines:
    """A response of JSON objects, one a line."""

    def __init__(self, response: web.StreamResponse) -> None:
        self.response = response

    @classmethod
    async def open(cls, request: web.BaseRequest) -> _Lines:
        """Begin the response to a request."""
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        return cls(response)

    async def put(self, message: str) -> None:
        """Send an object, as JSON."""
        await self.response.write(message.encode() + b"\n")


async def _asked(request: web.BaseRequest) -> dict[str, Any] | None:
    """The JSON object of a request, None if it is something else."""
    try:
        asked = json.loads(await request.read())
    except (ValueError, RecursionError, web.HTTPRequestEntityTooLarge):
        return None
    return asked if isinstance(asked, dict) else None


def _json(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))


def _place(given: Mapping[str, Any]) -> GroupPlace:
    """The group that a request names. Raises ExpanderError for what can be no name."""
    local = str(given.get("local")) == "true"
    place = GroupPlace(
        local, "" if local else str(given.get("namespace") or ""), str(given.get("group") or "")
    )
    if not all(name.isprintable() and len(name) <= MAX_NAME_CHARS for name in (place.namespace, place.group)):
        raise ExpanderError("no such group")
    return place


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[GroupPlace], None], place: GroupPlace) -> None:
    """Call a function in the loop of the server, from any thread, unless it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, place)


def _error(code: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=code, headers=HEADERS)
