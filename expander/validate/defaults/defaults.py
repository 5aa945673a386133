"""What the API server makes of a manifest before it checks it: decoding and defaults.

`decode` reads an object as Go's decoder does, the other modules fill in the defaults of one group of fields
each (pkg/apis/batch/v1 and pkg/apis/core/v1 ``defaults.go`` decide). All are functions over plain mappings
that passed the schema check; the caller's object is never changed. Nothing is refused here: rules do that.

What rules may rely on in a defaulted object:

- no null anywhere;
- structs the server never leaves out are there, if empty: ``metadata``, ``spec``, ``status``,
  ``spec.template``, its ``metadata`` and ``spec``, every container's ``resources``;
- integers are ``int``, quantities are strings in the server's form;
- an empty string, list or map of the user's is still there, and means the same as leaving it out
  unless the field is a pointer in Go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.scheme import BY_KIND, find, load
from expander.kube.versions import DEFAULT, Release
from expander.validate.defaults.decode import decode

Object = dict[str, Any]


def defaults(obj: Mapping[str, Any], kind: str | None = None, *, release: Release = DEFAULT) -> Object:
    """A new object: ``obj`` as the API server has it after decoding and defaulting.

    ``obj`` has passed the schema check. ``kind`` overrides the object's own (the server takes it from
    the URL when the object has none). A kind whose row is not ``decoded`` comes back as it is.
    """
    kind = kind or obj.get("kind") or ""
    api_version = obj.get("apiVersion")
    row = find(api_version, kind) if api_version else BY_KIND.get(kind)
    if row is None or not row.decoded:
        return dict(obj)
    result = decode(obj, row.api_version, kind, release)
    if row.defaults:
        load(row.defaults)(result)
    return result
