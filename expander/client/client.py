"""API requests that are retried: single objects, discovery of resources, and lists in pages."""

from __future__ import annotations

import json
import random
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, ItemError, StatusError, Unreachable
from expander.base.log import Log
from expander.base.regex import regex
from expander.client.ahead import Ahead
from expander.client.bodies import Keep, decode_list, decode_object
from expander.client.retry import TRANSIENT, Retry, asks_to_wait, retry_after, status_of
from expander.client.transport import LOST, ConnectionLost, NoCredentials, Response, Transport
from expander.kube.api_resource import api_path
from expander.kube.object_check import Check, check_of, is_list, is_mapping, kept_of, list_check
from expander.kube.scheme import find

log = Log("client")

PAGE_SIZE: Final = 500
"""Objects in one page of a list (``limit``), as in kubectl."""

CONTINUE_BYTES: Final = 1 << 12
"""Bytes at the beginning of a page among which its continue token is looked for."""

MAX_EMPTY_PAGES: Final = 1000
"""Pages without objects after which a list does not end."""

GONE_STATUSES: Final = (404, 409)
"""Status codes of a change that mean: this object (of this uid) no longer exists."""

PERMANENT_CONNECTION_ERRORS: Final = ("certificate", "the kubeconfig says")
"""Words in a connection error that no retry helps against."""

PLAIN_HTTP: Final = "the server expects HTTPS, and the kubeconfig says http://"

MAX_FOREIGN_ERRORS: Final = 4
"""Errors in a row without a Status, which no API server wrote, after which they are believed."""

MIN_ANSWER_SECONDS: Final = 5.0
"""How long an answer is waited for, however short the time is in which a request is tried."""

STOP_SECONDS: Final = 0.2
"""Seconds after which a wait ends when it was stopped."""

MAX_UNAUTHORIZED: Final = 2
"""401 answers to one request after which credentials are not renewed again."""


