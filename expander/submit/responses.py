"""What a response to the request of an item means for it, stage by stage. Pure.

A response counts only when an API server wrote it: a success is the object itself (kind, name, namespace,
uid), an error is a Status. Anything else, such as the login page of a proxy, is a lost response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.option_names import option
from expander.client.bodies import decode_object
from expander.client.client import MAX_FOREIGN_ERRORS
from expander.client.retry import TRANSIENT, status_of
from expander.client.transport import Response
from expander.kube.object_check import check_of
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import (
    place_of,
    remaining_indexes,
    rerun_changed,
    retried_indexes,
)
from expander.manifests.rerun_choice import FAILED, has_other_items, next_attempt, runs_again, whose_else
from expander.submit.delivery import (
    ANOTHER_GROUP,
    ANOTHER_ITEM,
    FAILED_BEFORE,
    KEPT,
    RENAMED,
    RERUN,
    SPLIT,
    Action,
    Continue,
    Delivery,
    Finished,
    QuotaExceeded,
    RetryAfter,
    Unauthorized,
    end_of,
    has_begun,
    is_finished,
)
from expander.submit.options import SubmitOptions
from expander.submit.quota_gate import parse_excess
from expander.submit.request import PreparedRequest

DELETION_POLL_SECONDS: Final = 0.3
"""Seconds between two reads of an object that is being deleted."""

TERMINATING: Final = "because it is being terminated"
"""What NamespaceLifecycle says of a namespace that is being deleted (admission plugin of the API server)."""

_TEXT_FOR_OTHERS: Final = r'must be of type (?:integer|number|boolean|object|array): "string"'
"""What apiextensions-apiserver says of a text in a field of another type."""

MAX_VALUE_LENGTH: Final = 120
"""Characters of a rejected value that are shown; immutable fields come with the whole pod template in Go."""


def interpret_response(delivery: Delivery, response: Response, options: SubmitOptions) -> Action:
    """What the response to `next_request` means; the stage of ``delivery`` moves on."""
    code = response.status
    if code < 400:
        return _successful(delivery, response, options)
    status = status_of(response.body)
    message = str(status.get("message") or f"HTTP {code}")
    if code == 401:
        delivery.maybe_created |= not status and _writes(delivery)
        return Unauthorized(message)
    if code in TRANSIENT:
        delivery.maybe_created |= code >= 500 and _writes(delivery)
        why = f"{code} {status.get('reason') or ''}".strip()
        return RetryAfter(why, full=code == 429, message=message if status else "")
    if not status:
        return _foreign_error(delivery, response)
    delivery.foreign_errors = 0
    error = _Refusal(code, str(status.get("reason") or f"HTTP{code}"), message, _details(status))
    if code == 409 and error.reason == "Conflict" and delivery.stage == "create" and not error.has_conflicts:
        return RetryAfter("conflict over a quota", busy=False)
    if code == 403:
        action = _forbidden(delivery, message)
        if action is not None:
            return action
    return _ERRORS[delivery.stage](delivery, error, options)


def _forbidden(delivery: Delivery, message: str) -> Action | None:
    """What a 403 of the quota admission plugin means; None for any other."""
    if "status unknown for quota" in message:
        return RetryAfter("a quota without a status", busy=False, after=1.0)
    excess = parse_excess(message)
    if excess is None:
        return None
    if delivery.maybe_created and delivery.stage == "create":
        delivery.stage = "compare"  # quota is checked before names are: the lost request may have used it
        return Continue()
    return QuotaExceeded(excess, message)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error of the API server, from its Status."""

    code: int
    reason: str
    message: str
    details: Mapping[str, Any]

    @property
    def causes(self) -> tuple[Mapping[str, Any], ...]:
        """What is wrong, field by field."""
        found = self.details.get("causes")
        return tuple(cause for cause in found if isinstance(cause, dict)) if isinstance(found, list) else ()

    @property
    def has_conflicts(self) -> bool:
        """Whether applied fields belong to other managers."""
        return any(cause.get("reason") == "FieldManagerConflict" for cause in self.causes)

    def finish(self, hint: str = "") -> Finished:
        """Refused: trying again would change nothing."""
        return Finished("refused", self.reason, shorten(self.message, self.causes) + hint, passed=False)


def _details(status: Mapping[str, Any]) -> Mapping[str, Any]:
    found = status.get("details")
    return found if isinstance(found, dict) else {}


