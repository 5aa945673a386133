"""Regular expressions compiled at their first use: a command uses few of all there are."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Regex:
    """Stands for ``re.compile(expression, flags)``; what has been asked for once is an attribute."""

    def __init__(self, expression: Any, flags: int) -> None:
        self._arguments = (expression, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._arguments), name)
        setattr(self, name, found)
        return found


def regex(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The compiled form of a regular expression; a wrong one raises `re.error` at its first use."""
    return cast("re.Pattern[AnyStr]", _Regex(expression, flags))
