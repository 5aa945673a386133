"""The queue in Redis, as workers and commands use it."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

from expander.base.digests import blake2b
from expander.base.errors import BrokerError, UsageError
from expander.queues import redis_scripts
from expander.queues.queue import (
    BrokerTimeout,
    Fate,
    Filled,
    Lease,
    LeaseLost,
    Message,
    Status,
    decode,
    redact_url,
)
from expander.queues.redis_scripts import KEYS

PIPELINE_MESSAGES = 1000
"""Messages that go to the server at a time."""

SCRIPTS = {
    "fill": redis_scripts.FILL,
    "take": redis_scripts.TAKE,
    "keep": redis_scripts.KEEP,
    "complete": redis_scripts.COMPLETE,
    "fail": redis_scripts.FAIL,
    "release": redis_scripts.RELEASE,
    "empty": redis_scripts.EMPTY,
    "status": redis_scripts.STATUS,
    "drain": redis_scripts.DRAIN,
}

CONNECTION_ERRORS = (NoConnection, NoAnswer)


class RedisQueue:
    """The work queue ``name`` of a Redis server; see `expander.queues.queue.Queue`.

    Every script may be sent twice, as happens when a connection breaks before the answer: the second time
    changes nothing.
    """

    def __init__(self, url: str, name: str, patience: BrokerTimeout | None = None) -> None:
        self.name = name
        self._patience = patience or BrokerTimeout()
        self._where = redact_url(url)
        self._worker = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        try:
            self._redis = Redis.from_url(
                url, retry=Retry(NoBackoff(), 0), socket_timeout=10, socket_connect_timeout=5
            )
        except ValueError as error:
            raise UsageError(f"cannot use the URL {self._where}: {error}") from error
        self._keys = [name + ending for ending in KEYS]
        self._scripts: dict[str, Script] = {
            step: self._redis.register_script(text) for step, text in SCRIPTS.items()
        }
        self._took = False

    def fill(self, messages: Iterable[Message], group: str, again: bool) -> Filled:
        added = asked = 0
        stream = iter(messages)
        while batch := list(islice(stream, PIPELINE_MESSAGES)):
            pairs = [part for message in batch for part in (_key(group, message), message.encode())]
            added += int(self._do("fill", str(int(again)), uuid.uuid4().hex, *pairs))
            asked += len(batch)
        return Filled(added, asked - added)

    def take(self, seconds: float, attempts: int | None) -> Lease | None:
        found = self._do("take", _milliseconds(seconds), self._worker, attempts or 0)
        self._took = True
        if found is None:
            return None
        ticket, token, attempt, body = found
        return Lease(decode(body), int(attempt), (ticket, token), seconds)

    def keep(self, lease: Lease) -> None:
        with suppress(*CONNECTION_ERRORS):
            words = (*lease.token, _milliseconds(lease.seconds), self._worker)
            if not self._scripts["keep"](keys=self._keys, args=words, client=self._redis):
                raise LeaseLost

    def complete(self, lease: Lease) -> bool:
        return bool(self._do("complete", *lease.token))

    def fail(self, lease: Lease, reason: str, attempts: int | None) -> Fate:
        fate = self._do("fail", *lease.token, attempts or 0, reason.encode("utf-8", "replace"))
        return fate.decode()  # type: ignore[no-any-return]

    def release(self, lease: Lease) -> None:
        self._do("release", *lease.token)

    def empty(self) -> bool | None:
        return bool(self._do("empty", 0) == 0)

    def status(self) -> Status:
        return Status(*self._do("status"))

    def drain(self, *, failed_only: bool) -> Iterator[Mapping[str, Any]]:
        aside = f"{self.name}:draining"
        while self._do("drain", str(int(failed_only))):
            while entries := self._safely(self._redis.lrange, aside, 0, PIPELINE_MESSAGES - 1):
                yield from map(_drained, entries)
                self._safely(self._redis.ltrim, aside, len(entries), -1)

    def close(self) -> None:
        with suppress(RedisError):
            if self._took:
                self._redis.zrem(f"{self.name}:workers", self._worker)
        self._redis.close()

    def _do(self, step: str, *words: Any) -> Any:
        return self._safely(self._scripts[step], self._keys, words)

    def _safely(self, ask: Callable[..., Any], *words: Any) -> Any:
        try:
            return self._patience.ask(lambda: ask(*words), CONNECTION_ERRORS, (AuthenticationError,))
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                raise BrokerError(
                    f"the key {self.name!r} at {self._where} is not a work queue",
                    hint="choose another --queue",
                ) from error
            raise BrokerError(f"Redis at {self._where} refuses: {error}") from error
        except AuthenticationError as error:
            why = f"it does not accept the user and password of the URL, or requires them: {error}"
            raise BrokerError(f"cannot use Redis at {self._where}: {why}") from error
        except RedisError as error:
            raise BrokerError(f"cannot use Redis at {self._where}: {error}") from error


def _key(group: str, message: Message) -> bytes:
    """What the set of filled items keeps of one: ten bytes."""
    if not group:
        return bytes.fromhex(message.id)
    return blake2b(f"{group}\0{message.id}".encode(), digest_size=10).digest()


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _drained(entry: bytes) -> dict[str, Any]:
    found = json.loads(entry.decode("utf-8", "surrogateescape"), strict=False)
    body = found.pop("body").encode("utf-8", "surrogateescape")
    return {**decode(body).as_json(), "state": "failed", **found}
