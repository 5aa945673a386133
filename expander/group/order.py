"""The order of a group's items: as they were given, or by name with numbers as numbers."""

from __future__ import annotations

from typing import Any, Final

from expander.base.text import Natural, natural
from expander.kube.objects import Object
from expander.manifests.rerun import first_created

SORTS: Final = ("input", "name")
"""The orders that a user can ask for."""


def job_order(job: Object, sort: str = "input") -> tuple[Any, ...]:
    """A key that sorts Jobs in the order ``sort``.

    Items were given in the order in which their Jobs were created; where a server tells only the second of
    that, the name decides.
    """
    metadata = job["metadata"]
    name: Natural = natural(metadata["name"])
    return str(metadata.get("namespace")), first_created(job) if sort == "input" else 0.0, name
