"""``notify=`` of the calls that wait for Jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from expander.notify.notifier import Notifier
from expander.notify.notifier import notifying as _notifying
from expander.notify.targets import Notify, check_waits, targets_of

Notified: TypeAlias = Notify | Sequence[Notify] | None
Made: TypeAlias = tuple[Notifier, list[str]]


def notifier_of(
    notify: Notified,
    command: str,
    *,
    local: bool,
    waits: bool = True,
    group: str = "",
    namespace: str | None = None,
) -> Made:
    """What the argument asks for, and what is to be said of it at the end. Raises UsageError."""
    problems: list[str] = []
    targets = targets_of(notify)
    if targets:
        check_waits(command, waits=waits)
    told = Notifier(targets, problems.append, command=command, local=local, group=group, namespace=namespace)
    return told, problems


@contextmanager
def notifying(made: Made, note: Callable[[str], None]) -> Iterator[Notifier]:
    """Within it a call is at work; ``note`` gets the lines at the end, in the thread of the call."""
    notifier, problems = made
    try:
        with _notifying(notifier):
            yield notifier
    finally:
        for words in problems:
            note(words)
