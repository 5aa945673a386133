"""Patch bodies to patched objects, by their media type."""

from __future__ import annotations

from typing import Any

from expander.local.api.views.resources import Resource
from expander.local.merging import merged
from expander.local.store.encoding import Object, decode


def patched(resource: Resource, old: Object, data: bytes, media: str) -> Any:
    """``old`` with the patch applied, not yet checked; Refused when the patch cannot be read or applied."""
    return merged(old, decode(data))