def shorten(message: str, causes: tuple[Mapping[str, Any], ...] = ()) -> str:
    """A refusal without the values of fields where those are long: what is wrong stands behind them."""
    if len(message) <= 2 * MAX_VALUE_LENGTH or not causes:
        return message
    parts = []
    for cause in causes:
        words = str(cause.get("message") or cause.get("reason") or "")
        value = re.fullmatch(r"(Invalid value): .*: ([^:]+)", words, re.DOTALL)
        if value is not None and len(words) > MAX_VALUE_LENGTH:
            words = value[2]
        parts.append(f"{cause.get('field') or ''}: {words}".removeprefix(": "))
    head, found, _ = message.partition(" is invalid: ")
    return (head + found if found else "") + "; ".join(parts)


def _writes(delivery: Delivery) -> bool:
    """Whether the request may have left the object in the cluster."""
    return delivery.stage in ("create", "replace")


def lost_response(delivery: Delivery, why: str) -> RetryAfter:
    """No response came, or none of an API server: the request may have taken effect."""
    delivery.maybe_created |= _writes(delivery)
    return RetryAfter(why)


def _foreign_error(delivery: Delivery, response: Response) -> Action:
    """An error without a Status comes from a proxy, before or after the server had the request."""
    delivery.foreign_errors += 1
    words = f"HTTP {response.status} without a Status"
    if delivery.foreign_errors < MAX_FOREIGN_ERRORS:
        return lost_response(delivery, words)
    delivery.foreign_errors = 0
    text = " ".join(response.body[:300].decode(errors="replace").split())
    refused = Finished("refused", f"HTTP{response.status}", f"{words}: {text}" if text else words, False)
    if delivery.stage == "create" and delivery.if_absent is None:
        delivery.stage, delivery.if_absent = "compare", refused  # it may exist all the same
        return Continue()
    return refused


def _successful(delivery: Delivery, response: Response, options: SubmitOptions) -> Action:
    if delivery.stage == "delete" and response.status < 300:
        delivery.stage = "vanish"  # which looks whether it is gone, whatever this response was
        return Continue()
    found = decode_object(response.body) if response.status < 300 else None
    if found is not None and (renamed := _renamed(delivery, found)) is not None:
        return renamed
    if found is None or not _is_the_object(delivery, found):
        return lost_response(delivery, f"HTTP {response.status} without the object")
    delivery.foreign_errors = 0
    return _SUCCESSES[delivery.stage](delivery, response.status, found, options)


def _is_the_object(delivery: Delivery, found: Mapping[str, Any]) -> bool:
    """Whether a response is the object that was asked for, as a server keeps it."""
    prepared, metadata = delivery.prepared, found.get("metadata")
    return (
        found.get("kind") == prepared.kind
        and isinstance(metadata, dict)
        and metadata.get("name") == prepared.name
        and (metadata.get("namespace") or "") == prepared.namespace
        and isinstance(uid := metadata.get("uid"), str)
        and bool(uid)
        # of what was created no more is read
        and (delivery.stage == "create" or check_of(prepared.path)(found))
    )


def _renamed(delivery: Delivery, found: Mapping[str, Any]) -> Finished | None:
    """The end of an item whose object got another name, as a mutating webhook may give it; None otherwise.

    Its digest tells it from an object that was never asked for.
    """
    metadata = found.get("metadata")
    if delivery.stage != "create" or not isinstance(metadata, dict):
        return None
    name, notes = metadata.get("name"), metadata.get("annotations")
    digest = notes.get(DIGEST_ANNOTATION) if isinstance(notes, dict) else None
    if name == delivery.prepared.name or digest != delivery.prepared.digest:
        return None
    return _another_name(str(name))


def _another_name(name: str) -> Finished:
    words = f"the cluster named it {name!r}: an admission webhook renames it, so that it would not be found "
    words += "again; exempt it from the webhook, and delete what was created"
    return Finished("refused", RENAMED, words, passed=False)


_CREATED: Final = Finished("created")


def _created(delivery: Delivery, code: int, found: Mapping[str, Any], options: SubmitOptions) -> Action:
    if options.is_server_dry_run:
        return Finished("created", "DryRun")
    if not options.server_side or code == 201:
        again = RERUN if delivery.anew else "Recreated"
        return Finished("created", again) if delivery.uid else _CREATED
    if delivery.maybe_created and not delivery.known_version:
        return Finished("created", "AnswerLost")
    if found["metadata"].get("resourceVersion") == delivery.known_version:
        return Finished("unchanged", "Applied")
    if not delivery.known_version and delivery.checked_absent:
        return Finished("changed", "CannotCompare")
    return Finished("changed", "Applied")


