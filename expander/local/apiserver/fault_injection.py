"""Faults for testing clients: refuse, fail, cut or delay requests at random, and limit how many are served.

Nothing of this is on unless it is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.regex import regex

TOO_MANY: Final = 429
RETRY_AFTER: Final = "1"
"""Seconds, as API Priority and Fairness of a real server writes them."""

_PART: Final = regex(
    r"(latency)=([0-9]+(?:\.[0-9]+)?)(ms|s)|(reset|lost|[45][0-9][0-9])=(0?\.[0-9]+|0|1(?:\.0+)?)"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request: a wait in seconds first, then a status instead of an answer, or a cut.

    ``reset`` is a cut before the request has an effect, ``lost`` one after it.
    """

    wait: float = 0.0
    code: int = 0
    reset: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each status code and a cut connection are, and the seconds every request is held up."""

    codes: tuple[tuple[int, float], ...] = ()
    reset: float = 0.0
    latency: float = 0.0
    lost: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """``429=0.3,500=0.05,reset=0.02,lost=0.02,latency=50ms``; UsageError for anything else."""
        found: dict[str, float] = {}
        for part in text.split(","):
            match = _PART.fullmatch(part.strip())
            if match is None:
                raise UsageError(
                    f"found {part.strip()!r}, expected CODE=, reset=, lost=CHANCE or latency=TIME",
                    hint="chances are from 0 to 1, codes from 400 to 599: 429=0.3,reset=0.02,latency=50ms",
                )
            name = match[1] or match[4]
            if name in found:
                raise UsageError(f"{name} is there twice: {text}")
            found[name] = float(match[2] or match[5]) / (1000 if match[3] == "ms" else 1)
        latency = found.pop("latency", 0.0)
        if sum(found.values()) > 1:
            raise UsageError("the chances of all faults together are more than 1")
        reset, lost = found.pop("reset", 0.0), found.pop("lost", 0.0)
        return cls(tuple((int(code), chance) for code, chance in found.items()), reset, latency, lost)

    def draw(self, chance: Callable[[], float] = random.random) -> Fault:
        """The fault of the next request, by a number from 0 to 1."""
        left = chance() if self.codes or self.reset or self.lost else 1.0
        for code, likely in self.codes:
            if left < likely:
                return Fault(self.latency, code)
            left -= likely
        if left < self.reset:
            return Fault(self.latency, reset=True)
        return Fault(self.latency, lost=left - self.reset < self.lost)
