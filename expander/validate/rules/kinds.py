"""Which rules an object is held to: those that the scheme names for its apiVersion and kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube import schemas
from expander.kube.scheme import load, of_object
from expander.kube.versions import Release
from expander.validate.finding import Finding

Object = Mapping[str, Any]


def check_types(obj: Object, release: Release) -> list[Finding]:
    """What the definition of a kind of another project has against ``obj``, which has not been decoded."""
    row = of_object(obj)
    if row is None or not row.rules or obj["apiVersion"] in schemas.kinds(release):
        return []
    from expander.validate.rules.custom_limits import check_types as check

    return check(obj, release)


def check_rules(obj: Object, release: Release, old: Object | None = None) -> list[Finding]:
    """What the API server of ``release`` would refuse in ``obj``, in the server's order.

    ``obj`` passed the schema and carries its defaults. Kinds of other projects are first held to the limits
    of their definitions, which may compare it with ``old``: their webhooks see only what the definition
    accepts. A kind without rules has no findings.
    """
    row = of_object(obj)
    if row is None or not row.rules:
        return []
    found: list[Finding] = []
    if obj["apiVersion"] not in schemas.kinds(release):
        from expander.validate.rules.custom_limits import check_limits

        found = check_limits(obj, release, old)
    return found or load(row.rules)(obj, release)
