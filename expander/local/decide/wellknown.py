"""Names that the API gives to labels, annotations and finalizers of Jobs and their pods, and its times.

k8s.io/api/batch/v1 (types.go) decides the names; times in objects are RFC 3339 in UTC, whole seconds.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
CONTROLLER = "kubernetes.io/job-controller"
"""The value of spec.managedBy that stands for the controller this package follows."""

Object = Mapping[str, Any]
INT32_MAX = 2**31 - 1


@functools.lru_cache(maxsize=4096)
def unix(text: str) -> float:
    """The Unix time of an API timestamp; ValueError when it is none."""
    return datetime.fromisoformat(text).timestamp()


def api_time(now: float) -> str:
    """The API's form of a Unix time: whole seconds, cut off."""
    return _second(int(now))


@functools.lru_cache(maxsize=256)
def _second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def number(annotations: Object | None, key: str, missing: int = 0) -> int:
    """The count in an annotation; ``missing`` when it is absent, malformed, negative or no int32."""
    text = (annotations or {}).get(key)
    if not isinstance(text, str) or not text.isascii() or not text.removeprefix("+").isdecimal():
        return missing
    value = int(text)
    return value if value <= INT32_MAX else missing
