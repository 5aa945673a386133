"""What the requests of one compiled template have in common: their JSON, with gaps for the texts of an item.

`RequestBuilder` completes the template as it does a manifest, with a token in each gap. What comes of that is
kept, in the order of the template and in that of the digest; a request is then the texts in the gaps of a
manifest, put into both. A text that might be written in another way does not fit, nor has a template a form
in which an item decides more than texts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.time import micro_time_of
from expander.render.compiled import CompiledTemplate, RenderedManifest
from expander.run.item_counts import may_be_several
from expander.submit.canonical import decode, digest_of
from expander.submit.request import PreparedRequest

PLAIN_NAME: Final = regex(r"[a-z0-9.-]+")
"""A name that a URL path has as it is."""

_GAP: Final = regex(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|0|-?[1-9][0-9]{0,17}|true|false')
"""A string, or what JSON writes in one way only."""

_EDGE: Final = "\ue000"
"""Begins and ends a token."""

_TOKEN: Final = regex(f'"{_EDGE}(-?[0-9]+){_EDGE}"')


def _token(number: int) -> str:
    return f"{_EDGE}{number}{_EDGE}"


DIGEST_TOKEN: Final = _token(-2)
STAMP_TOKEN: Final = _token(-1)
"""Behind the texts of an item stand the digest and when the request was prepared."""


class RequestForm:
    """How requests are made of the manifests of a template, by what its objects are as text, with tokens.

    ``content`` is what the digest covers, ``body`` what is sent; ``like`` is one of the requests.
    """

    __slots__ = ("_body", "_content", "_end", "_like", "_may_be_several", "_parts", "is_stamped")

    def __init__(self, compiled: CompiledTemplate, content: str, body: str, like: PreparedRequest) -> None:
        *self._parts, self._end = compiled.layout("json").parts
        self._content = _filler(content)
        self._body = _filler(body)
        self._like = like
        self._may_be_several = may_be_several(body.encode())
        self.is_stamped = STAMP_TOKEN in body

    def request(self, manifest: RenderedManifest, stamp: int) -> PreparedRequest | None:
        """The request for a manifest of the template; None when it does not fit."""
        like, name, text = self._like, manifest.name, manifest.json()
        texts, item = self._texts(text), getattr(manifest.item, "value", None)
        if texts is None or item is None or not PLAIN_NAME.fullmatch(name):
            return None
        digest = digest_of(self._content(texts).encode())
        return PreparedRequest(
            kind=like.kind,
            title=like.title,
            name=name,
            namespace=like.namespace,
            group=like.group,
            item=item,
            collection=like.collection,
            path=f"{like.collection}/{name}",
            source=partial(self._made, texts, digest, stamp),
            size=len(text),
            digest=digest,
            group_label=like.group_label,
            may_be_several=self._may_be_several or '"Indexed"' in texts,
        )

    def _made(self, texts: list[str], digest: str, stamp: int) -> bytes:
        """The object with these texts in the gaps."""
        return self._body([*texts, f'"{digest}"', f'"{micro_time_of(stamp)}"']).encode()

    def _texts(self, text: str) -> list[str] | None:
        """What a manifest has in the gaps; None for what might be written in another way."""
        found, at, match = [], 0, _GAP.match
        for part in self._parts:
            gap = match(text, at + len(part)) if text.startswith(part, at) else None
            if gap is None:
                return None
            found.append(gap[0])
            at = gap.end()
        return found if text.startswith(self._end, at) and len(text) == at + len(self._end) else None


def with_tokens(compiled: CompiledTemplate, group_label: str) -> dict[str, Any] | None:
    """The object of a template with a token in each gap; None when it has no form."""
    layout = compiled.layout("json")
    if not layout.gaps or any(placeholder.is_key for placeholder in compiled.placeholders):
        return None
    if any(_EDGE in part for part in layout.parts):
        return None
    text = layout.parts[0]
    for number, part in enumerate(layout.parts[1:]):
        text += f'"{_token(number)}"{part}'
    tree: dict[str, Any] = decode(text)
    metadata = tree.get("metadata") or {}
    labels = metadata.get("labels") or {}
    fixed = (tree.get("apiVersion"), tree.get("kind"), metadata.get("namespace"), labels.get(group_label))
    return None if any(_EDGE in str(each) for each in fixed) or not metadata.get("name") else tree


def _filler(text: str) -> Callable[[list[str]], str]:
    """Puts texts into the places of their tokens."""
    pieces = _TOKEN.split(text)
    if len(pieces) == 1:
        return lambda _: text
    pattern = "%s".join(constant.replace("%", "%%") for constant in pieces[0::2])
    pick = itemgetter(*map(int, pieces[1::2]))
    return lambda texts: pattern % pick(texts)