def _not_created(delivery: Delivery, error: _Refusal, options: SubmitOptions) -> Action:
    if error.code == 409 and error.has_conflicts:
        hint = f"; {option('--force-conflicts', True)} takes those fields over"
        skips = options.on_exists == "skip"
        return Finished("exists", "FieldManagerConflict", error.message + hint, passed=skips)
    if error.code == 409 and error.reason == "AlreadyExists":
        name = error.details.get("name")
        if delivery.checked_absent and isinstance(name, str) and name not in ("", delivery.prepared.name):
            return _another_name(name)
        delivery.stage = "compare"
        return Continue()
    namespace = delivery.prepared.namespace
    missing = error.code == 404 and error.message == f'namespaces "{namespace}" not found'
    hint = f"; `kubectl create namespace {namespace}` creates it" if missing else ""
    if re.search(_TEXT_FOR_OTHERS, error.message):
        hint = f"; without {option('--crds')} items are text in custom resources: ${{ITEM|json}} is not"
    refused = error.finish(hint)
    terminating = error.code == 403 and TERMINATING in error.message
    return replace(refused, has_no_namespace=True) if missing or terminating else refused


def _compared(delivery: Delivery, code: int, found: Mapping[str, Any], options: SubmitOptions) -> Action:
    metadata: Mapping[str, Any] = found["metadata"]
    delivery.ended, delivery.if_absent = is_finished(found), None
    words, reason = difference(delivery.prepared, metadata)
    delivery.place = place_of(found)
    deleting = "deletionTimestamp" in metadata
    if options.server_side and not deleting and not (delivery.maybe_created and not reason):
        delivery.stage, delivery.known_version = "create", str(metadata.get("resourceVersion") or "")
        delivery.maybe_created = False
        return RetryAfter("the object exists and is applied to", busy=False, after=0.0)
    if (
        not deleting
        and (found_earlier := _of_earlier_submission(delivery, found, reason, options)) is not None
    ):
        return found_earlier
    if not reason and not deleting:
        made = delivery.maybe_created or delivery.uid
        before = FAILED_BEFORE if delivery.prepared.is_workload and end_of(found) == FAILED else ""
        return Finished("created", "AnswerLost") if made else Finished("unchanged", before)
    if options.on_exists == "recreate" or (deleting and not reason):
        delivery.uid = metadata["uid"]
        delivery.stage = "vanish" if deleting else "delete"
        return Finished("created", "DryRun") if options.is_server_dry_run else Continue()
    if options.on_exists == "replace":
        delivery.found, delivery.stage = found, "replace"
        return Continue()
    return Finished("exists", reason, words, passed=options.on_exists == "skip")


def _of_earlier_submission(
    delivery: Delivery, found: Mapping[str, Any], reason: str, options: SubmitOptions
) -> Action | None:
    """What becomes of a Job of the group that was submitted before; None when nothing special does."""
    prepared, changed = delivery.prepared, reason == "Changed"
    if not (prepared.is_job and prepared.group and options.keeps_complete) or (reason and not changed):
        return None
    if not changed and (options.rerun is None or delivery.maybe_created or delivery.uid):
        return None
    state, what = end_of(found), f"{prepared.title} {prepared.name!r}"
    owes = state == FAILED or (state and retried_indexes(found))
    all_run = options.rerun == "all"
    if changed:
        if (refused := refused_for_item(prepared, found["metadata"], options)) is not None:
            return refused
        all_run = all_run or has_other_items(found["metadata"], _metadata(prepared))
    if owes and not all_run and remaining_indexes(found) is not None:
        if not runs_again(FAILED, changed=changed, rerun=options.rerun):
            return None
        delivery.found = found  # which stays: the indexes that it still owes get Jobs of their own
        return Finished("unchanged", SPLIT)
    if not runs_again(state, changed=changed, rerun=options.rerun):
        return Finished("unchanged", KEPT) if changed else None
    if not state and has_begun(found) and options.rerun in (None, "failed"):
        words = f"{what} has changed and is still running; "
        words += f"{option('--rerun changed')} stops it and runs it again"
        return Finished("exists", "Changed", words, passed=False)
    delivery.uid, delivery.anew = found["metadata"]["uid"], True
    begun = bool(state) or has_begun(found)
    delivery.attempt = next_attempt(found, {"metadata": _metadata(prepared)}, begun=begun)
    delivery.tree = None if changed else rerun_changed(found)
    delivery.found, delivery.stage = found, "delete"
    return Finished("created", "DryRun") if options.is_server_dry_run else Continue()


