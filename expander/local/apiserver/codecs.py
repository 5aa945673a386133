"""Bytes to objects and objects to bytes: request bodies, content negotiation, responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from aiohttp import web

from expander.base.dataclass import dataclass
from expander.base.errors import YamlError
from expander.base.yaml.documents import load_documents
from expander.base.yaml.writer import dump
from expander.kube.api_resource import Resource
from expander.local.apiserver import pagination, status
from expander.local.apiserver.decode_errors import duplicate_fields
from expander.local.apiserver.printers import table
from expander.local.apiserver.protobuf import decoder, encoder
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.turns import Turns
from expander.local.store.database import Object
from expander.local.store.encoding import RestingObject, decode, encode
from expander.local.store.objects import Listed
from expander.validate.defaults.go_types import message_of

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
HEADERS: Final = {"Cache-Control": "no-cache, private"}


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form of an answer: its media type, and the kind it is converted to (``Table``), if any."""

    media: str = JSON
    kind: str = ""
    version: str = ""


def requested_formats(request: web.BaseRequest) -> tuple[ResponseFormat, ...]:
    """The forms that a client accepts and this server speaks, best first; empty when there is none."""
    return _accepted(request.headers.get("Accept", ""))


@lru_cache
def _accepted(accept: str) -> tuple[ResponseFormat, ...]:
    """The forms of an Accept header.

    By quality, then by how much is said, then in the client's order, as goautoneg of kube-openapi sorts them.
    """
    found: list[tuple[float, bool, ResponseFormat]] = []
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        media, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(piece.partition("=")[::2] for piece in parameters)
        anything = media in ("*/*", "application/*")
        if anything:
            media = JSON
        if media in (JSON, YAML, PROTOBUF):
            form = ResponseFormat(media, given.get("as", ""), given.get("v", ""))
            found.append((-_quality(given.get("q", "")), anything, form))
    return tuple(form for *_, form in sorted(found, key=lambda each: each[:2]))


def _quality(text: str) -> float:
    """The ``q`` of an accepted form; what is no number counts as 1."""
    try:
        return float(text)
    except ValueError:
        return 1.0


