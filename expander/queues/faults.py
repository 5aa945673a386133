"""What can go wrong with a broker."""

from __future__ import annotations

from expander.base.errors import ExpanderError


class BrokerError(ExpanderError):
    """The broker cannot be reached, or refuses what is asked of it."""


class LeaseLost(Exception):
    """The item is another worker's now, or goes back to the queue: work on it is in vain."""
