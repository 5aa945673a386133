"""Read a container's log through the API server, reconnecting where it broke off."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlencode

from expander.base.errors import StatusError
from expander.base.named_tuple import NamedTuple
from expander.client.client import ApiClient
from expander.client.retry import TRANSIENT, Retry, asks_to_wait, retry_after, status_of
from expander.client.transport import ConnectionLost, HttpError, NoCredentials, Transport
from expander.group.source import LogOptions
from expander.kube.objects import Object, container_status, pod_has_ended, uid_of

READ_TIMEOUT_SECONDS: Final = 60.0
FOLLOW_TIMEOUT_SECONDS: Final = 600.0
"""Seconds without output after which a log that is followed is requested again."""

LOG_RETRY_SECONDS: Final = 1.0
"""Seconds before a log is requested again."""

MAX_LOG_ATTEMPTS: Final = 5
"""Failed requests after which reading gives up, those not counted after which the server asked to wait."""

AGAIN: Final = "the command can be run again"


class LogReader:
    """One container's log; iterate `chunks` once.

    A lost connection is made again. A whole log continues where it broke off; with ``tail`` or ``since`` the
    lines of the last second may come twice. A container started anew meanwhile is recognised: after a restart
    the old log is read as ``previous``, and one replaced in place is read from its first byte.
    """

    def __init__(
        self,
        transport: Transport,
        client: ApiClient,
        retry: Retry,
        pod: Object,
        container: str,
        options: LogOptions,
    ) -> None:
        metadata = pod["metadata"]
        namespace, name = (quote(metadata[key], safe="") for key in ("namespace", "name"))
        self._path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        self._name = f"pod {metadata['namespace']}/{metadata['name']}"
        self._has_ended = pod_has_ended(pod)
        self._transport = transport
        self._client = client
        self._retry = retry
        self._uid = uid_of(pod)
        self._container = container
        self._options = options
        self._whole = options.tail is None and options.since is None
        self._seen = 0
        self._heard_at = time.monotonic()
        self._failures = 0
        self._refused_at: float | None = None
        """When the server first asked to come again, since it last gave a piece."""
        self._start = container_start(pod, container)

    def chunks(self) -> Iterator[bytes]:
        """The log in pieces of any size. Raises StatusError when the server refuses or stays silent."""
        while True:
            try:
                yield from self._read()
                return
            except HttpError as answer:
                if answer.status in (400, 404):
                    return
                if self._waits_its_turn(answer):
                    continue
            except ConnectionLost as lost:
                if self._failures >= MAX_LOG_ATTEMPTS and not self._options.follow:
                    answers = f"{self._transport.server} does not answer: {lost}"
                    raise self._error(0, str(lost) if isinstance(lost, NoCredentials) else answers) from None
                self._failures += 1
                self._pause(LOG_RETRY_SECONDS, str(lost))
            if not self._options.previous and not self._goes_on():
                return

    def _read(self) -> Iterator[bytes]:
        """One request, without the bytes that an earlier one has given."""
        options = self._options
        switches = [name for name in ("previous", "follow", "timestamps") if getattr(options, name)]
        query = {"container": self._container} | dict.fromkeys(switches, "true")
        if self._seen and not self._whole:
            query["sinceSeconds"] = str(int(time.monotonic() - self._heard_at) + 1)
        else:
            query.update({} if options.tail is None else {"tailLines": str(options.tail)})
            query.update({} if options.since is None else {"sinceSeconds": str(max(1, round(options.since)))})
        skip = self._seen if self._whole else 0
        timeout = FOLLOW_TIMEOUT_SECONDS if options.follow else READ_TIMEOUT_SECONDS
        for piece in self._transport.stream(f"{self._path}/log?{urlencode(query)}", timeout):
            self._failures, self._refused_at = 0, None
            self._heard_at = time.monotonic()
            if skip >= len(piece):
                skip -= len(piece)
                continue
            yield piece[skip:]
            self._seen += len(piece) - skip
            skip = 0

    def _waits_its_turn(self, answer: HttpError) -> bool:
        """Wait after an answer, as long as it asks; whether the log is still the same then.

        Raises StatusError for one after which asking again is of no use.
        """
        asked, now = retry_after(answer.headers, answer.body, time.time()), time.monotonic()
        busy = asks_to_wait(answer.status, asked)
        wait = LOG_RETRY_SECONDS if asked is None else self._retry.wait(1, asked, random.random())
        message = str(status_of(answer.body).get("message") or f"HTTP {answer.status}")
        if busy:
            self._refused_at = now if self._refused_at is None else self._refused_at
            useless = self._retry.is_over(self._refused_at, now, wait, now)
        elif answer.status == 401 and not self._failures:
            self._transport.refresh()
            useless = False
        else:
            useless = answer.status not in TRANSIENT or self._failures >= MAX_LOG_ATTEMPTS
        if useless:
            raise self._error(answer.status, f"{self._transport.server}: {message}") from None
        self._failures += not busy
        self._pause(wait, message)
        return busy and self._has_ended

    def _pause(self, seconds: float, why: str) -> None:
        with self._transport.waits.begin(why):
            time.sleep(seconds)

    def _error(self, code: int, words: str) -> StatusError:
        return StatusError(code, f"{self._name}: its log was not read: {words}", hint=AGAIN)

    def _goes_on(self) -> bool:
        """Whether there is more to read after a lost connection; tells a restarted container apart."""
        now = self._current_start()
        while self._options.follow and now and not now.since:
            time.sleep(LOG_RETRY_SECONDS)
            now = self._current_start()
        if not now or not now.since:
            return False
        if now.restarts == self._start.restarts:
            if now != self._start:
                self._start, self._whole, self._seen = now, True, 0
                self._options = replace(self._options, tail=None, since=None)
            return True
        if now.restarts != self._start.restarts + 1:
            return False
        self._options = replace(self._options, previous=True, follow=False)
        return True

    def _current_start(self) -> ContainerStart | None:
        """The container's latest start, None when its pod is gone."""
        try:
            pod = self._client.get_object(self._path)
        except StatusError as answer:
            if answer.code == 404:
                return None
            raise
        return container_start(pod, self._container) if uid_of(pod) == self._uid else None


class ContainerStart(NamedTuple):
    """A start of a container, from its pod's status; a replaced container differs in ``id`` or ``since``."""

    restarts: int
    id: str
    since: str
    """Empty while nothing of it has started."""


def container_start(pod: Object, container: str) -> ContainerStart:
    """The start whose log the API server gives: while a container waits for a restart, the last one."""
    status = container_status(pod, container)
    state, last = status.get("state") or {}, status.get("lastState") or {}
    of = state.get("running") or state.get("terminated") or last.get("terminated") or {}
    id_ = of.get("containerID") or status.get("containerID")
    return ContainerStart(int(status.get("restartCount") or 0), id_ or "", of.get("startedAt") or "")
