"""The ResourceQuotas and LimitRanges of a namespace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, StatusError
from expander.client.ahead import Ahead
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
    """Read the limits of ``namespace``, by three requests at once. Errors are told in ``unknown``.

    Lists of a namespace that does not exist are empty, so the namespace itself is read too.
    """
    rows = BY_KIND["ResourceQuota"], BY_KIND["LimitRange"]
    lists = [partial(api.get_list, f"{row.path}/namespaces/{namespace}/{row.plural}") for row in rows]
    *answers, itself = _answers(*lists, partial(api.get, f"/api/v1/namespaces/{namespace}"))
    found: list[tuple[Object, ...]] = []
    for row, answer in zip(rows, answers, strict=True):
        is_gone = isinstance(answer, StatusError) and answer.code == 404
        if isinstance(answer, StatusError) and not is_gone:
            words = f"cannot read {row.plural} of namespace {namespace}: {answer}"
            return NamespaceLimits(namespace, unknown=words)
        if isinstance(answer, ClusterError) and not is_gone:
            return NamespaceLimits(namespace, unknown=str(answer), silent=True)
        found.append(() if is_gone else tuple(answer["items"]))
    if not any(found) and isinstance(itself, StatusError) and itself.code == 404:
        words = f"namespace {namespace!r} not found; `kubectl create namespace {namespace}` creates it"
        return NamespaceLimits(namespace, unknown=words, missing=True)
    return NamespaceLimits(namespace, found[0], found[1])


def _answers(*requests: Callable[[], Any]) -> list[Any]:
    """What each of several requests gives, or its ClusterError."""

    def answer(asked: Ahead[Any]) -> Any:
        try:
            return asked.result()
        except ClusterError as error:
            return error

    return [answer(asked) for asked in [Ahead(each) for each in requests]]
