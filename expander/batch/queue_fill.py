"""The messages of a batch that is worked from a queue: into the broker, or into a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from expander.base.errors import OutputError, SourceLocation
from expander.base.written_numbers import dumps
from expander.queues.open import open_queue
from expander.queues.queue import Filled, Message
from expander.shapes.work_queue import QueueBatch


def messages(queued: QueueBatch) -> Iterator[Message]:
    """One message for each item, in order."""
    for work in queued.messages:
        yield Message(work.value, work.argv, work.env, work.id, work.proof)


def fill(queued: QueueBatch, url: str, again: bool = False) -> Filled:
    """Put the messages into the queue, those that an earlier fill put in only with ``again``.

    Raises UsageError for a URL of no broker, and BrokerError when it cannot be used.
    """
    with closing(open_queue(url, queued.queue)) as queue:
        return queue.fill(messages(queued), "", again)


def write_messages(queued: QueueBatch, path: Path) -> None:
    """Write the messages as JSON Lines, which ``expander queue fill -i FILE`` reads. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            for message in messages(queued):
                file.write(dumps(message.as_json(), ensure_ascii=False, separators=(",", ":")) + "\n")
    except OSError as error:
        raise OutputError(
            f"cannot write the messages: {error.strerror}", where=SourceLocation(str(path))
        ) from error
