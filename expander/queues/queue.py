"""What every work queue offers, and what stands in it for an item.

An item that is a plain text is its own body, so that programs that know nothing of expander work on the queue
(``amqp-consume``, a list in Redis). Anything else is a JSON object with ``item`` (a value, or columns) and
``id``; messages of a batch also have ``argv`` (the words of a command), ``env`` (variables for it) and the
``proof`` that they belong to the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from expander.base.dataclass import dataclass
from expander.base.digests import blake2b
from expander.base.merkle import proves
from expander.base.regex import regex
from expander.base.written_numbers import dumps, loads
from expander.items.item import Value


class LeaseLost(Exception):
    """The item is another worker's now, or goes back to the queue: work on it is in vain.

    Its text is why, where the broker took the item away: it would do so again.
    """


DETAILS = frozenset({"state", "attempts", "reason"})
"""What `expander queue drain` says of a message beside what it is; reading a message passes over it."""

_KEYS = frozenset({"item", "id", "argv", "env", "proof"}) | DETAILS
_ID = regex(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Message:
    """One item in a queue.

    ``item`` is a plain value or a mapping of columns. ``argv`` are words of a command of the item's own,
    ``env`` variables for it. ``id`` (20 hexadecimal digits) is made from the three, so that the same item has
    the same id in every fill and every attempt. ``proof`` shows that the message belongs to a batch.
    """

    item: Value
    argv: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    proof: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", _identity(self.item, self.argv, self.env))

    @classmethod
    def of(
        cls, item: Any, argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Message:
        """The message of an item; one that is a message already, written as columns, is taken as such.

        Columns never become a command: ``argv`` and ``env`` are read only where a proof is beside them, which
        workers check.
        """
        found = _read(item) if argv is None and env is None else None
        if found is not None and found.has_command and not found.proof:
            found = None
        return found or cls(_plain(item), None if argv is None else tuple(argv), dict(env or {}))

    @property
    def has_command(self) -> bool:
        """Whether the message brings words or variables of its own, which turn data into code."""
        return self.argv is not None or bool(self.env)

    def belongs_to(self, root: str) -> bool:
        """Whether the message is one of the batch that ``root`` stands for, and unchanged."""
        return proves(root, [self.id, self.item, self.argv or (), dict(self.env)], self.proof)

    @property
    def text(self) -> str:
        """The item as one text."""
        return text_of(self.item)

    @property
    def columns(self) -> Mapping[str, Value]:
        """The named columns; none when the item is a plain value."""
        return self.item if isinstance(self.item, Mapping) else {}

    def encode(self) -> bytes:
        """The body: the item's text when that says everything, else JSON."""
        if not self.has_command and not self.proof and not isinstance(self.item, Mapping):
            body = self.text.encode("utf-8", "surrogateescape")
            if decode(body).id == self.id:
                return body
        return _json(self.as_json()).encode("utf-8", "surrogateescape")

    def as_json(self) -> dict[str, Any]:
        """The message as an object for JSON; `Message.of` reads it again."""
        found: dict[str, Any] = {"item": self.item, "id": self.id}
        if self.argv is not None:
            found["argv"] = list(self.argv)
        if self.env:
            found["env"] = dict(self.env)
        if self.proof:
            found["proof"] = self.proof
        return found


def decode(body: bytes) -> Message:
    """The message of a body, whoever wrote it. Bytes that are not UTF-8 become surrogates."""
    text = body.decode("utf-8", "surrogateescape")
    if text.startswith("{"):
        try:
            found = _read(loads(text))
        except (ValueError, RecursionError):
            found = None
        if found is not None:
            return found
    return Message(text)


def text_of(value: object) -> str:
    """A value as one text: a plain text itself, anything else as JSON."""
    return value if isinstance(value, str) else _json(value)


def _read(value: object) -> Message | None:
    """The message that an object of JSON is; None when it is anything else."""
    if not isinstance(value, Mapping) or not value.keys() <= _KEYS or "item" not in value:
        return None
    name, argv, env = value.get("id"), value.get("argv"), value.get("env", {})
    proof = value.get("proof", "")
    if not isinstance(name, str) or not _ID.fullmatch(name) or not isinstance(proof, str):
        return None
    if not (argv is None or (isinstance(argv, list) and all(isinstance(word, str) for word in argv))):
        return None
    if not isinstance(env, Mapping) or not all(
        isinstance(text, str) for pair in env.items() for text in pair
    ):
        return None
    return Message(_plain(value["item"]), None if argv is None else tuple(argv), dict(env), name, proof)


