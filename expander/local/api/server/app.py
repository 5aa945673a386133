"""One request to one response: guard, faults, route, verb."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from expander.kube.quota import Refused as Denied
from expander.local.api.patching.managers import manager_name
from expander.local.api.patching.refusals import PatchRefused
from expander.local.api.server import (
    answers,
    bodies,
    deleting,
    fronts,
    podlogs,
    reading,
    reviews,
    routes,
    shaping,
    watching,
    writing,
)
from expander.local.api.server.auth import Guard, Verdict
from expander.local.api.server.faults import RETRY_AFTER, TOO_MANY, Faults
from expander.local.api.server.refusals import Refused
from expander.local.api.server.routes import Target
from expander.local.api.server.service import Service
from expander.local.api.views import statuses

log = logging.getLogger(__name__)

ON_OBJECTS: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
ON_PARTS: Final = {**ON_OBJECTS, "POST": "create"}
ON_COLLECTIONS: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
"""The verb that a method means, by what the path leads to."""


class App:
    """Answers requests. ``most`` is how many short requests are answered at a time (None: no limit); watches
    and logs that are followed are not counted, as in a real server."""

    def __init__(
        self, service: Service, guard: Guard, *, faults: Faults | None = None, most: int | None = None
    ) -> None:
        self._service = service
        self._guard = guard
        self._faults = faults or Faults()
        self._most = most
        self._running = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to one request; never raises but when the connection is cut."""
        try:
            self._admit(request)
            return await self._limited(request)
        except Refused as refusal:
            return answers.answer(refusal.status, code=refusal.code, headers=refusal.headers)
        except (Denied, PatchRefused) as refusal:
            status = statuses.failure(refusal.code, refusal.reason, refusal.message, refusal.details)
            return answers.answer(status, code=refusal.code)
        except RecursionError:
            return answers.answer(statuses.bad_request("the body is nested too deeply"), code=400)
        except asyncio.CancelledError:
            raise
        except ConnectionResetError:  # the client went away in the middle of its request
            return web.Response()
        except Exception as error:
            log.exception("%s %s failed", request.method, request.rel_url.raw_path)
            return answers.answer(statuses.internal(str(error)), code=500)

    def _admit(self, request: web.BaseRequest) -> None:
        verdict = self._guard.judge(request.rel_url.raw_path, request.headers, request.transport)
        if verdict is Verdict.UNAUTHORIZED:
            raise Refused(statuses.unauthorized())
        if verdict is Verdict.FOREIGN:
            words = "the request is meant for another server, or comes from a page of another one"
            raise Refused(statuses.failure(403, "Forbidden", words))

    async def _limited(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._faults.draw()
        if fault.wait:
            await asyncio.sleep(fault.wait)
        if fault.reset:
            return _cut(request)
        long = _lasts(request.query)
        if fault.code == TOO_MANY or (self._most is not None and not long and self._running >= self._most):
            return answers.text(statuses.TOO_MANY_REQUESTS_TEXT, TOO_MANY, {"Retry-After": RETRY_AFTER})
        if fault.code:
            words = "injected on request"
            return answers.answer(statuses.failure(fault.code, "InternalError", words), code=fault.code)
        if long:
            return await self._route(request)
        self._running += 1
        try:
            answer = await self._route(request)
        finally:
            self._running -= 1
        return _cut(request) if fault.lost else answer

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        steps = routes.steps(request.message.path.partition("?")[0])
        if steps is None:
            return answers.text(statuses.PAGE_NOT_FOUND_TEXT, 404)
        if steps == reviews.SELF_ACCESS and request.method == "POST":
            data = await bodies.read(request)
            asked = bodies.parse(data, bodies.media_type(request))
            return answers.answer(reviews.allowed(asked.data), code=201)
        target = routes.target(steps)
        if target is None:
            return fronts.answer(request, steps)
        return await self._verb(request, target)

    async def _verb(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        verbs = ON_PARTS if target.part else ON_OBJECTS if target.name else ON_COLLECTIONS
        verb = verbs.get(request.method)
        if verb is None or verb not in target.verbs:
            raise Refused(statuses.method_not_allowed())
        service, query = self._service, request.query
        if target.part == "log":
            return await podlogs.serve(service, request, target)
        form = shaping.chosen(answers.forms(request.headers.get("Accept", "")))
        if verb == "list" and query.get("watch", "").lower() in ("true", "1"):
            return await watching.serve(service, request, target, form)
        if verb == "list":
            return answers.answer(reading.listing(service, target, query, form), form=form)
        if verb == "get":
            return answers.answer(reading.get(service, target, query, form), form=form)
        data = await bodies.read(request)
        media = bodies.media_type(request)
        manager = manager_name(query.get("fieldManager", ""), request.headers.get("User-Agent", ""))
        return self._write(verb, target, data, media, query, form, manager)

    def _write(
        self,
        verb: str,
        target: Target,
        data: bytes,
        media: str,
        query: Mapping[str, str],
        form: answers.Form,
        manager: str,
    ) -> web.StreamResponse:
        service, code = self._service, 200
        warnings: list[str] = []
        writer = writing.Writer(service, target, query, manager)
        if verb == "patch":
            obj, warnings = writer.patch(data, media)
        else:
            body = bodies.parse(data, media) if data else bodies.Body(None)
            if target.part == "eviction":
                return answers.answer(deleting.evict(service, target, body.data), code=201, form=form)
            if verb == "delete":
                obj, warnings = deleting.delete(service, target, body.data, query)
            elif verb == "deletecollection":
                obj = deleting.collection(service, target, body.data, query)
            elif verb == "create":
                (obj, warnings), code = writer.create(body), 201
            else:
                obj, warnings = writer.update(body)
        shaped = obj
        if obj.get("kind") == target.resource.kind:
            shaped = shaping.one(target.resource, obj, form, service.clock())
        return answers.answer(shaped, code=code, form=form, headers=_warned(warnings))


def _lasts(query: Mapping[str, str]) -> bool:
    """Whether a request is one that goes on: a watch, or a log that is followed."""
    return any(query.get(name, "").lower() in ("true", "1") for name in ("watch", "follow"))


def _warned(warnings: list[str]) -> dict[str, Any]:
    """The headers that carry warnings."""
    quoted = (each.replace("\\", "\\\\").replace('"', '\\"') for each in warnings)
    return {"Warning": ", ".join(f'299 - "{each}"' for each in quoted)} if warnings else {}


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """End the connection; what is answered then reaches nobody, and nobody complains."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
