"""The first layer of validation: can the API server decode the object?

It decodes strictly (``fieldValidation=Strict``, what kubectl asks for): a value of the wrong type, a
field that does not exist, a text that is no quantity, time or base64, or an integer out of range ends
the request with 400 before any rule of the kind is looked at. What a kind requires and which values a
field allows is the rules' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube import schemas
from expander.validate.finding import Finding, Reason
from expander.validate.schema_engines import Path, engine
from expander.validate.schema_findings import findings_at
from expander.validate.schema_kinds import identify


def check_schema(
    obj: Any, *, version: str | None = None, assume: tuple[str, str] | None = None
) -> list[Finding] | None:
    """What keeps the API server from decoding ``obj``, in the order of the object; None without a schema.

    ``obj`` is JSON data: mappings with string keys, lists, strings, finite numbers, booleans, None.
    ``version`` is a Kubernetes version, by default the newest; UsageError when there are no schemas for
    it. ``assume`` is the apiVersion and kind of an object that has none, as the server takes them from
    the URL; without it a missing one is a finding. None means the kind may exist, as a custom resource
    or a built-in kind that no schema is shipped for.
    """
    if not isinstance(obj, Mapping):
        return [Finding("", Reason.TYPE_INVALID, "must be an object")]
    identity = identify(obj, version, assume)
    if isinstance(identity, list):
        return identity
    api_version, kind = identity
    name = schemas.name_of(api_version, kind, version)
    if name is None:
        return None
    try:
        failures = engine(name).failures(obj)
    except RecursionError:
        return [Finding("", Reason.TYPE_INVALID, "is nested too deeply")]
    if not failures:
        return []
    schema = schemas.definitions()[name]
    return [
        finding
        for path in sorted(failures, key=lambda path: place(obj, path))
        for finding in findings_at(obj, schema, path)
    ]


def place(obj: Any, path: Path) -> list[int]:
    """Where the value at ``path`` stands in ``obj``: the number of each step among its neighbours."""
    numbers = []
    for step in path:
        numbers.append(step if isinstance(step, int) else list(obj).index(step))
        obj = obj[step]
    return numbers
