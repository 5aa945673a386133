"""What became of one thing that was written."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The result of one write, in the word users see."""

    CREATED = "created"
    """It was not there before."""
    UNCHANGED = "unchanged"
    """It was there with the same content and was not touched."""
    CHANGED = "changed"
    """It was there with other content and was replaced."""
    REMOVED = "removed"
    """An earlier run wrote it, this one did not, and it was pruned."""
