"""One request to one response: guard, faults, route, verb.

What a client asks before it asks for objects: health, version, discovery and schemas.

Questions about what the user may do: everything, since whoever gets this far is the user.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from expander.base.errors import AdmissionError
from expander.local.apiserver import (
    codecs,
    delete,
    discovery,
    openapi,
    pagination,
    pod_logs,
    read,
    routing,
    watch,
    write,
)
from expander.local.apiserver import status as statuses
from expander.local.apiserver.auth import Guard, Verdict
from expander.local.apiserver.fault_injection import RETRY_AFTER, TOO_MANY, Faults
from expander.local.apiserver.patch.errors import PatchRefused
from expander.local.apiserver.patch.managed_fields import manager_name
from expander.local.apiserver.routing import Service, Target
from expander.local.apiserver.status import Refused
from expander.local.store.database import Object, encode

CUSTOM: Final = ["apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions"]
"""kubectl looks here for kinds that no document describes; there are none."""

OPENAPI_2: Final = b"\x0a\x032.0"
"""An OpenAPI 2 document in protobuf with nothing in it but its version: all is told in version 3."""
OPENAPI_2_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

HEALTH: Final = frozenset(("healthz", "livez", "readyz"))


def answer(request: web.BaseRequest, steps: list[str]) -> web.Response:
    """The answer to a request whose path leads to no objects."""
    if request.method not in ("GET", "HEAD"):
        known = steps in (["api"], ["apis"]) or _plain(steps) is not None
        raise Refused(statuses.method_not_allowed() if known else statuses.no_such_resource())
    if steps[:1] and steps[0] in HEALTH:
        return codecs.text("ok")
    if steps == ["openapi", "v2"]:
        return codecs.raw(OPENAPI_2, OPENAPI_2_TYPE)
    if steps == CUSTOM:
        return codecs.answer(pagination.listed("apiextensions.k8s.io/v1", "CustomResourceDefinition", (), {}))
    if steps[:2] == ["openapi", "v3"]:
        return _openapi(request, steps[2:])
    if steps in (["api"], ["apis"]):
        return _roots(request, core=steps == ["api"])
    body = _plain(steps)
    if body is None:
        if steps[:1] in (["api"], ["apis"]) and len(steps) > 1:
            raise Refused(statuses.no_such_resource())
        return codecs.text(statuses.PAGE_NOT_FOUND_TEXT, 404)
    return codecs.answer(body)


def _plain(steps: list[str]) -> Object | None:
    match steps:
        case []:
            return discovery.paths()
        case ["version"]:
            return discovery.version()
        case ["api", version]:
            return discovery.api_resource_list("", version)
        case ["apis", group]:
            return discovery.api_group(group)
        case ["apis", group, version]:
            return discovery.api_resource_list(group, version)
    return None


def _roots(request: web.BaseRequest, *, core: bool) -> web.Response:
    """``/api`` and ``/apis``, aggregated where the client knows that form."""
    for form in codecs.forms(request.headers.get("Accept", "")):
        if form.kind == discovery.AGGREGATED_KIND and form.version in discovery.AGGREGATED_TYPES:
            media = discovery.AGGREGATED_TYPES[form.version]
            return _cached(request, encode(discovery.aggregated(core, form.version)), media)
    body = discovery.api_versions(request.headers["Host"]) if core else discovery.api_group_list()
    return codecs.answer(body)


def _openapi(request: web.BaseRequest, steps: list[str]) -> web.Response:
    if not steps:
        return _cached(request, encode(openapi.index()), codecs.JSON)
    group, version = "", ""
    match steps:
        case ["api", version]:
            pass
        case ["apis", group, version]:
            pass
    try:
        return _cached(request, openapi.document(group, version), codecs.JSON)
    except KeyError:
        return codecs.text(statuses.PAGE_NOT_FOUND_TEXT, 404)


def _cached(request: web.BaseRequest, data: bytes, media: str) -> web.Response:
    """An answer that a client may keep and ask about again by its ETag."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32].upper()}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
    if request.headers.get("If-None-Match") == tag:
        return codecs.raw(b"", media, code=304, headers=headers)
    return codecs.raw(data, media, headers=headers)


