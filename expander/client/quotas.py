"""What limits the objects of a namespace: its ResourceQuotas and LimitRanges, read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from expander.client.client import Asking, ClusterError, Refused

Object = Mapping[str, Any]

KINDS: Final = ("resourcequotas", "limitranges")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The ``quotas`` and ``ranges`` of ``namespace`` as the API has them.

    ``unknown`` says why they could not be read, and is empty when they were; ``silent`` that it is because
    the server did not answer.
    """

    namespace: str
    quotas: tuple[Object, ...] = ()
    ranges: tuple[Object, ...] = ()
    unknown: str = ""
    silent: bool = False


CapacityOf = Callable[[str], Capacity]
"""Gives the limits of a namespace."""


def capacity_of(asking: Asking, namespace: str) -> Capacity:
    """The limits of ``namespace``: two requests. What cannot be read is said in ``unknown``, never raised."""
    found: list[tuple[Object, ...]] = []
    for kind in KINDS:
        try:
            found.append(tuple(asking.get(f"/api/v1/namespaces/{namespace}/{kind}")["items"]))
        except Refused as refused:
            return Capacity(namespace, unknown=f"{kind} of {namespace} cannot be read: {refused}")
        except ClusterError as error:
            return Capacity(namespace, unknown=str(error), silent=True)
    return Capacity(namespace, found[0], found[1])
