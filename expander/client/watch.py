"""List and watch of a collection, as the Reflector of client-go does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

from expander.base.errors import ClusterError, StatusError
from expander.client.bodies import decode_object
from expander.client.client import ApiClient
from expander.client.retry import status_of
from expander.client.transport import ConnectionLost, HttpError, NoCredentials, Transport
from expander.kube.object_check import Check, check_of

WATCH_TIMEOUT_SECONDS: Final = 240
"""``timeoutSeconds`` of a watch."""

MIN_REWATCH_SECONDS: Final = 0.5
MAX_REWATCH_SECONDS: Final = 15.0
"""Seconds before a watch is opened again, at least and at most; one that took more than the most was fine."""

Object = Mapping[str, Any]


class Handler(Protocol):
    """Gets the objects of the collection ``path`` that match a label selector and a field selector."""

    path: str
    selector: str
    fields: str

    def begin(self) -> None:
        """A list begins."""

    def page(self, objects: Sequence[Object]) -> None:
        """A page of the list."""

    def end(self) -> None:
        """The list is complete."""

    def changed(self, kind: str, found: Object) -> None:
        """An object was ADDED, MODIFIED or DELETED."""


def list_objects(api: ApiClient, handler: Handler) -> str:
    """List the collection; gives the resourceVersion from which to watch."""
    handler.begin()
    version = ""
    for page in api.pages(handler.path, handler.selector, handler.fields):
        version = str(page["metadata"].get("resourceVersion") or "")
        handler.page(page["items"])
    handler.end()
    return version


def read_event(line: bytes, accepts: Check) -> tuple[str, Object]:
    """The type and object of a watch event; a BOOKMARK has no whole object, others have one that is accepted.

    Raises ValueError for anything else, such as an ERROR: mostly 410, the version has expired.
    """
    event = decode_object(line) or {}
    kind = event.get("type")
    found = event["object"] if kind in _EVENTS and isinstance(event.get("object"), dict) else {}
    metadata = found.get("metadata") if kind == "BOOKMARK" or accepts(found) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("resourceVersion"), str):
        raise ValueError(f"unexpected watch event {kind!r}")
    return str(kind), found


_EVENTS: Final = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


def list_and_watch(
    transport: Transport,
    api: ApiClient,
    handler: Handler,
    stopped: Callable[[], bool],
    version: str = "",
) -> None:
    """Watch the collection from ``version``, after a list when it is empty, until ``stopped``.

    What a lost connection missed comes with the next one, or with a list after one that told nothing (a
    bookmark counts once); where no seat was free the same is asked for again, as client-go does. Raises
    `StatusError` for other refusals.
    """
    empty, accepts = 0, check_of(handler.path)
    while not stopped():
        heard, changes, began = False, False, time.monotonic()
        try:
            version = version or list_objects(api, handler)
            query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_TIMEOUT_SECONDS}"
            query += f"&resourceVersion={quote(version)}"
            query += f"&labelSelector={quote(handler.selector)}&fieldSelector={quote(handler.fields)}"
            began = time.monotonic()
            for line in transport.watch(handler.path + query):
                kind, found = read_event(line, accepts)
                version = found["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    handler.changed(kind, found)
                    changes = True
                heard = changes or not empty
                if stopped():
                    return
        except StatusError as error:
            if error.code != 410:
                raise
            version = ""
        except HttpError as error:
            if error.status == 401:
                transport.refresh()
            if error.status in (403, 405) and status_of(error.body):
                raise StatusError(
                    error.status, f"{transport.server} does not allow to watch {handler.path}"
                ) from None
            heard = error.status in (401, 429)  # which say nothing of the version
        except (ValueError, ClusterError):
            version = ""
        except ConnectionLost as error:
            heard = heard or isinstance(error, NoCredentials)
        version = version if heard else ""
        lasted = time.monotonic() - began > MAX_REWATCH_SECONDS
        empty = 0 if changes or lasted else empty + 1
        time.sleep(rewatch_pause(empty))


def rewatch_pause(empty: int) -> float:
    """The seconds before a watch is opened again, after so many in a row that were short and told no change.

    A bookmark is no change: a server may send one and end the watch, each time.
    """
    return min(MAX_REWATCH_SECONDS, MIN_REWATCH_SECONDS * 2 ** min(empty - 2, 10)) if empty > 1 else 0.0
