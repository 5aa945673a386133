"""Values that processes forked off have without a copy."""

from __future__ import annotations

from typing import Any, Final, Self
from weakref import WeakValueDictionary


class ForkShared:
    """Pickled, it is a reference: the process that reads it was forked off the one that has it."""

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Make the value known to later forks."""
        made = super().__new__(cls)
        _SHARED[id(made)] = made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared, (id(self),)


_SHARED: Final[WeakValueDictionary[int, ForkShared]] = WeakValueDictionary()


def _shared(key: int) -> ForkShared:
    """The value of this process, or of the one that it was forked off."""
    return _SHARED[key]
