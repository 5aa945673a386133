"""What a notification says: the JSON that webhooks and commands get, and its text for people.

The names in `Notification.data` are a contract, which docs/notifications.md tells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from expander.base.named_tuple import NamedTuple
from expander.base.text import counted, cut
from expander.kube.time import human

if TYPE_CHECKING:
    from expander.group.job_status import JobStatus
    from expander.run.outcomes import JobOutcome

Event = Literal["first-failure", "stalled", "done"]

Outcome = Literal["complete", "failed", "interrupted", "timed-out", "halted", "error"]
"""How a command ended. Failed: some Jobs have, or items were refused."""

MAX_WORDS: Final = 300
"""Characters of one reason or message in the text."""

MAX_TEXT: Final = 4000
"""Characters of one text in the JSON."""

MAX_REASONS: Final = 20
"""Reasons that a notification lists."""

_LOOKALIKES: Final = str.maketrans({"<": "\u2039", ">": "\u203a", "@": "@\u200b"})
"""Chats take ``<!channel>``, ``<users/all>`` and ``@all`` as calls to everybody; an item must not be one."""

_HEADLINES: Final[Mapping[str, str]] = {
    "interrupted": "interrupted",
    "timed-out": "timed out",
    "halted": "halted",
    "error": "ended by an error",
}


class NotDelivered(Exception):
    """A notification did not arrive; the text says why, without secrets."""


class Counts(NamedTuple):
    """How many Jobs are complete, have failed, were removed before their end was seen, are unfinished; and
    how many items were refused, so that there is no Job."""

    complete: int = 0
    failed: int = 0
    removed: int = 0
    refused: int = 0
    unfinished: int = 0

    @classmethod
    def of_run(cls, states: Mapping[str, int], refused: int = 0) -> Counts:
        """Those of a run on this machine (`run.run.RunEnd`)."""
        unfinished = sum(states.get(state, 0) for state in ("pending", "running", "suspended"))
        succeeded, failed = states.get("succeeded", 0), states.get("failed", 0)
        return cls(complete=succeeded, failed=failed, refused=refused, unfinished=unfinished)

    @property
    def outcome(self) -> Outcome:
        """What became of it, when nothing has ended it early."""
        return "failed" if self.failed or self.removed or self.refused else "complete"

    @property
    def words(self) -> str:
        """``98 complete, 2 failed``."""
        parts = [
            f"{count:,} {name}"
            for name, count in self._asdict().items()
            if count or (name == "complete" and not any(self))
        ]
        return ", ".join(parts)


class FailedItem(NamedTuple):
    """An item that failed: its Job, and why. ``item`` is its value, None for a Job that came from none."""

    name: str
    namespace: str
    item: Any = None
    key: str = ""
    reason: str = ""
    cause: str = ""
    message: str = ""

    @classmethod
    def of(cls, status: JobStatus) -> FailedItem:
        """That of a Job."""
        message = ": ".join(dict.fromkeys(part for part in (status.message, status.detail) if part))
        return cls.of_outcome(status.outcome)._replace(
            reason=status.reason, cause=status.cause, message=message
        )

    @classmethod
    def of_outcome(cls, one: JobOutcome) -> FailedItem:
        """That of a Job, or of a pod without one, whose pods are not known."""
        code = f"exit code {one.exit_code}" if one.exit_code else ""
        return cls(one.name, one.namespace, one.value or None, one.key, one.reason, code, one.message)

    @property
    def words(self) -> str:
        """``frame-7: BackoffLimitExceeded (OOMKilled)``."""
        cause = f" ({self.cause})" if self.cause and self.cause != self.reason else ""
        why = f"{self.reason}{cause}" if self.cause else self.message or self.reason
        return ": ".join(part for part in (self.key or self.name, why) if part)


class Waiting(NamedTuple):
    """Why ``jobs`` unfinished Jobs wait; 0 when it is not about single ones."""

    reason: str
    message: str = ""
    jobs: int = 1

    @property
    def words(self) -> str:
        """``ImagePullBackOff: no such image (3 Jobs)``."""
        why = ": ".join(part for part in (self.reason, self.message) if part)
        return f"{why} ({counted(self.jobs, 'Job')})" if self.jobs else why


class Notification(NamedTuple):
    """One event of a command. ``seconds`` is how long that has been at work, ``at`` the Unix time now.

    ``namespace`` is None for several, ``local`` says that the Jobs run on this machine, ``error`` what ended
    the command early.
    """

    event: Event
    command: str
    group: str
    namespace: str | None
    local: bool
    counts: Counts
    seconds: float
    at: float
    id: str
    outcome: Outcome | None = None
    failed: FailedItem | None = None
    waiting: Sequence[Waiting] = ()
    error: str = ""

    @classmethod
    def now(cls, event: Event, **fields: Any) -> Notification:
        """One that happens now."""
        return cls(event, at=time.time(), id=os.urandom(16).hex(), **fields)

    @property
    def text(self) -> str:
        """One line for people, in which no value calls anybody."""
        words = f"expander {self.command} {_shown(self.group)}: {self._words()}"
        return words if words.isprintable() else "".join(c for c in words if c.isprintable() or c == "\u200b")

    def _words(self) -> str:
        first = "" if self.failed is None else _shown(self.failed.words)
        if self.event == "first-failure":
            return f"first failure: {first}"
        if self.event == "stalled":
            why = "; ".join(_shown(each.words) for each in self.waiting[:3])
            more = f"; {len(self.waiting) - 3} more reasons" if len(self.waiting) > 3 else ""
            left = f"{counted(self.counts.unfinished, 'Job')} unfinished" if self.counts.unfinished else ""
            return f"nothing moves: {': '.join(part for part in (left, why + more) if part)}"
        error = f": {_shown(self.error)}" if self.error else ""
        headline = f"{_HEADLINES.get(self.outcome or '', 'done')} after {human(self.seconds)}{error}"
        return f"{headline}: {self.counts.words}" + (f" (first: {first})" if first else "")

    def data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "text": self.text,
            "version": 1,
            "id": self.id,
            "event": self.event,
            "command": self.command,
            "group": self.group,
            "namespace": self.namespace,
            "local": self.local,
            "host": os.uname().nodename,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at)),
            "seconds": round(self.seconds, 1),
            "outcome": self.outcome,
            "error": _bounded(self.error) or None,
            "counts": self.counts._asdict(),
            "failed": None if self.failed is None else _bounded(self.failed._asdict()),
            "waiting": [_bounded(each._asdict()) for each in self.waiting[:MAX_REASONS]],
        }

    def variables(self) -> dict[str, str]:
        """The environment variables of a command."""
        counts = {f"EXPANDER_{name.upper()}": str(count) for name, count in self.counts._asdict().items()}
        return {
            "EXPANDER_EVENT": self.event,
            "EXPANDER_TEXT": self.text,
            "EXPANDER_COMMAND": self.command,
            "EXPANDER_GROUP": self.group.replace("\0", ""),
            "EXPANDER_NAMESPACE": self.namespace or "",
            "EXPANDER_OUTCOME": self.outcome or "",
            **counts,
        }


def ending(stopped: str | None) -> Outcome | None:
    """The outcome of a run that was ``stopped``: interrupted, timed out or halted; None for another."""
    found: Mapping[str | None, Outcome] = {
        "interrupted": "interrupted",
        "timed out": "timed-out",
        "timeout": "timed-out",
        "halted": "halted",
    }
    return found.get(stopped)


def _bounded(value: Any) -> Any:
    """``value`` with each of its texts cut at `MAX_TEXT`; the names of its fields stay."""
    if isinstance(value, str):
        return cut(value, MAX_TEXT)
    if isinstance(value, Mapping):
        return {name: _bounded(each) for name, each in value.items()}
    return [_bounded(each) for each in value] if isinstance(value, list | tuple) else value


def _shown(words: str) -> str:
    """``words`` on one line, cut, and harmless in a chat."""
    return cut(" ".join(words.split()), MAX_WORDS).translate(_LOOKALIKES)
