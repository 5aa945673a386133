"""Lists: their objects, their metadata, and the pages that ``limit`` and ``continue`` ask for.

A continue token is apimachinery's: the version of the list and the key it goes on behind.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.local.store.encoding import RestingObject

Object = Mapping[str, Any]

META: Final = "meta.k8s.io/v1"


def listed(api_version: str, kind: str, objects: Iterable[Object], metadata: Object) -> dict[str, Any]:
    """A typed list, as JobList; ``kind`` is that of the objects.

    ``metadata`` is `pages.Page.metadata`. Kind and version of the objects are those of the list, and are
    not repeated.
    """
    items = [*map(bare, objects)]
    return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": dict(metadata), "items": items}


def bare(obj: Object) -> dict[str, Any]:
    """An object as an item of `listed`."""
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}


def partial(obj: Object) -> dict[str, Any]:
    """The metadata alone, which a client gets that accepts ``as=PartialObjectMetadata``."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}


def partial_list(objects: Iterable[Object], metadata: Object) -> dict[str, Any]:
    """A list of metadata, for ``as=PartialObjectMetadataList``."""
    items = [partial(obj) for obj in objects]
    kind = "PartialObjectMetadataList"
    return {"kind": kind, "apiVersion": META, "metadata": dict(metadata), "items": items}


Key = tuple[str, str]
"""Namespace and name: the order of the store. Objects of the cluster have an empty namespace."""

_VERSION: Final = "meta.k8s.io/v1"
_NOT_VALID: Final = "continue key is not valid"


INCONSISTENT: Final = -1
"""The version in a token that goes on with what is there by then."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a later portion begins: at the first object past ``after``; ``version`` is that of the list."""

    version: int
    after: Key


@dataclass(frozen=True, slots=True)
class Page:
    """One portion. ``token`` is for the next, empty when there is none; ``remaining`` None is unknown."""

    items: list[Any]
    version: int
    token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the list, or of its table."""
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if self.token:
            metadata["continue"] = self.token
        if self.remaining:
            metadata["remainingItemCount"] = self.remaining
        return metadata


def key(obj: Object) -> Key:
    """What objects of one kind are listed by."""
    if isinstance(obj, RestingObject):
        return obj.namespace, obj.name
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def page(objects: Sequence[Object], version: int, *, limit: int = 0, total: int | None = None) -> Page:
    """The portion of ``objects`` that a client asks for.

    ``objects`` are those from the first of the portion on, in the order of `key`, at least one more than
    ``limit`` if there are; without ``limit`` all are. ``version`` is the resource version of the list.
    ``total`` is how many there are from the first on; None when that is not known, as when a selector chose
    the objects: the API then does not say how many remain.
    """
    if limit <= 0 or len(objects) <= limit:
        return Page([*objects], version)
    items = [*objects[:limit]]
    remaining = None if total is None else max(1, total - limit)  # events come meanwhile
    return Page(items, version, encode(Start(version, key(items[-1]))), remaining)


def encode(start: Start) -> str:
    """The token for a later portion."""
    path = "/".join(part for part in start.after if part)
    token = json.dumps({"v": _VERSION, "rv": start.version, "start": path + "\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def decode(token: str) -> Start:
    """What a token says. Raises ValueError in the words of the API, which answers 400 with them."""
    try:
        found = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{_NOT_VALID}: {error}") from None
    if not isinstance(found, dict) or found.get("v") != _VERSION:
        raise ValueError(f"{_NOT_VALID}: server does not recognize this encoded version")
    version, path = found.get("rv"), found.get("start")
    if type(version) is not int or version == 0:
        raise ValueError(f"{_NOT_VALID}: incorrect encoded start resourceVersion (version {_VERSION})")
    if not isinstance(path, str) or not path:
        raise ValueError(f"{_NOT_VALID}: encoded start key empty (version {_VERSION})")
    if ".." in path.split("/"):
        raise ValueError(f"{_NOT_VALID}: {path}")
    namespace, _, name = path.removesuffix("\0").rpartition("/")
    return Start(version, (namespace, name))
