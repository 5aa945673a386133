"""`expander.plan`: what a batch would be in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

from expander.api.arguments import Errors, request_of
from expander.base.errors import ItemError
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.plan.plan import Plan


def plan(
    batch: Batch | BatchRequest,
    items: Items | None = None,
    *,
    quotas: Sequence[str] = (),
    kubeconfig: str | None = None,
    context: str | None = None,
    offline: bool = False,
    qps: float | None = None,
    burst: int | None = None,
    max_active: int | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Plan:
    """What `submit` with the same arguments would create; nothing is sent.

    ``quotas`` are files of ResourceQuotas and LimitRanges; without them, and without quotas among the
    ``policies``, the cluster is asked, if there is one and it is not to be ``offline``. Raises ItemError for
    the first item that cannot be sent; with ``on_error`` that function gets the errors of items and the plan
    counts them in ``failed``.
    """
    from expander.plan.capacity import capacity_source
    from expander.plan.plan import Rate
    from expander.plan.survey import Survey

    request, errors = request_of("plan", batch, items, options), Errors(on_error)
    policies = request.loaded_policies()
    request = replace(request, policies=policies)
    limits = capacity_source(kubeconfig, context, quotas, offline, policies)
    survey = Survey(
        rate=Rate(qps, burst, max_active),
        namespace=limits.namespace,
        group_label=request.group_label,
        capacity=limits.of,
        on_error=errors,
        shape=str(request.parsed_shape),
        release=request.release,
    )
    warnings: list[str] = []
    found = survey.plan_of(request.manifests(errors, warnings.append))
    found.warnings += warnings
    found.failed = errors.count
    found.asked = limits.asked
    found.unknown = [*limits.unknown(), *found.unknown]
    return found
