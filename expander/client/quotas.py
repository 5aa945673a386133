"""The ResourceQuotas and LimitRanges of a namespace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, StatusError
from expander.kube.scheme import BY_KIND

if TYPE_CHECKING:
    from expander.client.client import ApiClient

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamespaceLimits:
    """The ``quotas`` and limit ``ranges`` of ``namespace``, as the API has them.

    ``unknown`` says why they could not be read, empty when they were: the namespace is ``missing``, or the
    server was ``silent``.
    """

    namespace: str
    quotas: tuple[Object, ...] = ()
    ranges: tuple[Object, ...] = ()
    unknown: str = ""
    silent: bool = False
    missing: bool = False


NamespaceLimitsOf = Callable[[str], NamespaceLimits]
"""Reads the limits of a namespace."""


class LimitsReader:
    """Reads the limits of each namespace once, with `namespace_limits`; safe for threads."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._found: dict[str, NamespaceLimits] = {}

    def __call__(self, namespace: str) -> NamespaceLimits:
        """The limits of ``namespace``, as they were when somebody asked first."""
        with self._lock:
            if namespace not in self._found:
                self._found[namespace] = namespace_limits(self._api, namespace)
            return self._found[namespace]


def namespace_limits(api: ApiClient, namespace: str) -> NamespaceLimits:
    """Read the limits of ``namespace``, in two or three requests. Errors are told in ``unknown``, not raised.

    Lists of a namespace that does not exist are empty, so without limits the namespace itself is read.
    """
    found: list[tuple[Object, ...]] = []
    for row in (BY_KIND["ResourceQuota"], BY_KIND["LimitRange"]):
        try:
            found.append(tuple(api.get_list(f"{row.path}/namespaces/{namespace}/{row.plural}")["items"]))
        except StatusError as error:
            if error.code == 404:
                found.append(())
                continue
            return NamespaceLimits(
                namespace, unknown=f"cannot read {row.plural} of namespace {namespace}: {error}"
            )
        except ClusterError as error:
            return NamespaceLimits(namespace, unknown=str(error), silent=True)
    if not any(found):
        try:
            api.get(f"/api/v1/namespaces/{namespace}")
        except StatusError as error:
            if error.code == 404:
                words = (
                    f"namespace {namespace!r} not found; `kubectl create namespace {namespace}` creates it"
                )
                return NamespaceLimits(namespace, unknown=words, missing=True)
        except ClusterError:
            pass
    return NamespaceLimits(namespace, found[0], found[1])
