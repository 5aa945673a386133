"""Which rules an object is held to: those that the scheme names for its apiVersion and kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.scheme import load, of_object
from expander.kube.versions import Release
from expander.validate.finding import Finding

Object = Mapping[str, Any]


def check_rules(obj: Object, release: Release) -> list[Finding]:
    """What the API server of ``release`` would refuse in ``obj``, a new object, in the server's order.

    ``obj`` passed the schema and carries its defaults. A kind without rules has no findings.
    """
    row = of_object(obj)
    if row is None or not row.rules:
        return []
    found: list[Finding] = load(row.rules)(obj, release)
    return found
