"""Statuses against those that kube-apiserver sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from expander.kube.api_resource import Resource
from expander.kube.scheme import BY_KIND, RESOURCES
from expander.kube.served_kinds import BUILT_IN
from expander.local.apiserver import field_selectors, pagination
from expander.local.apiserver import status as statuses
from expander.local.apiserver.access.authentication import User
from expander.local.apiserver.access.rbac import Attributes, forbidden
from expander.validate.finding import Finding, Reason
from tests.local.apiserver.recorded import exchanges, responses

JOBS = BY_KIND["Job"]
BY_PLURAL = {resource.plural: resource for resource in reversed(RESOURCES)}


def causes(status: dict[str, Any]) -> list[Finding]:
    listed = status["details"]["causes"]
    return [Finding(each["field"], Reason(each["reason"]), each["message"]) for each in listed]


def again(status: dict[str, Any]) -> dict[str, Any]:
    """The status that the recorded one says to make."""
    details, message = status.get("details") or {}, status.get("message", "")
    name = details.get("name", "")
    resource = BY_PLURAL.get(details.get("kind", "")) or BY_KIND.get(details.get("kind", ""))
    match status.get("reason"):
        case "NotFound" if resource:
            return statuses.not_found(resource, name)
        case "AlreadyExists" if resource:
            return statuses.already_exists(resource, name)
        case "Conflict" if resource:
            return statuses.conflict(resource, name)
        case "Invalid" if resource:
            return statuses.invalid(resource, name, causes(status))
        case "Forbidden" if resource:
            return again_forbidden(resource, name, message)
        case "BadRequest":
            return statuses.bad_request(message)
        case "Unauthorized":
            return statuses.unauthorized()
        case "RequestEntityTooLarge":
            return statuses.too_large()
        case "UnsupportedMediaType":
            return statuses.unsupported_media_type()
        case "MethodNotAllowed":
            return statuses.method_not_allowed()
        case "Expired":
            wanted, oldest = map(int, re.findall(r"\d+", message))
            return statuses.too_old(wanted, oldest)
        case None if resource and status["status"] == "Success":
            return statuses.deleted(resource, name, details["uid"])
        case None if status["status"] == "Success":
            return statuses.succeeded(status["code"])
    raise AssertionError(f"no function for {status}")


def again_forbidden(resource: Resource, name: str, message: str) -> dict[str, Any]:
    user = re.search(
        r'User "(.*?)" cannot (\w+) .*?(?: in the namespace "(.*)")?(?: at the cluster scope)?$', message
    )
    if user:
        wanted = Attributes(user[2], resource.group, resource.plural, "", user[3] or "", name)
        return forbidden(User(user[1], "", ()), wanted)
    return statuses.forbidden(resource, name, message.partition(" is forbidden: ")[2])


def test_every_status_that_was_sent_can_be_said_word_for_word(reference: Path) -> None:
    answers = [body for each in responses(reference).values() for body in json_lines(each["body"])]
    answers += [body for exchange in exchanges(reference) for body in exchange.bodies]
    sent = [body.get("object", body) for body in answers]
    found = [body for body in sent if body.get("kind") == "Status" and body.get("reason") != "InternalError"]
    assert len(found) > 60
    for status in found:
        assert json.dumps(again(status)) == json.dumps(status)


def test_a_status_comes_with_its_http_status(reference: Path) -> None:
    for exchange in exchanges(reference):
        for body in exchange.bodies:
            if body.get("status") == "Failure":
                assert body["code"] == exchange.code


def test_too_many_requests_at_once_are_told_in_plain_text(reference: Path) -> None:
    assert responses(reference)["flow-control-429"]["body"] == statuses.TOO_MANY_REQUESTS_TEXT


def test_selectors_are_refused_in_the_words_of_the_server(reference: Path) -> None:
    (refused,) = json_lines(responses(reference)["bad-field-selector-400"]["body"])
    with pytest.raises(ValueError) as caught:
        field_selectors.parse(JOBS, "spec.foo=x")
    assert str(caught.value) == refused["message"]


def test_a_continue_token_of_the_server_is_understood(reference: Path) -> None:
    text = responses(reference)["list-limit-continue"]["body"]
    token = re.search(r'"continue":"(.*?)"', text)
    assert token
    start = pagination.decode(token[1])
    assert (start.version, start.after[0]) == (13370, "cron")
    assert pagination.encode(start) == token[1]


def test_the_list_of_nothing_is_that_of_the_server(reference: Path) -> None:
    (body,) = json_lines(responses(reference)["deletecollection-200"]["body"])
    empty = pagination.page([], 13369)
    assert json.dumps(pagination.listed("batch/v1", "Job", empty.items, empty.metadata)) == json.dumps(body)


def test_lists_are_put_together_as_by_the_server(reference: Path) -> None:
    compared = 0
    for exchange in exchanges(reference):
        for body in exchange.bodies:
            if exchange.method == "GET" and body.get("kind", "").endswith("List") and body.get("items"):
                kind = body["kind"].removesuffix("List")
                whole = [{"kind": kind, "apiVersion": body["apiVersion"], **item} for item in body["items"]]
                assert [*whole] == sorted(whole, key=pagination.key)
                ours = pagination.page(whole, int(body["metadata"]["resourceVersion"]), limit=500)
                assert pagination.listed(body["apiVersion"], kind, ours.items, ours.metadata) == body
                compared += 1
    assert compared > 5


def test_field_selectors_of_kubectl_choose_what_the_server_chose(reference: Path) -> None:
    compared = 0
    for exchange in exchanges(reference):
        text = exchange.query.get("fieldSelector")
        listed = [body for body in exchange.bodies if body.get("kind", "").endswith("List")]
        if not text or not listed:
            continue
        (body,) = listed
        selector = field_selectors.parse(BY_KIND[body["kind"].removesuffix("List")], text)
        assert all(selector.matches(item) for item in body["items"])
        compared += len(body["items"])
    assert compared > 5


def test_every_path_that_kubectl_asked_names_a_resource_that_is_served() -> None:
    assert BUILT_IN.find("batch", "v1", "jobs") is JOBS
    assert BY_KIND["Pod"].path == "/api/v1"


def json_lines(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
