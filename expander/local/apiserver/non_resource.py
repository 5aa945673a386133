"""Paths that lead to no objects: version, discovery and OpenAPI."""

from __future__ import annotations

import hashlib
from typing import Final

from aiohttp import web

from expander.kube.served_kinds import ServedKinds
from expander.local.apiserver import codecs
from expander.local.apiserver import status as statuses
from expander.local.apiserver.discovery import discovery, openapi, openapi_v2
from expander.local.apiserver.status import StatusError
from expander.local.store.database import Object
from expander.local.store.encoding import encode

OPENAPI_2: Final = b"\x0a\x032.0"
"""An OpenAPI 2 document in protobuf with nothing in it but its version: kubectl, which asks for it so, leaves
checks to the server then."""
OPENAPI_2_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def non_resource_response(request: web.BaseRequest, steps: list[str], kinds: ServedKinds) -> web.Response:
    """The answer to a request whose path leads to no objects of the ``kinds`` that are served."""
    if request.method not in ("GET", "HEAD"):
        known = steps in (["api"], ["apis"]) or _plain(steps, kinds) is not None
        raise StatusError(statuses.method_not_allowed() if known else statuses.no_such_resource())
    if steps == ["openapi", "v2"]:
        return _openapi_v2(request, kinds)
    if steps[:2] == ["openapi", "v3"]:
        return _openapi(request, steps[2:], kinds)
    if steps in (["api"], ["apis"]):
        return _roots(request, kinds, core=steps == ["api"])
    body = _plain(steps, kinds)
    if body is None:
        if steps[:1] in (["api"], ["apis"]) and len(steps) > 1:
            raise StatusError(statuses.no_such_resource())
        return codecs.text_response(statuses.PAGE_NOT_FOUND_TEXT, 404)
    return _discovered(request, body)


def _plain(steps: list[str], kinds: ServedKinds) -> Object | None:
    match steps:
        case []:
            return discovery.paths(kinds)
        case ["version"]:
            return discovery.version()
        case ["api", version]:
            return discovery.api_resource_list("", version, kinds)
        case ["apis", group]:
            return discovery.api_group(group, kinds)
        case ["apis", group, version]:
            return discovery.api_resource_list(group, version, kinds)
    return None


def _roots(request: web.BaseRequest, kinds: ServedKinds, *, core: bool) -> web.Response:
    """``/api`` and ``/apis``, aggregated where the client knows that form."""
    for form in codecs.requested_formats(request):
        if form.kind == discovery.AGGREGATED_KIND and form.version in discovery.AGGREGATED_TYPES:
            media = discovery.AGGREGATED_TYPES[form.version]
            return _cached(request, encode(discovery.aggregated(core, form.version, kinds)), media)
    body = discovery.api_versions(request.headers["Host"]) if core else discovery.api_group_list(kinds)
    return _discovered(request, body)


def _discovered(request: web.BaseRequest, body: Object) -> web.Response:
    """An object of discovery in the form that the client accepts; what is no object comes as JSON."""
    form = codecs.negotiate(codecs.requested_formats(request)) if "kind" in body else None
    return codecs.object_response(body, form=form)


def _openapi_v2(request: web.BaseRequest, kinds: ServedKinds) -> web.Response:
    if "proto-openapi" in request.headers.get("Accept", ""):
        return codecs.raw_response(OPENAPI_2, OPENAPI_2_TYPE)
    served = tuple(kinds.of_group(*each) for each in kinds.group_versions)
    return _cached(request, openapi_v2.document(served), codecs.JSON)


def _openapi(request: web.BaseRequest, steps: list[str], kinds: ServedKinds) -> web.Response:
    if not steps:
        return _cached(request, encode(openapi.index(kinds)), codecs.JSON)
    group, version = "", ""
    match steps:
        case ["api", version]:
            pass
        case ["apis", group, version]:
            pass
    if resources := kinds.of_group(group, version):
        return _cached(request, openapi.document(resources), codecs.JSON)
    return codecs.text_response(statuses.PAGE_NOT_FOUND_TEXT, 404)


def _cached(request: web.BaseRequest, data: bytes, media: str) -> web.Response:
    """An answer that a client may keep and ask about again by its ETag."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32].upper()}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
    if request.headers.get("If-None-Match") == tag:
        return codecs.raw_response(b"", media, code=304, headers=headers)
    return codecs.raw_response(data, media, headers=headers)
