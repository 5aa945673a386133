"""Status objects: what the API says when it refuses a request, and when something was deleted.

Codes, reasons and words are those of apimachinery's ``api/errors``. Keys come in the order of the Go struct.
A function gives the body; its ``code`` is the HTTP status too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from expander.kube.api_resource import Resource
from expander.kube.gofmt import quoted
from expander.validate.finding import Finding


class StatusError(Exception):
    """The request gets this Status for an answer; ``headers`` go with it."""

    def __init__(self, status: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status.get("message"))
        self.status = dict(status)
        self.headers = dict(headers or {})

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status["code"])


Status = dict[str, Any]

MODIFIED_MESSAGE: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)
TOO_MANY_REQUESTS_TEXT: Final = "Too many requests, please try again later.\n"
"""The whole body, as plain text, of a 429 by which the server defends itself; not a Status."""
PAGE_NOT_FOUND_TEXT: Final = "404 page not found\n"
"""The whole body, as plain text, for a path that belongs to no group."""
BODY_TYPES: Final = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
"""Bytes a request may have."""


def failure(code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> Status:
    """Any refusal; ``details`` None leaves them out, an empty mapping says there are none."""
    status: Status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    if message:
        status["message"] = message
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = dict(details)
    return status | {"code": code}


def deleted(resource: Resource, name: str, uid: str) -> Status:
    """An object is gone, or will be once what holds it lets go."""
    about = {**_about(resource, name), "uid": uid}
    status: Status = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    return status | {"status": "Success", "details": about}


def succeeded(code: int) -> Status:
    """Something was done that has no object of its own, such as an eviction (201)."""
    status: Status = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    return status | {"status": "Success", "code": code}


def not_found(resource: Resource, name: str) -> Status:
    """There is no object of that name."""
    return failure(404, "NotFound", f"{resource.full_name} {quoted(name)} not found", _about(resource, name))


def no_such_resource() -> Status:
    """The group is served, but the resource or the subresource is not."""
    return failure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> Status:
    """An object of that name is there already."""
    message = f"{resource.full_name} {quoted(name)} already exists"
    return failure(409, "AlreadyExists", message, _about(resource, name))


def name_taken(resource: Resource, name: str) -> Status:
    """The name made up from ``generateName`` is taken; the client may try again."""
    why = "the server was not able to generate a unique name for the object"
    message = f"{resource.full_name} {quoted(name)} already exists, {why}"
    return failure(409, "AlreadyExists", message, {**_about(resource, name), "retryAfterSeconds": 1})


def conflict(resource: Resource, name: str, why: str = MODIFIED_MESSAGE) -> Status:
    """The object is no longer what the client thinks it is."""
    message = f"Operation cannot be fulfilled on {resource.full_name} {quoted(name)}: {why}"
    return failure(409, "Conflict", message, _about(resource, name))


def precondition(resource: Resource, name: str, wanted: str, found: str) -> Status:
    """An update is meant for an object with another uid."""
    why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    return conflict(resource, name, why)


_BECAME: Final = {"UID": "deleted and then recreated", "ResourceVersion": "modified"}


def deletes_another(resource: Resource, name: str, field: str, wanted: str, found: str) -> Status:
    """A delete asks for another object; ``field`` is ``UID`` or ``ResourceVersion`` (rest.BeforeDelete)."""
    why = (
        f"the {field} in the precondition ({wanted}) does not match the {field} in record ({found}). "
        f"The object might have been {_BECAME[field]}"
    )
    message = f"Operation cannot be fulfilled on {resource.full_kind} {quoted(name)}: {why}"
    return failure(409, "Conflict", message, _about(resource, name) | {"kind": resource.kind})


def disruption(name: str, desired: int, healthy: int) -> Status:
    """A PodDisruptionBudget keeps a pod from being evicted."""
    words = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    causes = [{"reason": "DisruptionBudget", "message": words}]
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return failure(429, "TooManyRequests", message, {"causes": causes})


def invalid(resource: Resource, name: str, findings: Iterable[Finding]) -> Status:
    """The object was decoded, but the rules of its kind refuse it."""
    found = list(findings)
    said = [str(finding) for finding in found]
    aggregate = list(dict.fromkeys(said))
    listed = f": {aggregate[0]}" if len(aggregate) == 1 else f": [{', '.join(aggregate)}]" if found else ""
    about = _about(resource, name) | {"kind": resource.kind}
    if found:
        about["causes"] = [
            {"reason": str(each.reason), "message": each.message, "field": each.path} for each in found
        ]
    return failure(422, "Invalid", f"{resource.full_kind} {quoted(name)} is invalid{listed}", about)


def bad_request(message: str) -> Status:
    """The request itself, or its body, makes no sense."""
    return failure(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> Status:
    """Admission refuses what is otherwise valid: a quota, or a namespace that is going."""
    named = f"{resource.full_name} {quoted(name)}" if name else resource.full_name
    return failure(403, "Forbidden", f"{named} is forbidden: {why}", _about(resource, name))


def unauthorized() -> Status:
    """Nobody known is asking."""
    return failure(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> Status:
    """What is asked for is no longer kept: 410, reason Expired."""
    return failure(410, "Expired", message)


def too_old(wanted: int, oldest: int) -> Status:
    """A watch cannot start at ``wanted``: changes are kept from ``oldest`` on."""
    return expired(f"too old resource version: {wanted} ({oldest})")


def continue_expired(token: str) -> Status:
    """The list that a continue token goes on with is not known any more; ``token`` goes on regardless."""
    status = expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a "
        "new list without the continue parameter, or use the continue token in this response to retrieve "
        "the remainder of the results. Continuing with the provided token results in an inconsistent list "
        "- objects that were created, modified, or deleted between the time the first chunk was returned "
        "and now may show up in the list."
    )
    return {**status, "metadata": {"continue": token}}


def version_too_large(wanted: int, current: int) -> Status:
    """The client has seen a version that is not there yet; it should ask again after a second."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Too large resource version: {wanted}, current: {current}"
    return failure(504, "Timeout", f"Timeout: {message}", {"causes": [cause], "retryAfterSeconds": 1})


def method_not_allowed() -> Status:
    """The path is served, but not with this method."""
    message = "the server does not allow this method on the requested resource"
    return failure(405, "MethodNotAllowed", message, {})


def unsupported_media_type(accepted: Sequence[str] = BODY_TYPES) -> Status:
    """The body is of a type that cannot be read."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return failure(415, "UnsupportedMediaType", message)


def not_acceptable(offered: Sequence[str] = BODY_TYPES) -> Status:
    """The client accepts nothing that can be written."""
    listed = ", ".join(offered)
    return failure(406, "NotAcceptable", f"only the following media types are accepted: {listed}")


def too_large(limit: int = MAX_BODY_BYTES) -> Status:
    """The body has more than ``limit`` bytes."""
    return failure(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def internal(why: str) -> Status:
    """The server's own fault."""
    return failure(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})


def _about(resource: Resource, name: str) -> dict[str, Any]:
    named = {"name": name} if name else {}
    grouped = {"group": resource.group} if resource.group else {}
    return {**named, **grouped, "kind": resource.plural}
