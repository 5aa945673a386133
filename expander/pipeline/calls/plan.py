"""`expander.plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from expander.base.errors import ItemError
from expander.batch.request import Batch, BatchOptions, Items, manifests_of
from expander.manifests.edits import GROUP_LABEL
from expander.pipeline.calls.errors import Errors
from expander.plan.capacity import limits_of
from expander.plan.plan import Plan, Rate
from expander.plan.survey import plan_of


def plan(
    batch: Batch,
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

    ``quotas`` are files of ResourceQuotas and LimitRanges; without them the cluster is asked, if there is one
    and it is not to be ``offline``. Raises ItemError for the first item that cannot be sent; with
    ``on_error`` that function gets the errors of items and the plan counts them in ``failed``.
    """
    errors = Errors(on_error)
    limits = limits_of(kubeconfig, context, quotas, offline)
    found = plan_of(
        manifests_of(batch, items, errors, **options),
        rate=Rate(qps, burst, max_active),
        namespace=limits.namespace,
        group_label=options.get("group_label", GROUP_LABEL),
        capacity=limits.of,
        on_error=errors,
        shape=str(options.get("shape") or "jobs"),
    )
    found.failed = errors.count
    found.asked = limits.asked
    found.unknown = [*limits.unknown(), *found.unknown]
    return found
