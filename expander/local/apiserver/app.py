"""One request to one response: authentication, injected faults, route, verb."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from expander.base.errors import AdmissionError, OutputError
from expander.local.apiserver import (
    codecs,
    delete,
    health,
    metrics,
    pod_logs,
    read,
    routing,
    scale,
    watch,
    write,
)
from expander.local.apiserver import status as statuses
from expander.local.apiserver.access import attributes, reviews, tokens
from expander.local.apiserver.access.authentication import OWNER, Authenticator, AuthResult, User
from expander.local.apiserver.access.rbac import Authorizer
from expander.local.apiserver.fault_injection import RETRY_AFTER, TOO_MANY, Faults
from expander.local.apiserver.non_resource import non_resource_response
from expander.local.apiserver.patch.errors import PatchError
from expander.local.apiserver.patch.managed_fields import manager_name
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.registry import RELEASE
from expander.local.store.database import Object
from expander.validate.server_warnings import kind_warning

log = logging.getLogger(__name__)

OBJECT_VERBS: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
SUBRESOURCE_VERBS: Final = {**OBJECT_VERBS, "POST": "create"}
COLLECTION_VERBS: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
"""The verb that a method means, by what the path leads to."""


CONNECT: Final = ("exec", "attach", "portforward")
"""Subresources of a pod that become a connection."""

FIRST_SAMPLE_SECONDS: Final = 0.25
"""How long what pods use is measured when nobody asked for it of late."""

MAX_WARNING_CHARS: Final = 4096
"""Characters of all warnings of an answer, and of one where those are more (warning.go of the API server):
clients refuse longer headers.
"""
MAX_LONG_WARNING_CHARS: Final = 256


class App:
    """Answers requests, each as ``authorizer`` allows it.

    ``issuer`` is of service accounts' tokens, ``most`` is how many short requests are answered at a time
    (None: no limit); watches and logs that are followed are not counted, as in a real server.
    """

    def __init__(
        self,
        backend: Backend,
        authenticator: Authenticator,
        *,
        authorizer: Authorizer,
        issuer: tokens.ServiceAccountTokens,
        faults: Faults | None = None,
        most: int | None = None,
    ) -> None:
        self._backend = backend
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._issuer = issuer
        self._faults = faults or Faults()
        self._most = most
        self._running = 0
        self._metrics = metrics.Metrics()
        self.on_authenticated: Callable[[object], None] = lambda address: None
        """Called with the address of the other side of each request that was authenticated."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to one request; never raises but when the connection is cut."""
        response = await self._answer(request)
        self._metrics.count(request, response.status)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._limited(request, self._user(request))
        except StatusError as refusal:
            return _refused(request, refusal.status, refusal.headers)
        except (AdmissionError, PatchError) as refusal:
            status = statuses.failure(refusal.code, refusal.reason, refusal.message, refusal.details)
            return _refused(request, status)
        except RecursionError:
            return _refused(request, statuses.bad_request("the body is nested too deeply"))
        except asyncio.CancelledError:
            raise
        except ConnectionError:  # the client went away in the middle of its request
            return web.Response()
        except OutputError as error:
            self._backend.loop.changed()  # which tries to keep what was changed until it can
            return _refused(request, statuses.internal(str(error)))
        except Exception as error:
            log.exception("%s %s failed", request.method, request.rel_url.raw_path)
            return _refused(request, statuses.internal(str(error)))

    def _user(self, request: web.BaseRequest) -> User | None:
        """Who asks; None for what anybody may ask. StatusError for somebody who is not known."""
        transport = request.transport
        found = self._authenticator.judge(request.rel_url.raw_path, request.headers, transport)
        if isinstance(found, User):
            if transport is not None:
                self.on_authenticated(transport.get_extra_info("peername"))
            return attributes.impersonated(found, request.headers, self._authorizer)
        if found is AuthResult.UNAUTHORIZED:
            raise StatusError(statuses.unauthorized())
        if found is AuthResult.FOREIGN:
            words = "the request is meant for another server, or comes from a page of another one"
            raise StatusError(statuses.failure(403, "Forbidden", words))
        return None

    async def _limited(self, request: web.BaseRequest, user: User | None) -> web.StreamResponse:
        long = _lasts(request)
        if self._most is not None and not long and self._running >= self._most:
            return _too_many()
        self._running += not long
        try:
            return await self._faulty(request, user, long)
        finally:
            self._running -= not long

    async def _faulty(self, request: web.BaseRequest, user: User | None, long: bool) -> web.StreamResponse:
        fault = self._faults.draw()
        if fault.wait:
            await asyncio.sleep(fault.wait)
        if fault.reset:
            return _cut(request)
        if fault.code == TOO_MANY:
            return _too_many()
        if fault.code:
            words = "injected on request"
            return _refused(request, statuses.failure(fault.code, "InternalError", words))
        answer = await self._route(request, user)
        return _cut(request) if fault.lost and not long else answer

    async def _route(self, request: web.BaseRequest, user: User | None) -> web.StreamResponse:
        steps = routing.steps(request.message.path.partition("?")[0])
        if steps is None:
            return codecs.text_response(statuses.PAGE_NOT_FOUND_TEXT, 404)
        if user is not None and request.method == "POST" and reviews.is_review(steps):
            self._authorizer.check(user, attributes.of_review(steps))
            form = codecs.negotiate(codecs.requested_formats(request))
            if form.kind:
                raise StatusError(statuses.not_acceptable())
            data = await codecs.read_body(request)
            asked = codecs.decode_body(data, codecs.media_type(request)).data
            answer = reviews.review(steps, asked, user, self._authenticator, self._authorizer)
            return codecs.object_response(answer, code=201, form=form)
        kinds = self._backend.storage.kinds
        target = routing.target(steps, kinds)
        if target is None:
            if user is not None:
                self._authorizer.check(user, attributes.of_path(request))
            if steps[:1] and steps[0] in health.CHECKS and request.method in ("GET", "HEAD"):
                return health.response(request, steps, self._backend.loop)
            if steps == ["metrics"] and request.method == "GET":
                text = self._metrics.text(self._backend.storage, self._running)
                return codecs.text_response(text, media=metrics.MEDIA_TYPE)
            return non_resource_response(request, steps, kinds)
        request[metrics.RESOURCE] = target.resource.full_name
        return await self._verb(request, target, user or OWNER)

    async def _verb(self, request: web.BaseRequest, target: Target, user: User) -> web.StreamResponse:
        verbs = SUBRESOURCE_VERBS if target.part else OBJECT_VERBS if target.name else COLLECTION_VERBS
        verb = verbs.get(request.method)
        if verb is None or verb not in target.verbs:
            raise StatusError(statuses.method_not_allowed())
        backend, query = self._backend, request.query
        creates = verb == "create" and not target.part
        if not creates:
            backend.loop.keep()
        watched = verb == "list" and query.get("watch", "").lower() in ("true", "1")
        self._authorizer.check(user, attributes.of_target(target, "watch" if watched else verb, query))
        if target.part in CONNECT:
            self._authorizer.check(user, attributes.of_target(target, "create", query))
        if target.part == "log":
            return await pod_logs.serve(backend, request, target)
        if target.part in CONNECT:
            from expander.local.apiserver import pod_streams

            return await pod_streams.serve(backend, request, target)
        forms, row = codecs.requested_formats(request), target.resource
        if target.part == "scale":
            form = codecs.negotiate(forms)
        else:
            form = codecs.negotiate(forms, row.api_version, row.kind)
        if watched and "watch" not in target.verbs:
            raise StatusError(statuses.method_not_allowed())
        if row.computed:
            await self._measure()
        if watched:
            return await watch.serve(backend, request, target, form)
        said = _warned([words] if (words := kind_warning(row.api_version, row.kind, RELEASE)) else [])
        if verb == "list":
            return await read.list_response(backend, target, query, form, said)
        if verb == "get" and target.part == "scale":
            found = scale.read_scale(backend, target, query, form)
            return codecs.object_response(found, form=form)
        if verb == "get":
            found = read.get_response(backend, target, query, form)
            return codecs.object_response(found, form=form, headers=said)
        data = await codecs.read_body(request)
        if not creates:
            backend.loop.keep()
        media = codecs.media_type(request)
        if verb == "deletecollection":
            asked = codecs.decode_body(data, media).data if data else None
            deleted = await delete.collection(backend, target, asked, query)
            return codecs.object_response(deleted, form=form)
        manager = manager_name(query.get("fieldManager", ""), request.headers.get("User-Agent", ""))
        vet = partial(self._vet, user, target)
        writer = write.WriteRequest(backend, target, query, manager, vet, user.info)
        response = self._write(verb, writer, data, media, form)
        await backend.loop.kept()
        return response

    async def _measure(self) -> None:
        """Have a new sample of what pods use, and one before it."""
        usage, clock = self._backend.storage.usage, self._backend.clock
        if usage.is_stale(clock()):
            usage.sample(clock())
            await asyncio.sleep(FIRST_SAMPLE_SECONDS)
        usage.sample(clock())

    def _vet(self, user: User, target: Target, obj: Object, new: bool) -> None:
        """Raises StatusError for what somebody may not store: a role that gives away more than they have, and
        what a patch creates, if they may not create it.
        """
        if new:
            self._authorizer.check(user, attributes.of_target(target, "create", {}))
        self._authorizer.check_escalation(user, obj)

    def _write(
        self,
        verb: str,
        writer: write.WriteRequest,
        data: bytes,
        media: str,
        form: codecs.ResponseFormat,
    ) -> web.StreamResponse:
        backend, target, query = writer.backend, writer.target, writer.query
        warnings: list[str] = []
        if target.part == "scale":
            patch = (data, media) if verb == "patch" else None
            body = codecs.decode_body(data, media) if verb != "patch" else None
            return codecs.object_response(scale.write_scale(writer, body, patch), form=form)
        if verb == "patch":
            obj, warnings = writer.patch(data, media)
        else:
            body = codecs.decode_body(data, media) if data else codecs.RequestBody(None)
            if target.part == "token":
                answer = tokens.create_token(backend, self._issuer, target, body.data)
                return codecs.object_response(answer, code=201, form=form)
            if target.part == "eviction":
                return codecs.object_response(delete.evict(backend, target, body.data), code=201, form=form)
            if verb == "delete":
                obj, warnings = delete.delete(backend, target, body.data, query)
            elif verb == "create":
                obj, warnings = writer.create(body)
            else:
                obj, warnings = writer.update(body)
        shaped = obj
        if obj.get("kind") == target.resource.kind:
            shaped = codecs.encode_object(target.resource, obj, form, backend.clock())
        return codecs.object_response(shaped, code=writer.code, form=form, headers=_warned(warnings))


