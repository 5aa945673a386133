"""What a request asks to do, and as whom (RequestInfo and the impersonation filter of apiserver decide)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from expander.local.apiserver import status
from expander.local.apiserver.access.authentication import (
    ACCOUNT_PREFIX,
    AUTHENTICATED,
    User,
    account_groups,
)
from expander.local.apiserver.access.rbac import Attributes, Authorizer
from expander.local.apiserver.routing import Target
from expander.local.apiserver.status import StatusError

_HEADER: Final = "Impersonate-"
_EXTRA: Final = "impersonate-extra-"


def of_target(target: Target, verb: str, query: Mapping[str, str]) -> Attributes:
    """What a request for objects asks to do."""
    row, namespace, name = target.resource, target.namespace, target.name
    if row.stored_kind == "Namespace" and name:
        namespace = name
    if verb in ("list", "watch") and (selector := query.get("fieldSelector", "")).startswith(
        "metadata.name="
    ):
        name = selector.partition("=")[2].partition(",")[0]
    return Attributes(verb, row.group, row.plural, target.part, namespace, name)


def of_review(steps: list[str]) -> Attributes:
    """What a request for a review asks to do."""
    namespace = steps[4] if len(steps) > 4 else ""
    return Attributes("create", steps[1], steps[-1], namespace=namespace)


def of_path(request: web.BaseRequest) -> Attributes:
    """What a request asks to do whose path leads to no objects."""
    return Attributes(request.method.lower(), path=request.rel_url.path)


def impersonated(user: User, headers: Mapping[str, str], authorizer: Authorizer) -> User:
    """As whom somebody asks. StatusError when they may not, or say so only in part."""
    values = getattr(headers, "getall", lambda name, default: default)
    name, uid = headers.get(f"{_HEADER}User", ""), headers.get(f"{_HEADER}Uid", "")
    groups = tuple(values(f"{_HEADER}Group", ()))
    extra = {
        unquote(key[len(_EXTRA) :].lower()): tuple(values(key, ()))
        for key in headers
        if key.lower().startswith(_EXTRA)
    }
    if not name:
        if groups or uid or extra:
            raise StatusError(status.bad_request("Impersonate-User is missing: who is to be impersonated?"))
        return user
    place, _, account = name.removeprefix(ACCOUNT_PREFIX).partition(":")
    is_account = name.startswith(ACCOUNT_PREFIX) and bool(account)
    wanted = [Attributes("impersonate", resource="users", name=name)]
    if is_account:
        wanted = [Attributes("impersonate", resource="serviceaccounts", namespace=place, name=account)]
    own = "authentication.k8s.io"
    wanted += (Attributes("impersonate", resource="groups", name=each) for each in groups)
    wanted += [Attributes("impersonate", own, "uids", name=uid)] if uid else []
    for key, given in extra.items():
        wanted += (Attributes("impersonate", own, "userextras", key, name=each) for each in given)
    for each in wanted:
        authorizer.check(user, each)
    if is_account and not groups:
        groups = account_groups(place)
    if name != "system:anonymous" and AUTHENTICATED not in groups:
        groups += (AUTHENTICATED,)
    return User(name, uid, groups, extra)