SELF_ACCESS: Final = ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]


def allowed(review: Any) -> Object:
    """The answer to a SelfSubjectAccessReview."""
    asked = review if isinstance(review, dict) else {}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": asked.get("spec") or {},
        "status": {"allowed": True},
    }


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
            return codecs.answer(refusal.status, code=refusal.code, headers=refusal.headers)
        except (AdmissionError, PatchRefused) as refusal:
            status = statuses.failure(refusal.code, refusal.reason, refusal.message, refusal.details)
            return codecs.answer(status, code=refusal.code)
        except RecursionError:
            return codecs.answer(statuses.bad_request("the body is nested too deeply"), code=400)
        except asyncio.CancelledError:
            raise
        except ConnectionResetError:  # the client went away in the middle of its request
            return web.Response()
        except Exception as error:
            log.exception("%s %s failed", request.method, request.rel_url.raw_path)
            return codecs.answer(statuses.internal(str(error)), code=500)

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
            return codecs.text(statuses.TOO_MANY_REQUESTS_TEXT, TOO_MANY, {"Retry-After": RETRY_AFTER})
        if fault.code:
            words = "injected on request"
            return codecs.answer(statuses.failure(fault.code, "InternalError", words), code=fault.code)
        if long:
            return await self._route(request)
        self._running += 1
        try:
            answer = await self._route(request)
        finally:
            self._running -= 1
        return _cut(request) if fault.lost else answer

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        steps = routing.steps(request.message.path.partition("?")[0])
        if steps is None:
            return codecs.text(statuses.PAGE_NOT_FOUND_TEXT, 404)
        if steps == SELF_ACCESS and request.method == "POST":
            data = await codecs.read(request)
            asked = codecs.parse(data, codecs.media_type(request))
            return codecs.answer(allowed(asked.data), code=201)
        target = routing.target(steps)
        if target is None:
            return answer(request, steps)
        return await self._verb(request, target)

    async def _verb(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        verbs = ON_PARTS if target.part else ON_OBJECTS if target.name else ON_COLLECTIONS
        verb = verbs.get(request.method)
        if verb is None or verb not in target.verbs:
            raise Refused(statuses.method_not_allowed())
        service, query = self._service, request.query
        if target.part == "log":
            return await pod_logs.serve(service, request, target)
        form = codecs.chosen(codecs.forms(request.headers.get("Accept", "")))
        if verb == "list" and query.get("watch", "").lower() in ("true", "1"):
            return await watch.serve(service, request, target, form)
        if verb == "list":
            return codecs.answer(read.listing(service, target, query, form), form=form)
        if verb == "get":
            return codecs.answer(read.get(service, target, query, form), form=form)
        data = await codecs.read(request)
        media = codecs.media_type(request)
        manager = manager_name(query.get("fieldManager", ""), request.headers.get("User-Agent", ""))
        return self._write(verb, target, data, media, query, form, manager)

    def _write(
        self,
        verb: str,
        target: Target,
        data: bytes,
        media: str,
        query: Mapping[str, str],
        form: codecs.Form,
        manager: str,
    ) -> web.StreamResponse:
        service, code = self._service, 200
        warnings: list[str] = []
        writer = write.Writer(service, target, query, manager)
        if verb == "patch":
            obj, warnings = writer.patch(data, media)
        else:
            body = codecs.parse(data, media) if data else codecs.Body(None)
            if target.part == "eviction":
                return codecs.answer(delete.evict(service, target, body.data), code=201, form=form)
            if verb == "delete":
                obj, warnings = delete.delete(service, target, body.data, query)
            elif verb == "deletecollection":
                obj = delete.collection(service, target, body.data, query)
            elif verb == "create":
                (obj, warnings), code = writer.create(body), 201
            else:
                obj, warnings = writer.update(body)
        shaped = obj
        if obj.get("kind") == target.resource.kind:
            shaped = codecs.one(target.resource, obj, form, service.clock())
        return codecs.answer(shaped, code=code, form=form, headers=_warned(warnings))


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
