"""What fields of a batch and arguments of its validation may be, loaded when annotations are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.base.late_types import late_types

if TYPE_CHECKING:
    from expander.batch.crds import Sources as CrdSources
    from expander.batch.policies import Sources as PolicySources
    from expander.shapes.work_queue import QueueBatch
    from expander.validate.crds.check import Subresource
    from expander.validate.policies.policy_set import Policies

    __all__ = ["CrdSources", "Policies", "PolicySources", "QueueBatch", "Subresource"]
else:
    __getattr__ = late_types(
        __name__,
        {
            "CrdSources": "expander.batch.crds:Sources",
            "Policies": "expander.validate.policies.policy_set",
            "PolicySources": "expander.batch.policies:Sources",
            "QueueBatch": "expander.shapes.work_queue",
            "Subresource": "expander.validate.crds.check",
        },
    )
