"""Who asks, whose a token is, and what somebody may do: answers that are not stored.

The groups authentication.k8s.io and authorization.k8s.io.
"""

from __future__ import annotations

from typing import Any, Final

from expander.local.apiserver import status
from expander.local.apiserver.access.authentication import ISSUER, Authenticator, User
from expander.local.apiserver.access.rbac import Attributes, Authorizer
from expander.local.apiserver.status import StatusError
from expander.local.store.database import Object

_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"

_KINDS: Final = {
    "selfsubjectreviews": "SelfSubjectReview",
    "tokenreviews": "TokenReview",
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    "subjectaccessreviews": "SubjectAccessReview",
    "localsubjectaccessreviews": "LocalSubjectAccessReview",
}
"""The kinds of reviews by plural."""


def is_review(steps: list[str]) -> bool:
    """Whether a path leads to a review."""
    return _kind_of(steps) is not None


def _kind_of(steps: list[str]) -> str | None:
    match steps:
        case ["apis", group, "v1", plural] if group in (_AUTHENTICATION, _AUTHORIZATION):
            pass
        case ["apis", group, "v1", "namespaces", _, plural] if plural == "localsubjectaccessreviews":
            pass
        case _:
            return None
    kind = _KINDS.get(plural)
    own = _AUTHENTICATION if kind in ("SelfSubjectReview", "TokenReview") else _AUTHORIZATION
    return kind if group == own else None


def review(
    steps: list[str], asked: Any, user: User, authenticator: Authenticator, authorizer: Authorizer
) -> Object:
    """The answer to a review by ``user``. StatusError for what is none."""
    kind = _kind_of(steps)
    body: dict[str, Any] = asked if isinstance(asked, dict) else {}
    spec = body.get("spec") or {}
    if kind is None or body.get("kind", kind) != kind or not isinstance(spec, dict):
        raise StatusError(status.bad_request(f"the object provided is unrecognized: a {kind} is expected"))
    answer = {"kind": kind, "apiVersion": f"{steps[1]}/v1", "metadata": {"creationTimestamp": None}}
    if kind == "SelfSubjectReview":
        return {**answer, "status": {"userInfo": user.info}}
    if kind == "TokenReview":
        return {**answer, "spec": spec, "status": _token_review(spec, authenticator)}
    if kind == "SelfSubjectRulesReview":
        if not spec.get("namespace"):
            raise StatusError(status.bad_request("no namespace on request"))
        rules = _rules(user, str(spec["namespace"]), authorizer)
        return {**answer, "spec": {}, "status": {**rules, "incomplete": False}}
    given = [field for field in ("resourceAttributes", "nonResourceAttributes") if spec.get(field)]
    if len(given) != 1 or not isinstance(spec[given[0]], dict):
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        message = (
            f'{kind}.{_AUTHORIZATION} "" is invalid: spec.resourceAttributes: Invalid value: null: {words}'
        )
        raise StatusError(status.failure(422, "Invalid", message))
    if kind != "SelfSubjectAccessReview":
        groups = tuple(map(str, spec.get("groups") or ()))
        user = User(str(spec.get("user") or ""), str(spec.get("uid") or ""), groups)
    reason = authorizer.reason(user, _attributes(spec))
    result = {"allowed": reason is not None} | ({"reason": reason} if reason else {})
    return {**answer, "spec": spec, "status": result}


def _attributes(spec: Object) -> Attributes:
    """What an access review asks about."""
    if found := spec.get("nonResourceAttributes"):
        return Attributes(str(found.get("verb") or ""), path=str(found.get("path") or ""))
    fields = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Attributes(*(str(spec["resourceAttributes"].get(each) or "") for each in fields))


def _rules(user: User, namespace: str, authorizer: Authorizer) -> Object:
    """All that somebody may do in a namespace."""
    if authorizer.is_free(user):
        every = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
        return {"resourceRules": [every], "nonResourceRules": [urls]}
    rules = [each.rule for each in authorizer.granted(user, namespace)]
    return {
        "resourceRules": [dict(each) for each in rules if each.get("resources")],
        "nonResourceRules": [dict(each) for each in rules if each.get("nonResourceURLs")],
    }


def _token_review(spec: Object, authenticator: Authenticator) -> Object:
    """Whose a token is that is good for one of the audiences asked for, by default the API's own."""
    wanted = tuple(map(str, spec.get("audiences") or (ISSUER,)))
    found = authenticator.authenticate(str(spec.get("token") or ""), wanted)
    if found is None:
        return {"user": {}, "error": "[invalid bearer token]"}
    user, audiences = found
    return {"authenticated": True, "user": user.info, "audiences": [*audiences]}