def _refused(
    request: web.BaseRequest, status: statuses.Status, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The response with a Status; in JSON when the client accepts nothing."""
    try:
        form = codecs.negotiate(codecs.requested_formats(request))
    except StatusError:
        form = codecs.ResponseFormat()
    return codecs.object_response(status, code=int(status["code"]), form=form, headers=headers)


def _too_many() -> web.Response:
    return codecs.text_response(statuses.TOO_MANY_REQUESTS_TEXT, TOO_MANY, {"Retry-After": RETRY_AFTER})


def _lasts(request: web.BaseRequest) -> bool:
    """Whether a request is one that goes on: a watch, a log that is followed, the streams of a container."""
    if request.rel_url.raw_path.rpartition("/")[2] in CONNECT:
        return True
    return any(request.query.get(name, "").lower() in ("true", "1") for name in ("watch", "follow"))


def _warned(warnings: list[str]) -> dict[str, Any]:
    """The headers that carry warnings: if they are long, each is cut, and only the first of them are sent."""
    if sum(map(len, warnings)) > MAX_WARNING_CHARS:
        warnings = [each[:MAX_LONG_WARNING_CHARS] for each in warnings]
        warnings = warnings[: MAX_WARNING_CHARS // MAX_LONG_WARNING_CHARS]
    quoted = (each.replace("\\", "\\\\").replace('"', '\\"') for each in warnings)
    return {"Warning": ", ".join(f'299 - "{each}"' for each in quoted)} if warnings else {}


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """End the connection; what is answered then reaches nobody, and nobody complains."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
