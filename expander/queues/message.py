"""What stands in a queue for one item: the body of a message, and its way back.

An item that is a plain text is its own body, so that programs that know nothing of expander work on the queue
(``amqp-consume``, a list in Redis). Anything else is a JSON object with ``item`` (a value, or columns) and
``id``, and where they are needed ``argv`` (the words of a command) and ``env`` (variables for it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from expander.items.item import Value

DETAILS = frozenset({"state", "attempts", "reason"})
"""What `expander queue drain` says of a message beside what it is; reading a message passes over it."""

_KEYS = frozenset({"item", "id", "argv", "env"}) | DETAILS
_ID = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Message:
    """One item in a queue.

    ``item`` is a plain value or a mapping of columns. ``argv`` are words of a command of the item's own,
    ``env`` variables for it. ``id`` (20 hexadecimal digits) is made from the three, so that the same item has
    the same id in every fill and every attempt.
    """

    item: Value
    argv: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", _identity(self.item, self.argv, self.env))

    @classmethod
    def of(
        cls, item: Any, argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Message:
        """The message of an item; one that is a message already, written as columns, is taken as such."""
        found = _read(item) if argv is None and env is None else None
        return found or cls(_plain(item), None if argv is None else tuple(argv), dict(env or {}))

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
        if self.argv is None and not self.env and not isinstance(self.item, Mapping):
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
        return found


def decode(body: bytes) -> Message:
    """The message of a body, whoever wrote it. Bytes that are no UTF-8 become surrogates as in file names."""
    text = body.decode("utf-8", "surrogateescape")
    if text.startswith("{"):
        try:
            found = _read(json.loads(text))
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
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return None
    if not (argv is None or (isinstance(argv, list) and all(isinstance(word, str) for word in argv))):
        return None
    if not isinstance(env, Mapping) or not all(
        isinstance(text, str) for pair in env.items() for text in pair
    ):
        return None
    return Message(_plain(value["item"]), None if argv is None else tuple(argv), dict(env), name)


def _plain(value: Any) -> Value:
    return dict(value) if isinstance(value, Mapping) else value


def _identity(item: Value, argv: Sequence[str] | None, env: Mapping[str, str]) -> str:
    text = text_of(item)
    if argv is not None or env:
        text = _json([text, argv, env])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
