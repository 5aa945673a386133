"""What admission says of an object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from expander.base.dataclass import dataclass
from expander.validate.finding import Advice, Finding
from expander.validate.policies.quotas import Charge


@dataclass(frozen=True, slots=True)
class Review:
    """Refusals, warnings, and what the object counts for in quotas."""

    findings: tuple[Finding, ...] = ()
    warnings: tuple[Advice, ...] = ()
    charges: tuple[Charge, ...] = ()


NOTHING: Final = Review()


def merged(reviews: Iterable[Review]) -> Review:
    """All of them together, in order."""
    parts = list(reviews)
    return Review(
        tuple(each for part in parts for each in part.findings),
        tuple(each for part in parts for each in part.warnings),
        tuple(each for part in parts for each in part.charges),
    )
