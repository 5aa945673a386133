"""Objects to bytes: what a client said it accepts, and the response in that form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from expander.base.yaml.writer import dump
from expander.local.store.encoding import Object, encode

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
