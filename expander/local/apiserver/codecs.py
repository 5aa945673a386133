"""Objects to bytes: what a client said it accepts, and the response in that form.

Request bodies to data: JSON, YAML and protobuf, within the sizes a real server takes.

Objects in the form that a client accepts: as they are, as a Table, or their metadata alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from expander.base.errors import YamlError
from expander.base.yaml.documents import load_documents
from expander.base.yaml.writer import dump
from expander.kube.scheme import Resource
from expander.local.apiserver import pagination, protobuf, status
from expander.local.apiserver.decode_errors import duplicate_fields
from expander.local.apiserver.printers import table
from expander.local.apiserver.status import Refused
from expander.local.store.database import Object, decode, encode

JSON: Final = "application/json"
YAML: Final = "application/yaml"
HEADERS: Final = {"Cache-Control": "no-cache, private"}


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an answer: its media type, and the kind it is converted to (``Table``), if any."""

    media: str = JSON
    kind: str = ""
    version: str = ""


def forms(accept: str) -> list[Form]:
    """The forms that an Accept header allows and this server speaks, best first; empty when none is."""
    found = []
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        media, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(piece.partition("=")[::2] for piece in parameters)
        if media in ("*/*", "application/*"):
            media = JSON
        if media in (JSON, YAML):
            found.append(Form(media, given.get("as", ""), given.get("v", "")))
    return found


def answer(
    obj: Object, *, code: int = 200, form: Form | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response with an object."""
    media = form.media if form else JSON
    data = dump(obj).encode() if media == YAML else encode(obj) + b"\n"
    return raw(data, media, code=code, headers=headers)


def raw(
    data: bytes, media: str, *, code: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response with these bytes."""
    return web.Response(body=data, status=code, headers={**HEADERS, "Content-Type": media, **(headers or {})})


def text(words: str, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A response in plain text."""
    plain = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return raw(words.encode(), "text/plain; charset=utf-8", code=code, headers=plain)


LARGEST: Final = status.LARGEST_BODY
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
        raise Refused(status.too_large(LARGEST))
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(status.too_large(LARGEST)) from None


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
        raise Refused(status.unsupported_media_type())
    return _json(data)


def _json(data: bytes) -> Body:
    try:
        return Body(decode(data), duplicate_fields(data), data)
    except (ValueError, RecursionError) as error:
        words = f"the object provided is unrecognized (json parse error: {error})"
        raise Refused(status.bad_request(words)) from None


def _protobuf(data: bytes) -> Body:
    try:
        return Body(protobuf.decode(data))
    except ValueError as error:
        raise Refused(status.bad_request(str(error))) from None


def _yaml(data: bytes) -> Body:
    try:
        documents = list(load_documents(data, "body", "last"))
    except (YamlError, RecursionError) as error:
        raise Refused(status.bad_request(f"error converting YAML to JSON: {error}")) from None
    if len(documents) != 1:
        raise Refused(status.bad_request("the body must hold one document"))
    return Body(documents[0].data)


TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"

KINDS: Final = frozenset(("", TABLE, PARTIAL, PARTIAL_LIST))


def chosen(forms: Sequence[Form]) -> Form:
    """The first form that objects have; Refused when there is none."""
    for form in forms:
        if form.kind in KINDS:
            return form
    raise Refused(status.not_acceptable())


def one(
    resource: Resource, obj: Object, form: Form, now: float, *, include: str = "", headers: bool = True
) -> Object:
    """A single object; ``include`` and ``headers`` are about tables."""
    if form.kind == TABLE:
        return table.table(resource, [obj], now, include=include, headers=headers)
    if form.kind == PARTIAL:
        return pagination.partial(obj)
    return obj


def several(
    resource: Resource,
    objects: Sequence[Mapping[str, Any]],
    metadata: Object,
    form: Form,
    now: float,
    *,
    include: str = "",
) -> Object:
    """A list; ``metadata`` is the list's own."""
    if form.kind == TABLE:
        return table.table(resource, objects, now, metadata=metadata, include=include)
    if form.kind == PARTIAL_LIST:
        return pagination.partial_list(objects, metadata)
    return pagination.listed(resource.api_version, resource.kind, objects, metadata)
