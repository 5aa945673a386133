"""The whole verdict on one object: can it be decoded, and do the rules of its kind accept it?

The order is the API server's: an object that cannot be decoded is not looked at further; one that can is
given its defaults and held to the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Finding
from expander.validate.rules import check_rules
from expander.validate.schema import check_schema


def check(
    obj: Any, version: str | None = None, *, assume: tuple[str, str] | None = None
) -> list[Finding] | None:
    """What the API server would refuse in ``obj``, in its order; empty when it would take the object.

    ``obj`` is JSON data. ``version`` is a Kubernetes version, by default the newest; UsageError when
    there are no schemas for it. ``assume`` is the apiVersion and kind of an object that has none. None means
    that there is no schema for the kind, so nothing can be said. The objects of a list are looked at
    one by one; those without a schema are passed over.
    """
    found = check_schema(obj, version=version, assume=assume)
    if found is None or found:
        return found
    if assume is not None:
        obj = {**obj, "apiVersion": obj.get("apiVersion") or assume[0], "kind": obj.get("kind") or assume[1]}
    if isinstance(obj.get("items"), list) and obj["kind"].endswith("List"):
        return _check_items(obj, version)
    return check_rules(defaults(obj, version=version))


def _check_items(listed: Mapping[str, Any], version: str | None) -> list[Finding]:
    """The findings of each object of a list, its place in front of their paths."""
    kind: str = listed["kind"].removesuffix("List")
    assume = (listed["apiVersion"], kind) if kind else None
    return [
        Finding(f"items[{index}].{finding.path}".rstrip("."), finding.reason, finding.message)
        for index, item in enumerate(listed["items"])
        for finding in check({} if item is None else item, version, assume=assume) or ()
    ]
