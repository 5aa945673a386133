"""``/metrics``: a few numbers about the server, in the text form of Prometheus and with Kubernetes' names."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from expander.local.apiserver.storage import Storage
from expander.local.registry import GIT_VERSION

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
RESOURCE: Final = "resource"
"""Where a request keeps the resource it is about."""
_STARTED: Final = time.time()


class Metrics:
    """Counts the requests of one server."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()

    def count(self, request: web.BaseRequest, code: int) -> None:
        """A request was answered."""
        self._requests[request.method, request.get(RESOURCE, ""), code] += 1

    def text(self, storage: Storage, running: int) -> str:
        """All numbers; ``running`` requests are being answered."""
        requests = {
            f'{{code="{code}",resource="{found}",verb="{method}"}}': count
            for (method, found, code), count in sorted(self._requests.items())
        }
        served = (row for each in storage.kinds.group_versions for row in storage.kinds.of_group(*each))
        objects = {
            f'{{resource="{row.full_name}"}}': storage.count(row, None, ("", ""))
            for row in served
            if not row.computed
        }
        used = resource.getrusage(resource.RUSAGE_SELF)
        return "".join(
            (
                _shown("kubernetes_build_info", "gauge", {f'{{git_version="{GIT_VERSION}"}}': 1}),
                _shown("apiserver_request_total", "counter", requests),
                _shown("apiserver_current_inflight_requests", "gauge", {"": running}),
                _shown("apiserver_storage_objects", "gauge", objects),
                _shown("process_cpu_seconds_total", "counter", {"": used.ru_utime + used.ru_stime}),
                _shown("process_resident_memory_bytes", "gauge", _resident_memory()),
                _shown("process_start_time_seconds", "gauge", {"": _STARTED}),
            )
        )


def _resident_memory() -> dict[str, float]:
    """Bytes of memory of this process; nothing where there is no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return {"": int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")}
    except OSError:
        return {}


def _shown(name: str, kind: str, values: Mapping[str, float]) -> str:
    """One metric: its type, and a value for each set of labels."""
    return f"# TYPE {name} {kind}\n" + "".join(f"{name}{key} {value}\n" for key, value in values.items())
