"""JSON merge patches as requests bring them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.merge_patch import merged
from expander.local.api.patching.refusals import BadPatch


def merge_patch(obj: Mapping[str, Any], patch: object) -> dict[str, Any]:
    """A new object: ``obj`` with ``patch`` applied; what stays the same is shared with ``obj``.

    `BadPatch` when the patch is not an object.
    """
    if not isinstance(patch, Mapping):
        raise BadPatch("Invalid JSON Patch")
    return merged(obj, patch)
