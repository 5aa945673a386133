"""The annotation in which ``kubectl apply`` keeps what it applied, when it turns to server-side apply.

Decided by ``LastAppliedManager`` and ``LastAppliedUpdater`` of apimachinery, which treat the manager
``kubectl`` in a way of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from expander.local.api.patching.fieldsets import Fields, difference
from expander.local.api.patching.shapes import Shape
from expander.local.api.patching.typed import compared, owned

MANAGER: Final = "kubectl"
ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
LARGEST: Final = 256 * 1024
"""Bytes all annotations of an object may have."""


def claims(shape: Shape, live: Mapping[str, Any]) -> Fields:
    """The fields the annotation of ``live`` claims: they may be taken from others, since kubectl set them.

    Those that differ by now are claimed no more. Nothing without a readable annotation.
    """
    try:
        before = json.loads(_annotations(live).get(ANNOTATION) or "null")
    except ValueError:
        return {}
    if not isinstance(before, dict) or before.get("apiVersion") != live.get("apiVersion"):
        return {}
    fields = owned(shape, before)
    for changed in compared(shape, before, live):
        fields = difference(fields, changed)
    return fields


def renewed(obj: dict[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    """``obj`` with ``applied`` in the annotation, if it has one; without it if that gets too long."""
    annotations = dict(_annotations(obj))
    if not annotations.get(ANNOTATION):
        return obj
    annotations[ANNOTATION] = written(applied)
    if sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) > LARGEST:
        del annotations[ANNOTATION]
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def written(applied: Mapping[str, Any]) -> str:
    """An applied object as the annotation holds it: Go's JSON with sorted keys and a newline."""
    if ANNOTATION in _annotations(applied):
        annotations = {key: value for key, value in _annotations(applied).items() if key != ANNOTATION}
        applied = {**applied, "metadata": {**applied["metadata"], "annotations": annotations}}
    text = json.dumps(applied, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def _annotations(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}