class ApiClient:
    """Sends requests to the API server and retries them; ``stopped`` ends the retries early.

    Every method raises `StatusError` when the server refuses, `Unreachable` when no server answers within
    the budget of ``retry``, and `ClusterError` when all it says until then is that it is busy.
    """

    def __init__(self, transport: Transport, retry: Retry, stopped: Callable[[], bool]) -> None:
        self._transport = transport
        self._retry = retry
        self._stopped = stopped
        self._resources: dict[str, dict[str, Resource]] = {}
        self._discovery = threading.Lock()

    def get(self, path: str, accepts: Check = is_mapping) -> Any:
        """What is at ``path``, such as a version; what is not accepted is not what was asked for."""
        return self.send("GET", path, accepts=accepts)

    def get_object(self, path: str) -> Any:
        """The object at ``path``."""
        return self.get(path, check_of(path))

    def get_list(self, path: str) -> Any:
        """The list of objects at ``path``."""
        return _with_items(self.get(path, list_check(path)))

    def groups(self) -> set[str]:
        """The API groups that the server has; none when it does not tell."""
        try:
            found = self.get("/apis", lambda answer: isinstance(answer.get("groups"), list))["groups"]
        except StatusError:
            return set()
        return {str(each.get("name")) for each in found if isinstance(each, dict)}

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        accepts: Check = is_mapping,
        ask: Callable[[], Response] | None = None,
        decode: Callable[[bytes], Any] = decode_object,
    ) -> Any:
        """The JSON object that answers a request which is safe to repeat, once one comes that is accepted.

        ``ask`` makes it the first time, as `Transport.request` does otherwise; ``decode`` gives None for what
        is not accepted either.
        """
        with self._transport.waits.begin() as wait:
            retrying = partial(self._transport.waits.retry, wait)
            return self._send(method, path, body, accepts, ask, decode, retrying)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        accepts: Check,
        ask: Callable[[], Response] | None,
        decode: Callable[[bytes], Any],
        retrying: Callable[[str], None],
    ) -> Any:
        first, failures, refused, unauthorized, foreign, attempt = time.monotonic(), 0, 0, 0, 0, 0
        asked_at: float | None = None
        while True:
            attempt += 1
            asked, lost, unsent = None, True, False
            try:
                left = max(MIN_ANSWER_SECONDS, self._retry.left(first, time.monotonic(), asked_at))
                request = ask or partial(self._transport.request, method, path, body, seconds=left)
                ask = None
                response = request()
                found = decode(response.body) if response.status < 300 else None
                if found is not None and accepts(found):
                    return found
                why, lost = _message(response), response.status < 400
                refused = refused + 1 if response.status == 429 else 0
                asked = retry_after(response.headers, response.body, time.time())
                asked_at = time.monotonic() if asks_to_wait(response.status, asked) else asked_at
                if response.status == 401 and unauthorized < MAX_UNAUTHORIZED:
                    unauthorized += 1
                    self._transport.refresh()
                elif response.status >= 400 and response.status not in TRANSIENT:
                    foreign += 1
                    if not status_of(response.body) and foreign < MAX_FOREIGN_ERRORS and why != PLAIN_HTTP:
                        raise ConnectionLost(f"{why} without a Status")
                    raise StatusError(response.status, f"{self._transport.server}: {why}")
            except ConnectionLost as error:
                why, unsent = str(error), isinstance(error, NoCredentials)
            failures += asked is None
            wait = self._retry.wait(failures, asked, random.random(), refused)
            failed = self._failure(why, lost, unsent)
            over = self._retry.is_over(first, time.monotonic(), wait, asked_at) or self._stopped()
            if over or (isinstance(failed, Unreachable) and failed.is_permanent):
                raise failed
            log.info(
                "%(method)s %(path)s: %(why)s, attempt %(attempt)d, retry in %(wait).1f s",
                method=method,
                path=path,
                why=why,
                attempt=attempt,
                wait=wait,
            )
            retrying(why if attempt == 1 else f"{why}, {attempt} attempts")
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0 and not self._stopped():
                time.sleep(min(left, STOP_SECONDS))

    def _failure(self, why: str, lost: bool, unsent: bool) -> ClusterError:
        """The error of a request that is given up; ``lost`` without an answer, or ``unsent``."""
        if unsent:
            return StatusError(401, why)
        if not lost:
            return ClusterError(f"{self._transport.server} cannot answer now: {why}")
        error = Unreachable(f"{self._transport.server} does not answer: {why}", hint=self._hint(why))
        error.is_permanent = any(sign in why for sign in PERMANENT_CONNECTION_ERRORS)
        return error

    def _hint(self, why: str) -> str | None:
        """What may help where a server of `expander serve` is not there, or one breaks off."""
        if (state := self._transport.local_state) and why != LOST:  # which says that one runs
            command = shlex.join(["expander", "serve", "--state", state, "--detach"])
            return f"this cluster is a server of `expander serve`; {command} starts it again"
        plain = self._transport.server.startswith("http://")
        return "the kubeconfig says http://; does the server expect HTTPS?" if plain and why == LOST else None

    def annotate(self, path: str, object: Mapping[str, Any], annotations: Mapping[str, str]) -> None:
        """Set annotations of the object at ``path`` if it is still ``object``, by uid; else nothing."""
        metadata = {"uid": object["metadata"]["uid"], "annotations": dict(annotations)}
        try:
            self.send("PATCH", path + "?fieldManager=expander", json.dumps({"metadata": metadata}).encode())
        except StatusError as refused:
            if refused.code not in GONE_STATUSES:
                raise

    def delete(self, path: str, object: Mapping[str, Any], propagation: str = "Background") -> bool:
        """Delete the object at ``path`` if it is still ``object``, by uid; False when it no longer exists."""
        try:
            self.send("DELETE", path, delete_options(propagation, object["metadata"]["uid"]))
        except StatusError as refused:
            if refused.code not in GONE_STATUSES:
                raise
            return False
        return True

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource that serves a kind, from discovery. Raises ItemError when the server has none.

        Safe for threads: an API version is asked for once.
        """
        with self._discovery:
            return self._resource(api_version, kind)

    def _resource(self, api_version: str, kind: str) -> Resource:
        if api_version not in self._resources:
            prefix = api_path(api_version)
            try:
                found = self.get(prefix, _is_discovery)["resources"]
            except StatusError as error:
                if error.code == 403 and (row := find(api_version, kind)) is not None:
                    return Resource(prefix, row.plural, row.namespaced)  # no right to discover what is known
                if error.code != 404:
                    raise
                found = []
            self._resources[api_version] = {
                each["kind"]: Resource(prefix, each["name"], bool(each.get("namespaced")))
                for each in found
                if isinstance(each, dict)
                and isinstance(each.get("kind"), str)
                and isinstance(each.get("name"), str)
                and "/" not in each["name"]
            }
        resource = self._resources[api_version].get(kind)
        if resource is None:
            raise ItemError(f'no matches for kind "{kind}" in version "{api_version}" on the server')
        return resource

    def pages(
        self, path: str, selector: str, fields: str = "", size: int = PAGE_SIZE, keep: Keep | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """The pages of the list at ``path``, by label selector and field selector, with what ``keep`` keeps.

        Each is asked for as soon as the one ahead of it is there, before that is read. A list that expires
        (410) before its last page is read again as one page, as client-go's pager does: objects may come
        twice.
        """
        query = f"labelSelector={quote(selector)}&fieldSelector={quote(fields)}"
        url = f"{path}?limit={size}&{query}"
        decode = partial(decode_list, keep=keep or kept_of(path))
        more, likely, seen, filled = "", "", set[str](), 0
        ahead: Ahead[Response] | None = None

        def begin(token: str) -> Ahead[Response]:
            return Ahead(partial(self._transport.request, "GET", f"{url}&continue={quote(token)}"))

        def ask() -> Response:
            nonlocal ahead, likely
            asked, ahead, likely = ahead, None, ""
            response = self._transport.request("GET", url) if asked is None else asked.result()
            likely = _likely_continue(response)
            if likely and likely not in seen:
                ahead = begin(likely)
            return response

        while True:
            try:
                there = f"{url}&continue={quote(more)}" if more else url
                page = self.send("GET", there, None, is_list, ask, decode)
            except StatusError as error:
                if error.code != 410 or not more:
                    raise
                page = self.send("GET", f"{path}?{query}", accepts=is_list, decode=decode)
            page = _with_items(page)
            more = page["metadata"].get("continue") or ""
            ends = not more or more in seen or len(seen) - filled > MAX_EMPTY_PAGES
            if not ends and (ahead is None or more != likely):
                ahead = begin(more)
            seen.add(more)
            filled += bool(page["items"])
            yield page
            del page  # before the next one takes as much memory
            if ends:
                break
        if more:
            raise ClusterError(f"{self._transport.server}: a list of {path} does not end")


def _with_items(page: dict[str, Any]) -> dict[str, Any]:
    """``page`` with a list where it has null, as a server in Go writes a list without entries."""
    return page if page["items"] is not None else {**page, "items": []}


_CONTINUE: Final = regex(rb'[^\[]*"metadata":\{[^\[{}]*"continue":"([^"\\]+)"')


def _likely_continue(response: Response) -> str:
    """What asks for the page after one that was not read yet; empty when that cannot be told.

    API servers write the metadata of a list of a built-in kind ahead of its items.
    """
    found = _CONTINUE.match(response.body[:CONTINUE_BYTES]) if response.status == 200 else None
    return "" if found is None else found[1].decode(errors="replace")


def _is_discovery(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("resources"), list)


def _message(response: Response) -> str:
    """Why a response is not what was asked for."""
    if response.status < 400:
        return f"HTTP {response.status} with no API object (is there a proxy or login page?)"
    if b"HTTP request to an HTTPS server" in response.body:
        return PLAIN_HTTP
    return str(status_of(response.body).get("message") or f"HTTP {response.status}")


def delete_options(propagation: str, uid: str = "") -> bytes:
    """The body of a deletion, of the object ``uid`` only unless that is empty."""
    options: dict[str, Any] = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": propagation,
        **({"preconditions": {"uid": uid}} if uid else {}),
    }
    return json.dumps(options).encode()


@dataclass(frozen=True, slots=True)
class Resource:
    """How a server serves a kind: ``prefix`` is ``/apis/batch/v1``, ``plural`` is ``jobs``."""

    prefix: str
    plural: str
    namespaced: bool

    @property
    def group(self) -> str:
        """The API group, empty for the core group: ``batch``."""
        parts = self.prefix.split("/")
        return parts[2] if parts[1] == "apis" else ""
