"""What the API writes in every object of a kind, though a defaulted object here may be without it.

Times of pod conditions that nobody set are null, a Job says whether its selector is the user's, and what a
Secret gets as text is among its data (``k8s.io/api/core/v1`` types.go, the defaults of batch/v1, and the
conversion of Secrets).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

Object = dict[str, Any]


def as_written(obj: Mapping[str, Any]) -> Object:
    """``obj``, a defaulted object, as the API writes it."""
    fill = FILLS.get((obj.get("apiVersion"), obj.get("kind")))
    return dict(obj) if fill is None else fill(obj)


def _pod(obj: Mapping[str, Any]) -> Object:
    status = obj.get("status") or {}
    if not status.get("conditions"):
        return dict(obj)
    times = {"lastProbeTime": None, "lastTransitionTime": None}
    return {**obj, "status": {**status, "conditions": [{**times, **each} for each in status["conditions"]]}}


def _job(obj: Mapping[str, Any]) -> Object:
    spec = obj.get("spec")
    return {**obj, "spec": {"manualSelector": False, **spec}} if spec else dict(obj)


def _secret(obj: Mapping[str, Any]) -> Object:
    texts = obj.get("stringData")
    if not texts:
        return dict(obj)
    data = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
    result = {key: value for key, value in obj.items() if key != "stringData"}
    return {**result, "data": {**(obj.get("data") or {}), **data}}


FILLS: Final[Mapping[tuple[Any, Any], Callable[[Mapping[str, Any]], Object]]] = {
    ("v1", "Pod"): _pod,
    ("batch/v1", "Job"): _job,
    ("v1", "Secret"): _secret,
}
