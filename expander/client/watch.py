"""Follows a collection of a cluster: a list, and then every change to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

from expander.client.client import ApiClient, ClusterError, StatusError
from expander.client.transport import ConnectionLost, HttpError, Transport

WATCH_TIMEOUT_SECONDS: Final = 240
"""Seconds for which a watch is asked to stay open."""

MIN_REWATCH_SECONDS: Final = 0.5
MAX_REWATCH_SECONDS: Final = 15.0
"""Seconds before a watch is opened again: none after one that told something, then doubled each time."""

Object = Mapping[str, Any]


class Handler(Protocol):
    """Who wants to know of the objects at ``path`` that the label selector and the fields select."""

    path: str
    selector: str
    fields: str

    def begin(self) -> None:
        """A list is about to be asked for."""

    def page(self, objects: Sequence[Object]) -> None:
        """Some objects of the list."""

    def end(self) -> None:
        """The list has no other objects."""

    def changed(self, kind: str, found: Object) -> None:
        """An object was ADDED, MODIFIED or DELETED."""


def list_objects(asking: ApiClient, listener: Handler) -> str:
    """Tell ``listener`` of what there is; gives the version from which a watch goes on."""
    listener.begin()
    version = ""
    for page in asking.pages(listener.path, listener.selector, listener.fields):
        version = page["metadata"]["resourceVersion"]
        listener.page(page["items"])
    listener.end()
    return version


def list_and_watch(
    transport: Transport,
    asking: ApiClient,
    listener: Handler,
    stopped: Callable[[], bool],
    version: str = "",
) -> None:
    """Tell ``listener`` of every change after ``version``, or of everything without, until ``stopped``.

    Raises Refused when the server does not let us. What a lost connection missed comes with the next one.
    """
    pause = 0.0
    while not stopped():
        try:
            version = version or list_objects(asking, listener)
            query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_TIMEOUT_SECONDS}"
            query += f"&resourceVersion={version}"
            query += f"&labelSelector={quote(listener.selector)}&fieldSelector={quote(listener.fields)}"
            for line in transport.watch(listener.path + query):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ValueError  # mostly 410: the version is too old to go on from
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    listener.changed(event["type"], event["object"])
                pause = 0.0
                if stopped():
                    return
        except StatusError as refused:
            if refused.code != 410:
                raise
            version = ""
        except HttpError as answer:
            if answer.status == 401:
                transport.refresh()
            if answer.status in (403, 405):
                raise StatusError(
                    answer.status, f"{transport.server} allows no watch of {listener.path}"
                ) from None
            if answer.status == 410:
                version = ""
        except (ValueError, KeyError, ClusterError):
            version = ""
        except ConnectionLost:
            pass
        time.sleep(pause)
        pause = min(MAX_REWATCH_SECONDS, max(MIN_REWATCH_SECONDS, pause * 2))
