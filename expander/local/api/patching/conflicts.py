"""The refusal of an apply that would change fields of other managers, in the words of apimachinery."""

from __future__ import annotations

import json
from collections.abc import Mapping

from expander.local.api.patching.entries import Identity
from expander.local.api.patching.fieldsets import Fields, paths
from expander.local.api.patching.refusals import Cause, Conflict


def conflict(taken: Mapping[Identity, Fields]) -> Conflict:
    """The error for these fields of these managers."""
    found = [(_named(identity), list(paths(taken[identity]))) for identity in sorted(taken)]
    causes = [
        Cause("FieldManagerConflict", f"conflict with {manager}", path)
        for manager, fields in found
        for path in fields
    ]
    if len(causes) == 1:
        return Conflict(f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}", causes)
    lines = []
    for manager, fields in found:
        lines += [f"conflicts with {manager}:", *(f"- {path}" for path in fields)]
    return Conflict(f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines), causes)


def _named(identity: Identity) -> str:
    name = json.dumps(identity.manager, ensure_ascii=False)
    if identity.subresource:
        name += f' with subresource "{identity.subresource}"'
    return name if identity.operation == "Apply" else f"{name} using {identity.api_version}"
