"""Where a plan gets quotas and limit ranges from: a cluster, files, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from expander.base.errors import InputError
from expander.client.quotas import NamespaceLimits

if TYPE_CHECKING:
    from expander.validate.policies.policy_set import Policies

QUOTA_TIMEOUT_SECONDS: Final = 3.0
"""Seconds during which a request is repeated before the plan goes on without an answer."""


class CapacitySource(Protocol):
    """Gives the quotas and limit ranges of namespaces. ``asked`` is ``cluster``, ``files`` or ``nothing``."""

    @property
    def asked(self) -> str:
        """Where the answers come from."""

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""

    def of(self, namespace: str) -> NamespaceLimits:
        """The limits of ``namespace``."""

    def unknown(self) -> list[str]:
        """Notes for the plan about what could not be asked."""


class NoCapacity:
    """Knows nothing, for the reason ``why``."""

    asked = "nothing"
    namespace = "default"

    def __init__(self, why: str) -> None:
        self._why = why

    def of(self, namespace: str) -> NamespaceLimits:
        """Nothing is known."""
        return NamespaceLimits(namespace)

    def unknown(self) -> list[str]:
        """The reason."""
        return [self._why]


class ClusterCapacity:
    """Asks the cluster of a kubeconfig, with two requests per namespace.

    Raises InputError when no cluster is configured. What the cluster does not tell is in
    `NamespaceLimits.unknown`.
    """

    asked = "cluster"

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        from expander.client.client import ApiClient
        from expander.client.retry import Retry
        from expander.client.transport import Transport

        self.transport = transport = Transport(kubeconfig, context)
        self.namespace = transport.namespace
        transport.close()  # only a namespace or two are asked: no connection is worth keeping
        self._client = ApiClient(transport, Retry(budget=QUOTA_TIMEOUT_SECONDS), lambda: False)
        self._silent: str | None = None

    def of(self, namespace: str) -> NamespaceLimits:
        """The limits of ``namespace``. A server that did not answer once is not asked again."""
        from expander.client.quotas import namespace_limits

        if self._silent is not None:
            return NamespaceLimits(namespace, unknown=self._silent)
        found = namespace_limits(self._client, namespace)
        if found.silent:
            self._silent = found.unknown
        return found

    def unknown(self) -> list[str]:
        """Nothing beyond what is in each `NamespaceLimits`."""
        return []


def capacity_source(
    kubeconfig: str | None = None,
    context: str | None = None,
    quotas: Sequence[str] = (),
    offline: bool = False,
    policies: Policies | None = None,
) -> CapacitySource:
    """Where to get limits from: the files ``quotas``, else quotas among ``policies``, else a cluster if any.

    Raises InputError for an unusable file, and for a kubeconfig or context that was named and leads to no
    cluster.
    """
    if quotas or (policies is not None and policies.quotas):
        from expander.batch.files import FileLimits, limits_in

        return FileLimits(limits_in(quotas) if policies is None or quotas else policies.limits)
    if offline:
        return NoCapacity("no cluster contacted (offline)")
    try:
        return ClusterCapacity(kubeconfig, context)
    except InputError as error:
        if kubeconfig is not None or context is not None:
            raise
        return NoCapacity(f"no cluster contacted: {error.problems[0].message}")
