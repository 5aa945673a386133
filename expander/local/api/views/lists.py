"""Lists of objects, and objects of which only the metadata is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Object = Mapping[str, Any]

META: Final = "meta.k8s.io/v1"


def listed(api_version: str, kind: str, objects: Iterable[Object], metadata: Object) -> dict[str, Any]:
    """A typed list, as JobList; ``kind`` is that of the objects.

    ``metadata`` is `pages.Page.metadata`. Kind and version of the objects are those of the list, and are
    not repeated.
    """
    bare = [
        {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")} for obj in objects
    ]
    return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": dict(metadata), "items": bare}


def partial(obj: Object) -> dict[str, Any]:
    """The metadata alone, which a client gets that accepts ``as=PartialObjectMetadata``."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}


def partial_list(objects: Iterable[Object], metadata: Object) -> dict[str, Any]:
    """A list of metadata, for ``as=PartialObjectMetadataList``."""
    items = [partial(obj) for obj in objects]
    kind = "PartialObjectMetadataList"
    return {"kind": kind, "apiVersion": META, "metadata": dict(metadata), "items": items}