def refused_for_item(
    prepared: PreparedRequest, there: Mapping[str, Any], options: SubmitOptions
) -> Finished | None:
    """The end of an item whose name the Job of another one has or had, ``there`` by its metadata."""
    if (whose := whose_else(there, _metadata(prepared), options.rerun)) is None:
        return None
    words = f"{prepared.title} {prepared.name!r} of this group {'; '.join(whose)}"
    return Finished("exists", ANOTHER_ITEM, words, passed=False)


def _metadata(prepared: PreparedRequest) -> Mapping[str, Any]:
    """The metadata of an object as it is sent."""
    found: Mapping[str, Any] = (decode_object(prepared.body) or {}).get("metadata") or {}
    return found


RIGHTS: Final = "; submit needs the verbs get and list to know what it has sent before"
"""What is said where an object may not be read."""


def _not_compared(delivery: Delivery, error: _Refusal, options: SubmitOptions) -> Action:
    if error.code == 404:
        delivery.stage, delivery.maybe_created, delivery.checked_absent = "create", False, True
        at_once = 0.0 if options.server_side else None
        return RetryAfter("the object does not exist", busy=False, after=at_once)
    applies = options.server_side and not delivery.checked_absent
    if error.code == 403 and delivery.if_absent is None and not applies:
        what = f"{delivery.prepared.title} {delivery.prepared.name!r}"
        words = f"{what} exists, cannot be compared: {error.message}{RIGHTS}"
        return Finished("exists", "CannotCompare", words, passed=options.on_exists == "skip")
    if error.code == 403:
        at_once = 0.0 if applies else None
        delivery.stage, delivery.checked_absent = "create", True
        return RetryAfter("the object may not be read", busy=False, after=at_once)
    return error.finish()


def _replaced(delivery: Delivery, code: int, found: Mapping[str, Any], options: SubmitOptions) -> Action:
    return Finished("created", "DryRun" if options.is_server_dry_run else "Replaced")


def _not_replaced(delivery: Delivery, error: _Refusal, options: SubmitOptions) -> Action:
    if error.code in (404, 409):
        delivery.stage = "compare"
        return RetryAfter("the object has changed meanwhile", busy=False)
    immutable = error.code == 422 and "immutable" in error.message
    return error.finish(f"; {option('--on-exists recreate')} deletes it first" if immutable else "")


def _not_deleted(delivery: Delivery, error: _Refusal, options: SubmitOptions) -> Action:
    if error.code == 404:
        delivery.stage = "vanish"
        return Continue()
    if error.code == 409:
        delivery.stage = "compare"
        return RetryAfter("another object has the name now", busy=False)
    return error.finish()


def _still_there(delivery: Delivery, code: int, found: Mapping[str, Any], options: SubmitOptions) -> Action:
    if found["metadata"]["uid"] != delivery.uid:
        delivery.stage = "compare"
        return Continue()
    return RetryAfter("the old object is being deleted", busy=False, after=DELETION_POLL_SECONDS)


def _vanished(delivery: Delivery, error: _Refusal, options: SubmitOptions) -> Action:
    if error.code == 404:
        delivery.stage = "create"
        return Continue()
    return error.finish()


_SUCCESSES: Final = {
    "create": _created,
    "compare": _compared,
    "replace": _replaced,
    "vanish": _still_there,
}
"""What the object in a response means, by stage; a deletion has none."""

_ERRORS: Final = {
    "create": _not_created,
    "compare": _not_compared,
    "replace": _not_replaced,
    "delete": _not_deleted,
    "vanish": _vanished,
}
"""What an error of the API server means, by stage."""


def difference(prepared: PreparedRequest, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """How what has the name differs: a message and a reason, both empty when it is the same item."""
    digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION)
    labels = metadata.get("labels") or {}
    what = f"{prepared.title} {prepared.name!r}"
    if digest == prepared.digest:
        return "", ""
    if digest is None:
        return f"{what} exists and was not created by expander", "NotOurs"
    group = labels.get(prepared.group_label) or ""
    if prepared.group != group:
        whose = f"belongs to group {group!r}" if group else "belongs to no group"
        return f"{what} exists and {whose}", ANOTHER_GROUP
    ours = " in this group" if group else ""
    return f"{what} exists{ours} with other content", "Changed"
