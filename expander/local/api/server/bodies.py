"""Request bodies to data: JSON, YAML and protobuf, within the sizes a real server takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from expander.base.errors import YamlError
from expander.base.yaml.documents import load_documents
from expander.local.api.server import protobuf
from expander.local.api.server.refusals import Refused
from expander.local.api.views import statuses
from expander.local.api.views.duplicates import duplicate_fields
from expander.local.store.encoding import decode

LARGEST: Final = statuses.LARGEST_BODY
"""Bytes of the largest request body (MaxRequestBodyBytes of the API server)."""

JSON_TYPES: Final = frozenset(("application/json",))
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
YAML_TYPES: Final = frozenset(("application/yaml", "application/x-yaml"))


@dataclass(slots=True)
class Body:
    """The data of a body, what is to be said of fields that it names twice, and its bytes."""

    data: Any
    duplicates: list[str] = field(default_factory=list)
    raw: bytes = b""


async def read(request: web.BaseRequest) -> bytes:
    """The bytes of a body; Refused when there are too many."""
    if (request.content_length or 0) > LARGEST:
        raise Refused(statuses.too_large(LARGEST))
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(statuses.too_large(LARGEST)) from None


def media_type(request: web.BaseRequest) -> str:
    """The media type of a body, without parameters; JSON when none is named."""
    return request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()


def parse(data: bytes, media: str) -> Body:
    """The data of a body of that type; Refused when it is not what it claims to be."""
    if media in YAML_TYPES:
        return _yaml(data)
    if media == PROTOBUF:
        return _protobuf(data)
    if media not in JSON_TYPES:
        raise Refused(statuses.unsupported_media_type())
    return _json(data)


def _json(data: bytes) -> Body:
    try:
        return Body(decode(data), duplicate_fields(data), data)
    except (ValueError, RecursionError) as error:
        words = f"the object provided is unrecognized (json parse error: {error})"
        raise Refused(statuses.bad_request(words)) from None


def _protobuf(data: bytes) -> Body:
    try:
        return Body(protobuf.decode(data))
    except ValueError as error:
        raise Refused(statuses.bad_request(str(error))) from None


def _yaml(data: bytes) -> Body:
    try:
        documents = list(load_documents(data, "body", "last"))
    except (YamlError, RecursionError) as error:
        raise Refused(statuses.bad_request(f"error converting YAML to JSON: {error}")) from None
    if len(documents) != 1:
        raise Refused(statuses.bad_request("the body must hold one document"))
    return Body(documents[0].data)
