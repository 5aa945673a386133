"""What a client sends as an object: is it one of this resource, can it be decoded, and how strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.scheme import Resource
from expander.local.api.server.bodies import Body
from expander.local.api.server.refusals import Refused
from expander.local.api.server.routes import Target
from expander.local.api.views import decoding, statuses
from expander.local.store.encoding import Object
from expander.validate.finding import Reason
from expander.validate.schema import check_schema

LEVELS: Final = ("Strict", "Warn", "Ignore")


def level(query: Mapping[str, str]) -> str:
    """How unknown fields are taken: the ``fieldValidation`` of a request, Warn unless it says otherwise."""
    found = query.get("fieldValidation") or "Warn"
    if found not in LEVELS:
        raise Refused(
            statuses.bad_request(
                f'fieldValidation: Unsupported value: "{found}": supported values: "Ignore", "Strict", "Warn"'
            )
        )
    return found


def dry(query: Mapping[str, str]) -> bool:
    """Whether nothing is to be stored."""
    found = query.get("dryRun", "")
    if found not in ("", "All"):
        raise Refused(statuses.bad_request(f'dryRun: Unsupported value: "{found}": supported values: "All"'))
    return bool(found)


def decoded(resource: Resource, body: Body, validation: str) -> tuple[Object, list[str]]:
    """The object of a body, and warnings; Refused when it is none of ``resource``."""
    obj = body.data
    if (wrong := decoding.wrong_kind(resource, obj, body.raw)) is not None:
        raise Refused(statuses.bad_request(wrong))
    findings = check_schema(obj, assume=(resource.api_version, resource.kind)) or ()
    if any(finding.reason is not Reason.UNKNOWN_FIELD for finding in findings):
        raise Refused(statuses.bad_request(decoding.refusal(resource, obj, findings)))
    strict = [*body.duplicates, *decoding.unknown_fields(findings)]
    if strict and validation == "Strict":
        words = decoding.unhandled(resource, decoding.strict_error(strict))
        raise Refused(statuses.bad_request(words))
    return obj, strict if validation == "Warn" else []


def placed(target: Target, obj: Object) -> None:
    """Hold the namespace and the name of an object against its path; Refused when they differ."""
    metadata: dict[str, Any] = obj.get("metadata") or {}
    namespace, name = metadata.get("namespace"), metadata.get("name")
    if target.resource.namespaced and namespace and namespace != target.namespace:
        raise Refused(
            statuses.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        )
    if target.name and name and name != target.name:
        raise Refused(
            statuses.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            )
        )
