"""Tokens of service accounts: those of pods, and those of the subresource ``serviceaccounts/token``.

A token is a JSON Web Token like those of kube-apiserver, signed with a key that follows from the server's own
token (RFC 7519, HS256). pkg/serviceaccount (claims.go, jwt.go) decides what is in it and how long it is good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from expander.kube.generated_names import new_uid
from expander.kube.scheme import BY_KIND
from expander.kube.time import api_time
from expander.kube.wellknown import TOKEN_SECONDS
from expander.local.apiserver import status
from expander.local.apiserver.access.authentication import (
    ACCOUNT_PREFIX,
    AUTHENTICATED,
    ISSUER,
    Known,
    User,
    account_groups,
)
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.store.database import Object

DEFAULT_SECONDS: Final = 3600
MIN_SECONDS: Final = 600
EXTENDED_SECONDS: Final = 365 * 24 * 3600
"""How long the token of every pod is good: not all clients read it again (ExpirationExtensionSeconds)."""
BINDABLE: Final = ("Pod", "Secret", "Node")
"""Kinds of objects with which a token may go."""
_GROUP: Final = "authentication.k8s.io"


class ServiceAccountTokens:
    """Issues and knows the tokens of service accounts.

    ``key`` is the secret they are signed with; ``find`` gives an object by kind, namespace and name.
    """

    def __init__(
        self, key: bytes, find: Callable[[str, str, str], Object | None], clock: Callable[[], float]
    ) -> None:
        self._key = hmac.digest(key, b"service accounts", "sha256")
        self._find = find
        self._clock = clock

    def issue(
        self, account: Object, audiences: Sequence[str], seconds: int, bound: Object | None = None
    ) -> str:
        """A token for ``seconds`` from now on; it ends with ``bound``, an object with kind and metadata."""
        metadata, now = account["metadata"], int(self._clock())
        about: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        end = now + seconds
        if bound is not None:
            about[bound["kind"].lower()] = {key: bound["metadata"][key] for key in ("name", "uid")}
            if node := (bound.get("spec") or {}).get("nodeName"):
                found = self._find("Node", "", node)
                about["node"] = {"name": node, "uid": found["metadata"]["uid"] if found else ""}
            if seconds == TOKEN_SECONDS and ISSUER in audiences:
                end, about["warnafter"] = now + EXTENDED_SECONDS, end
        claims = {
            "aud": list(audiences),
            "exp": end,
            "iat": now,
            "iss": ISSUER,
            "jti": new_uid(),
            "kubernetes.io": about,
            "nbf": now,
            "sub": f"{ACCOUNT_PREFIX}{metadata['namespace']}:{metadata['name']}",
        }
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{_text(self._signature(signed))}"

    def of_pod(self, pod: Mapping[str, Any], audience: str, seconds: int) -> str | None:
        """The token that a volume of a pod asks for; None when its service account is gone."""
        name = pod["spec"].get("serviceAccountName") or "default"
        account = self._find("ServiceAccount", pod["metadata"]["namespace"], name)
        if account is None:
            return None
        return self.issue(account, [audience or ISSUER], seconds, {**pod, "kind": "Pod"})

    def authenticate(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Whose token it is; None when it is none, is too old, is for nobody of ``audiences``, or its account
        or what it goes with is gone."""
        signed, _, signature = token.rpartition(".")
        if not signed.isascii() or not hmac.compare_digest(
            _text(self._signature(signed)).encode(), signature.encode(errors="replace")
        ):
            return None
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        about = claims["kubernetes.io"]
        meant = tuple(each for each in audiences if each in claims["aud"])
        if not meant or not claims["nbf"] <= self._clock() < claims["exp"]:
            return None
        namespace, account = about["namespace"], about["serviceaccount"]
        bound = next(((kind, about[kind.lower()]) for kind in BINDABLE if kind.lower() in about), None)
        for kind, named in (("ServiceAccount", account), *([bound] if bound else [])):
            found = self._find(kind, "" if kind == "Node" else namespace, named["name"])
            if found is None or found["metadata"]["uid"] != named["uid"]:
                return None
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        for kind in ("node", "pod"):
            for field, value in about.get(kind, {}).items():
                extra[f"authentication.kubernetes.io/{kind}-{field}"] = (value,)
        groups = (*account_groups(namespace), AUTHENTICATED)
        return User(claims["sub"], account["uid"], groups, extra), meant

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _encoded(claims: Mapping[str, Any]) -> str:
    return _text(json.dumps(claims, separators=(",", ":")).encode())


def create_token(backend: Backend, issuer: ServiceAccountTokens, target: Target, asked: Any) -> Object:
    """The answer to a TokenRequest for a service account. StatusError when there is none of that name."""
    account, now = get_object(backend.storage, target), backend.clock()
    spec = (asked if isinstance(asked, dict) else {}).get("spec") or {}
    seconds, audiences = spec.get("expirationSeconds") or DEFAULT_SECONDS, spec.get("audiences") or [ISSUER]
    if not isinstance(seconds, int) or seconds < MIN_SECONDS:
        words = "may not specify a duration less than 10 minutes"
        message = f"spec.expirationSeconds: Invalid value: {json.dumps(seconds)}: {words}"
        refusal = f'TokenRequest.{_GROUP} "" is invalid: {message}'
        raise StatusError(status.failure(422, "Invalid", refusal))
    reference = spec.get("boundObjectRef")
    bound = None if not reference else _bound(backend, target.namespace, reference)
    token = issuer.issue(account, list(map(str, audiences)), seconds, bound)
    return {
        "kind": "TokenRequest",
        "apiVersion": f"{_GROUP}/v1",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "creationTimestamp": api_time(now),
        },
        "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": api_time(now + seconds)},
    }


def _bound(backend: Backend, namespace: str, reference: Any) -> Object:
    """The object that a TokenRequest names; StatusError when it is not there, or another one."""
    kind = reference.get("kind") if isinstance(reference, dict) else None
    if kind not in BINDABLE or reference.get("apiVersion", "v1") != "v1":
        words = f"cannot bind token for serviceaccount to object of type {kind}"
        raise StatusError(status.bad_request(words))
    row, name = BY_KIND[kind], str(reference.get("name") or "")
    found = get_object(backend.storage, Target(row, namespace if row.namespaced else "", name))
    wanted, uid = reference.get("uid"), found["metadata"]["uid"]
    if wanted and wanted != uid:
        words = (
            f"the UID in the bound object reference ({wanted}) does not match the UID in record. The object "
            "might have been deleted and then recreated"
        )
        raise StatusError(status.conflict(row, name, words))
    return {**found, "kind": kind}
