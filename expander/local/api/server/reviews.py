"""Questions about what the user may do: everything, since whoever gets this far is the user."""

from __future__ import annotations

from typing import Any, Final

from expander.local.store.encoding import Object

SELF_ACCESS: Final = ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]


def allowed(review: Any) -> Object:
    """The answer to a SelfSubjectAccessReview."""
    asked = review if isinstance(review, dict) else {}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": asked.get("spec") or {},
        "status": {"allowed": True},
    }
