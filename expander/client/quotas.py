"""What limits the objects of a namespace: its ResourceQuotas and LimitRanges, read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from expander.client.client import ApiClient, ClusterError, StatusError

Object = Mapping[str, Any]

KINDS: Final = ("resourcequotas", "limitranges")


@dataclass(frozen=True, slots=True)
class NamespaceLimits:
    """The ``quotas`` and ``ranges`` of ``namespace`` as the API has them.

    ``unknown`` says why they could not be read, and is empty when they were; ``silent`` that it is because
    the server did not answer.
    """

    namespace: str
    quotas: tuple[Object, ...] = ()
    ranges: tuple[Object, ...] = ()
    unknown: str = ""
    silent: bool = False


NamespaceLimitsOf = Callable[[str], NamespaceLimits]
"""Gives the limits of a namespace."""


def namespace_limits(asking: ApiClient, namespace: str) -> NamespaceLimits:
    """The limits of ``namespace``: two requests. What cannot be read is said in ``unknown``, never raised."""
    found: list[tuple[Object, ...]] = []
    for kind in KINDS:
        try:
            found.append(tuple(asking.get(f"/api/v1/namespaces/{namespace}/{kind}")["items"]))
        except StatusError as refused:
            return NamespaceLimits(namespace, unknown=f"{kind} of {namespace} cannot be read: {refused}")
        except ClusterError as error:
            return NamespaceLimits(namespace, unknown=str(error), silent=True)
    return NamespaceLimits(namespace, found[0], found[1])
