"""Questions about the cluster itself, asked again until they are answered or time is up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from expander.base.errors import ExpanderError, ItemError
from expander.client.retry import TRANSIENT, Retry, retry_after, status_of
from expander.client.transport import ConnectionLost, Transport

PAGE_SIZE: Final = 500
"""Objects of a list that are asked for at a time."""

PERMANENT_CONNECTION_ERRORS: Final = ("certificate",)
"""Words in what went wrong with a connection that time does not mend."""


class ClusterError(ExpanderError):
    """The cluster cannot be asked: it does not answer, or does not let us."""

    exit_code = 1


class StatusError(ClusterError):
    """The server gave a final answer to a question; ``code`` is its status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unreachable(ClusterError):
    """There is no server where one should be, or not the one it should be."""


class ApiClient:
    """Asks a cluster; `Refused` when it says no, `Unreachable` when there is none, else `ClusterError`.

    ``stopped`` ends the waiting early.
    """

    def __init__(self, transport: Transport, retry: Retry, stopped: Callable[[], bool]) -> None:
        self._transport = transport
        self._retry = retry
        self._stopped = stopped
        self._resources: dict[str, dict[str, Resource]] = {}

    def get(self, path: str) -> Any:
        """The JSON at ``path``."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON that answers a request which may be made twice."""
        first, failures, denied = time.monotonic(), 0, 0
        while True:
            asked, lost = None, False
            try:
                reply = self._transport.request(method, path, body)
                if reply.status < 300:
                    return json.loads(reply.body)
                why = str(status_of(reply.body).get("message") or f"HTTP {reply.status}")
                asked = retry_after(reply.headers, reply.body, time.time())
                if reply.status == 401 and denied < 2:
                    denied += 1
                    self._transport.refresh()
                elif reply.status not in TRANSIENT:
                    raise StatusError(reply.status, f"{self._transport.server}: {why}")
            except ConnectionLost as error:
                why, lost = str(error), True
            failures += asked is None
            wait = self._retry.wait(failures, asked, random.random())
            words = f"{self._transport.server} does not answer: {why}"
            if lost and any(sign in why for sign in PERMANENT_CONNECTION_ERRORS):
                raise Unreachable(words)
            if self._retry.is_over(first, time.monotonic(), wait) or self._stopped():
                raise Unreachable(words) if lost else ClusterError(words)
            time.sleep(wait)

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the server names a kind. Raises ItemError when it does not have it."""
        if api_version not in self._resources:
            prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                found = self.get(prefix)["resources"]
            except StatusError as refused:
                if refused.code != 404:
                    raise
                found = []
            self._resources[api_version] = {
                each["kind"]: Resource(prefix, each["name"], each["namespaced"])
                for each in found
                if "/" not in each["name"]
            }
        resource = self._resources[api_version].get(kind)
        if resource is None:
            raise ItemError(f"the server has no {kind} in {api_version}")
        return resource

    def pages(self, path: str, selector: str, fields: str = "") -> Iterator[Mapping[str, Any]]:
        """The pages of the list at ``path`` of what the label ``selector`` and the field selector select.

        Raises `Refused` 410 when the list has become too old to go on.
        """
        more = ""
        while True:
            query = f"?limit={PAGE_SIZE}&labelSelector={quote(selector)}&fieldSelector={quote(fields)}"
            page = self.get(path + query + (f"&continue={quote(more)}" if more else ""))
            yield page
            more = page["metadata"].get("continue") or ""
            if not more:
                return


@dataclass(frozen=True, slots=True)
class Resource:
    """How a server names a kind: ``prefix`` is ``/apis/batch/v1``, ``plural`` is ``jobs``."""

    prefix: str
    plural: str
    namespaced: bool

    @property
    def title(self) -> str:
        """As kubectl writes it: ``job.batch`` is made of this and the kind."""
        parts = self.prefix.split("/")
        return parts[2] if parts[1] == "apis" else ""
