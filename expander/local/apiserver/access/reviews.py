"""Who asks, what they may do, and tokens of service accounts: answers that are not stored.

The groups authentication.k8s.io and authorization.k8s.io, and the subresource ``serviceaccounts/token``.
Whoever is known may do everything. A token is a JSON Web Token like those of kube-apiserver, signed with a
key that follows from the server's own token (RFC 7519, HS256).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.kube.generated_names import new_uid
from expander.kube.scheme import BY_KIND
from expander.kube.time import api_time
from expander.local.apiserver import status
from expander.local.apiserver.access.authentication import User
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.store.database import Object

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
DEFAULT_SECONDS: Final = 3600
MIN_SECONDS: Final = 600
_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"


class ServiceAccountTokens:
    """Issues and knows the tokens of service accounts; ``key`` is the secret they are signed with."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"service accounts", "sha256")

    def issue(
        self, account: Object, audiences: list[str], seconds: int, now: float, bound: Object | None = None
    ) -> str:
        """A token for ``seconds`` from ``now`` (Unix seconds) on; ``bound`` is what it goes with."""
        metadata = account["metadata"]
        about: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if bound is not None:
            about[str(bound.get("kind", "")).lower()] = {"name": bound.get("name"), "uid": bound.get("uid")}
        claims = {
            "aud": audiences,
            "exp": int(now) + seconds,
            "iat": int(now),
            "iss": ISSUER,
            "jti": new_uid(),
            "kubernetes.io": about,
            "nbf": int(now),
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        }
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{_text(self._signature(signed))}"

    def user(self, backend: Backend, token: str) -> User | None:
        """Whose token it is; None when it is none, is too old, or its account is gone."""
        signed, _, signature = token.rpartition(".")
        if not signed.isascii() or not hmac.compare_digest(
            _text(self._signature(signed)).encode(), signature.encode(errors="replace")
        ):
            return None
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        about = claims["kubernetes.io"]
        namespace, named = about["namespace"], about["serviceaccount"]
        account = backend.storage.object(BY_KIND["ServiceAccount"], namespace, named["name"])
        if account is None or account["metadata"]["uid"] != named["uid"]:
            return None
        if not claims["nbf"] <= backend.clock() < claims["exp"]:
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(claims["sub"], named["uid"], groups)

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _encoded(claims: Mapping[str, Any]) -> str:
    return _text(json.dumps(claims, separators=(",", ":")).encode())


def is_review(steps: list[str]) -> bool:
    """Whether a path leads to a review."""
    return _kind_of(steps) is not None


def _kind_of(steps: list[str]) -> str | None:
    known = {
        "selfsubjectreviews": "SelfSubjectReview",
        "tokenreviews": "TokenReview",
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
        "subjectaccessreviews": "SubjectAccessReview",
        "localsubjectaccessreviews": "LocalSubjectAccessReview",
    }
    match steps:
        case ["apis", group, "v1", plural] if group in (_AUTHENTICATION, _AUTHORIZATION):
            pass
        case ["apis", group, "v1", "namespaces", _, plural] if plural == "localsubjectaccessreviews":
            pass
        case _:
            return None
    kind = known.get(plural)
    own = _AUTHENTICATION if kind in ("SelfSubjectReview", "TokenReview") else _AUTHORIZATION
    return kind if group == own else None


def review(steps: list[str], asked: Any, user: User, known: Callable[[str], User | None]) -> Object:
    """The answer to a review by ``user``; ``known`` tells whose a token is. StatusError for what is none."""
    kind = _kind_of(steps)
    body: dict[str, Any] = asked if isinstance(asked, dict) else {}
    spec = body.get("spec") or {}
    if kind is None or body.get("kind", kind) != kind or not isinstance(spec, dict):
        raise StatusError(status.bad_request(f"the object provided is unrecognized: a {kind} is expected"))
    answer = {"kind": kind, "apiVersion": f"{steps[1]}/v1", "metadata": {"creationTimestamp": None}}
    if kind == "SelfSubjectReview":
        return {**answer, "status": {"userInfo": user.info}}
    if kind == "TokenReview":
        found = known(str(spec.get("token") or ""))
        result: dict[str, Any] = {"user": {}, "error": "[invalid bearer token]"}
        if found is not None:
            result = {
                "authenticated": True,
                "user": found.info,
                "audiences": spec.get("audiences") or [ISSUER],
            }
        return {**answer, "spec": spec, "status": result}
    if kind == "SelfSubjectRulesReview":
        if not spec.get("namespace"):
            raise StatusError(status.bad_request("no namespace on request"))
        every = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        rules = {"resourceRules": [every], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}
        return {**answer, "spec": {}, "status": {**rules, "incomplete": False}}
    attributes = [field for field in ("resourceAttributes", "nonResourceAttributes") if spec.get(field)]
    if len(attributes) != 1:
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        message = (
            f'{kind}.{_AUTHORIZATION} "" is invalid: spec.resourceAttributes: Invalid value: null: {words}'
        )
        raise StatusError(status.failure(422, "Invalid", message))
    return {**answer, "spec": spec, "status": {"allowed": True}}


def create_token(backend: Backend, tokens: ServiceAccountTokens, target: Target, asked: Any) -> Object:
    """The answer to a TokenRequest for a service account. StatusError when there is none of that name."""
    account, now = get_object(backend.storage, target), backend.clock()
    spec = (asked if isinstance(asked, dict) else {}).get("spec") or {}
    seconds, audiences = spec.get("expirationSeconds") or DEFAULT_SECONDS, spec.get("audiences") or [ISSUER]
    if not isinstance(seconds, int) or seconds < MIN_SECONDS:
        words = "may not specify a duration less than 10 minutes"
        message = f"spec.expirationSeconds: Invalid value: {json.dumps(seconds)}: {words}"
        refusal = f'TokenRequest.{_AUTHENTICATION} "" is invalid: {message}'
        raise StatusError(status.failure(422, "Invalid", refusal))
    token = tokens.issue(account, list(audiences), seconds, now, spec.get("boundObjectRef"))
    return {
        "kind": "TokenRequest",
        "apiVersion": f"{_AUTHENTICATION}/v1",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "creationTimestamp": api_time(now),
        },
        "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": api_time(now + seconds)},
    }