def _plain(value: Any) -> Value:
    return dict(value) if isinstance(value, Mapping) else value


def _identity(item: Value, argv: Sequence[str] | None, env: Mapping[str, str]) -> str:
    text = text_of(item)
    if argv is not None or env:
        text = _json([text, argv, env])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _json(value: object) -> str:
    return dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


INTERACTIVE_TIMEOUT_SECONDS = 3.0
"""Seconds for someone who sits at a terminal: a wrong address should be told soon."""

WORKER_TIMEOUT_SECONDS = 45.0
"""Seconds for workers: brokers restart, and start no sooner than the pods that need them."""

CONNECT_RETRY_SECONDS = 0.3

Answer = TypeVar("Answer")


class BrokerTimeout:
    """Waits for a broker: ``first`` seconds for its first answer, `WORKER_TIMEOUT_SECONDS` once it was there.

    ``stopped`` says that nobody wants the answer any more.
    """

    def __init__(
        self, first: float = INTERACTIVE_TIMEOUT_SECONDS, stopped: Callable[[], object] = lambda: False
    ) -> None:
        self._seconds = first
        self._stopped = stopped

    def ask(
        self,
        question: Callable[[], Answer],
        away: tuple[type[BaseException], ...],
        final: tuple[type[BaseException], ...] = (),
    ) -> Answer:
        """The answer. Errors of the kinds ``away`` but not ``final`` are raised when patience has ended."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                answer = question()
            except final:
                raise
            except away:
                if time.monotonic() > until or self._stopped():
                    raise
                time.sleep(CONNECT_RETRY_SECONDS)
            else:
                self._seconds = WORKER_TIMEOUT_SECONDS
                return answer


def redact_url(url: str) -> str:
    """The URL as it may be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("@")[2] or "..."
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}@{host}", parts.path, "", ""))


def has_password(url: str) -> bool:
    """Whether the URL has something in it that may not be shown."""
    return redact_url(url) != url or "password=" in url


@dataclass(frozen=True, slots=True)
class Lease:
    """An item in the hands of one worker.

    ``attempt`` counts from 1. ``token`` is the broker's word for this very lease: after the item went to
    somebody else the token is worth nothing. ``seconds`` is how long the lease holds without being renewed.
    """

    message: Message
    attempt: int
    token: Any
    seconds: float

    @property
    def item(self) -> Any:
        """The item's value."""
        return self.message.item


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: messages added, and items that were there already."""

    added: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Status:
    """The numbers of a queue; None for what the broker does not know.

    ``ready`` messages wait, ``leased`` are in the hands of workers, ``done`` were completed, ``failed`` were
    given up, ``workers`` are alive. ``filled`` messages were put in by `Queue.fill`. ``redelivered``
    counts messages requeued after a worker failed or vanished, ``duplicates`` completions that came
    after the item had gone to another worker.
    """

    ready: int
    leased: int | None
    done: int
    failed: int
    workers: int
    filled: int
    redelivered: int
    duplicates: int


Fate = Literal["again", "failed", "lost"]
"""What becomes of an item whose work failed: requeued, given up, or another worker's already."""


class Queue(Protocol):
    """A work queue. Every method raises BrokerError when the broker cannot be used."""

    name: str

    def fill(self, messages: Iterable[Message], group: str, again: bool) -> Filled:
        """Put in the messages that no fill of the same ``group`` put in before; with ``again`` all."""

    def take(self, seconds: float, attempts: int | None) -> Lease | None:
        """The next item, None when none is ready now. Waits a moment at most.

        An item that was attempted ``attempts`` times without an end is given up instead of handed out.
        """

    def keep(self, lease: Lease) -> None:
        """Renew a lease. Raises LeaseLost when it is lost; a broker that is away for a moment is not."""

    def complete(self, lease: Lease) -> bool:
        """The work is done. False when it came too late: it is counted as a duplicate."""

    def fail(self, lease: Lease, reason: str, attempts: int | None) -> Fate:
        """The work failed: the item is requeued, or given up after so many ``attempts``."""

    def release(self, lease: Lease) -> None:
        """Give the item back untouched: this was no attempt."""

    def empty(self) -> bool | None:
        """Whether nothing waits and nobody works; None when the broker cannot know."""

    def status(self) -> Status:
        """The numbers of now; changes nothing."""

    def drain(self, *, failed_only: bool) -> Iterator[Mapping[str, Any]]:
        """Take out every message, each as an object for JSON, and forget the counts and what was filled.

        A message is gone from the broker after the next one was asked for. With ``failed_only`` only those
        that were given up.
        """

    def close(self) -> None:
        """Let go of the connection."""
