"""The ResourceQuotas and LimitRanges of a namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expander.base.errors import ClusterError, StatusError
from expander.kube.scheme import BY_KIND

if TYPE_CHECKING:
    from expander.client.client import ApiClient

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamespaceLimits:
    """The ``quotas`` and limit ``ranges`` of ``namespace``, as the API has them.

    ``unknown`` says why they could not be read, empty when they were; with ``silent`` because the server did
    not answer.
    """

    namespace: str
    quotas: tuple[Object, ...] = ()
    ranges: tuple[Object, ...] = ()
    unknown: str = ""
    silent: bool = False


NamespaceLimitsOf = Callable[[str], NamespaceLimits]
"""Reads the limits of a namespace."""


def namespace_limits(api: ApiClient, namespace: str) -> NamespaceLimits:
    """Read the limits of ``namespace``, in two requests. Errors are given as ``unknown``, not raised."""
    found: list[tuple[Object, ...]] = []
    for row in (BY_KIND["ResourceQuota"], BY_KIND["LimitRange"]):
        try:
            found.append(tuple(api.get(f"{row.path}/namespaces/{namespace}/{row.plural}")["items"]))
        except StatusError as error:
            return NamespaceLimits(
                namespace, unknown=f"cannot read {row.plural} of namespace {namespace}: {error}"
            )
        except ClusterError as error:
            return NamespaceLimits(namespace, unknown=str(error), silent=True)
    return NamespaceLimits(namespace, found[0], found[1])
