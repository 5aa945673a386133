"""Patch bodies to patched objects, by their media type."""

from __future__ import annotations

from typing import Any, Final

from expander.kube.scheme import Resource
from expander.local.api.patching.json_patch import json_patch
from expander.local.api.patching.merge_patch import merge_patch
from expander.local.api.patching.strategic import strategic_merge_patch
from expander.local.api.server import bodies
from expander.local.api.server.refusals import Refused
from expander.local.api.views import statuses
from expander.local.store.encoding import Object

JSON_PATCH: Final = "application/json-patch+json"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
TYPES: Final = (JSON_PATCH, MERGE, STRATEGIC, APPLY)


def read(data: bytes, media: str) -> Any:
    """The data of a patch; Refused for bytes or a media type that are none."""
    if media not in TYPES:
        raise Refused(statuses.unsupported_media_type(TYPES))
    return bodies.parse(data, "application/yaml" if media == APPLY else "application/json").data


def patched(resource: Resource, old: Object, patch: Any, media: str) -> Object:
    """``old`` with a patch applied that is no apply; not yet checked. Raises `PatchRefused`."""
    if media == JSON_PATCH:
        return json_patch(old, patch)
    if media == MERGE:
        return merge_patch(old, patch)
    return strategic_merge_patch(old, patch, resource.api_version, resource.kind)