def object_response(
    obj: Object,
    *,
    code: int = 200,
    form: ResponseFormat | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A response with an object."""
    media = form.media if form else JSON
    if media == PROTOBUF:
        data = encoder.encode(obj)
    else:
        data = dump(obj).encode() if media == YAML else encode(obj) + b"\n"
    return raw_response(data, media, code=code, headers=headers)


def raw_response(
    data: bytes, media: str, *, code: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response with these bytes."""
    return web.Response(body=data, status=code, headers={**HEADERS, "Content-Type": media, **(headers or {})})


def text_response(
    words: str,
    code: int = 200,
    headers: Mapping[str, str] | None = None,
    media: str = "text/plain; charset=utf-8",
) -> web.Response:
    """A response in plain text."""
    plain = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return raw_response(words.encode(), media, code=code, headers=plain)


MAX_BODY_BYTES: Final = status.MAX_BODY_BYTES
"""Bytes of the largest request body (MaxRequestBodyBytes of the API server)."""

JSON_TYPES: Final = frozenset(("application/json",))
YAML_TYPES: Final = frozenset(("application/yaml", "application/x-yaml"))


@dataclass(slots=True)
class RequestBody:
    """The data of a body, what is to be said of fields that it names twice, and its bytes."""

    data: Any
    duplicates: list[str] = field(default_factory=list)
    raw: bytes = b""


async def read_body(request: web.BaseRequest) -> bytes:
    """The bytes of a body; StatusError when there are too many, or their chunks are malformed."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise StatusError(status.too_large(MAX_BODY_BYTES))
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise StatusError(status.too_large(MAX_BODY_BYTES)) from None
    except web.RequestPayloadError as error:
        raise StatusError(status.bad_request(f"the body cannot be read: {error}")) from None


def media_type(request: web.BaseRequest) -> str:
    """The media type of a body, without parameters; JSON when none is named."""
    return request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()


def decode_body(data: bytes, media: str) -> RequestBody:
    """The data of a body of that type; StatusError when it is not what it claims to be."""
    if media in YAML_TYPES:
        return _yaml(data)
    if media == PROTOBUF:
        return _protobuf(data)
    if media not in JSON_TYPES:
        raise StatusError(status.unsupported_media_type())
    return _json(data)


def _json(data: bytes) -> RequestBody:
    try:
        obj = decode(data)
        return RequestBody(obj, duplicate_fields(data, obj), data)
    except (ValueError, RecursionError) as error:
        words = f"the object provided is unrecognized (json parse error: {error})"
        raise StatusError(status.bad_request(words)) from None


def _protobuf(data: bytes) -> RequestBody:
    try:
        return RequestBody(decoder.decode(data))
    except ValueError as error:
        raise StatusError(status.bad_request(str(error))) from None


def _yaml(data: bytes) -> RequestBody:
    try:
        documents = list(load_documents(data, "body", "last"))
    except (YamlError, RecursionError) as error:
        raise StatusError(status.bad_request(f"error converting YAML to JSON: {error}")) from None
    if len(documents) != 1:
        raise StatusError(status.bad_request("the body must hold one document"))
    return RequestBody(documents[0].data)


TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"

CONVERSIONS: Final = frozenset(("", TABLE, PARTIAL, PARTIAL_LIST))
META_VERSIONS: Final = ("v1", "v1beta1")


def negotiate(
    forms: Sequence[ResponseFormat], api_version: str = "v1", kind: str = "Status"
) -> ResponseFormat:
    """The first form that objects of this kind have; StatusError when there is none."""
    for form in forms:
        known = form.kind in CONVERSIONS and (not form.kind or form.version in META_VERSIONS)
        if known and (form.media != PROTOBUF or message_of(api_version, form.kind or kind)):
            return form
    raise StatusError(status.not_acceptable())


def encode_object(
    resource: Resource,
    obj: Object,
    form: ResponseFormat,
    now: float,
    *,
    include: str = "",
    headers: bool = True,
) -> Object:
    """A single object; ``include`` and ``headers`` are about tables."""
    if form.kind == TABLE:
        return table.table(resource, [obj], now, include=include, headers=headers)
    if form.kind == PARTIAL:
        return pagination.partial(obj)
    return obj


PARTS_PER_WRITE: Final = 200
"""Items of a list and commas that are sent together."""


def list_item(form: ResponseFormat) -> Callable[[Listed], bytes] | None:
    """What `list_response` takes of each object, None for itself: JSON, which many objects rest as."""
    return _json_item if form == ResponseFormat() else None


def _json_item(obj: Listed) -> bytes:
    resting = obj.bare if isinstance(obj, RestingObject) else None
    return encode(pagination.bare(obj)) if resting is None else resting


def list_response(
    resource: Resource,
    items: Sequence[Any],
    metadata: Object,
    form: ResponseFormat,
    now: float,
    *,
    include: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A response with a list, whose own ``metadata`` is; ``items`` are made by `list_item`, ``include`` is
    about tables.
    """
    kind, api_version = resource.kind, resource.api_version
    if form == ResponseFormat():
        empty = encode(pagination.listed(api_version, kind, (), metadata)).removesuffix(b"]}")
        return _in_pieces(
            [empty, *islice((part for each in items for part in (b",", each)), 1, None), b"]}\n"], headers
        )
    if form.kind == TABLE:
        found = table.table(resource, items, now, metadata=metadata, include=include)
    elif form.kind == PARTIAL_LIST:
        found = pagination.partial_list(items, metadata)
    else:
        found = pagination.listed(api_version, kind, items, metadata)
    return object_response(found, form=form, headers=headers)


def _in_pieces(parts: list[bytes], headers: Mapping[str, str] | None) -> web.Response:
    """A response with JSON, while which others are answered: it is never put together as a whole."""

    async def pieces() -> AsyncIterator[bytes]:
        turns = Turns()
        for start in range(0, len(parts), PARTS_PER_WRITE):
            yield b"".join(parts[start : start + PARTS_PER_WRITE])
            await turns.give()

    length = {"Content-Length": str(sum(map(len, parts))), "Content-Type": JSON}
    return web.Response(body=pieces(), headers={**HEADERS, **length, **(headers or {})})
