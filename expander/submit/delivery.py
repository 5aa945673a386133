"""What the answers of a server mean for an item: no network, no clock.

An item is created; when the server says that the name is taken, what has the name is read and compared by
digest and group. A lost answer is therefore harmless: the next attempt finds what the first one made.

One item on its way, and the next request it needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from expander.client.retry import TRANSIENT, status_of
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.submit.quota_gate import Excess, parse_excess
from expander.submit.request import PreparedRequest

Stage = Literal["create", "compare", "replace", "delete", "vanish"]

Apply = Literal["apply", "force"]
"""Server-side apply instead of creating; with ``force`` fields of other managers are taken over."""

APPLY_CONTENT_TYPE: Final = "application/apply-patch+yaml"
"""What the body of a server-side apply is; JSON is YAML too."""


@dataclass(slots=True)
class Delivery:
    """One item on its way.

    ``attempts`` counts requests that tell of the item, ``failures`` those in a row that had no use and no
    word of how long to wait; ``first``
    is when it was first tried; ``unsure`` that an answer was lost, so the object may be there; ``asked`` that
    it was looked for and was not there; ``ended`` that it is a Job that has finished; ``refusal`` is what a
    quota said, while the object is looked for; ``released`` that it was held for quota and is tried again;
    ``apply`` that it is applied, in the stage "create".
    """

    prepared: PreparedRequest
    stage: Stage = "create"
    attempts: int = 0
    failures: int = 0
    first: float | None = None
    unsure: bool = False
    asked: bool = False
    refusal: str | None = None
    uid: str = ""
    version: str = ""
    ended: bool = False
    released: bool = False
    apply: Apply | None = None

    @property
    def place(self) -> str:
        """What shares a fate with quotas: the namespace and the kind."""
        return self.prepared.collection


@dataclass(frozen=True, slots=True)
class Request:
    """A request: the path may have a query; ``content_type`` is what the body is, None for JSON."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None


def next_request(task: Delivery, dry_run: bool = False) -> Request:
    """What to ask next. Fields that the server does not know are errors (``fieldValidation=Strict``)."""
    prepared = task.prepared
    query = "?fieldValidation=Strict&fieldManager=expander" + ("&dryRun=All" if dry_run else "")
    if task.stage == "create" and task.apply is not None:
        force = "&force=true" if task.apply == "force" else ""
        return Request("PATCH", prepared.path + query + force, prepared.body, APPLY_CONTENT_TYPE)
    if task.stage == "create":
        return Request("POST", prepared.collection + query, prepared.body)
    if task.stage == "replace":
        tree = json.loads(prepared.body)
        tree["metadata"]["resourceVersion"] = task.version
        return Request("PUT", prepared.path + query, json.dumps(tree, ensure_ascii=False).encode())
    if task.stage == "delete":
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Foreground" if prepared.replaces else "Background",
            "preconditions": {"uid": task.uid},
            **({"dryRun": ["All"]} if dry_run else {}),
        }
        return Request("DELETE", prepared.path, json.dumps(options).encode())
    return Request("GET", prepared.path)


OnExists = Literal["fail", "skip", "replace", "recreate"]


DELETION_POLL_SECONDS: Final = 0.3
"""Seconds between two looks at an object that is being deleted."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The item is settled. ``reason`` is one word for machines, ``message`` says more for people."""

    outcome: str
    reason: str = ""
    message: str = ""
    passed: bool = True


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again after a while: ``busy`` when the server refuses for load or does not answer."""

    why: str
    busy: bool = True
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """Ask the next thing of the item at once: its stage has changed."""


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """A quota has no room for the item."""

    excess: Excess
    message: str


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The credentials are not accepted."""

    message: str


Action = Finished | RetryAfter | Continue | QuotaExceeded | Unauthorized


def interpret_response(
    task: Delivery, code: int, body: bytes, on_exists: OnExists = "fail", dry_run: bool = False
) -> Action:
    """What the answer to `request_of` means; the stage of ``task`` moves on."""
    if code < 300 and task.stage == "create":
        return _made(task, code, dry_run)
    status = status_of(body)
    message = str(status.get("message") or body[:300].decode(errors="replace").strip() or f"HTTP {code}")
    reason = str(status.get("reason") or f"HTTP{code}")
    if code == 401:
        return Unauthorized(message)
    if code in TRANSIENT:
        task.unsure = task.unsure or (task.stage == "create" and code >= 500)
        return RetryAfter(f"{code} {reason}")
    said = Refusal(reason, message, _has_conflicts(status))
    if code == 409 and reason == "Conflict" and task.stage == "create" and not said.conflicts:
        return RetryAfter("a conflict over a quota", busy=False)
    excess = parse_excess(message) if code == 403 else None
    if excess is not None and task.unsure and task.stage == "create":
        task.stage = "compare"  # quota is asked before names are: the lost request may have used it
        return Continue()
    if excess is not None:
        return QuotaExceeded(excess, message)
    if code == 403 and "status unknown for quota" in message:
        return RetryAfter("a quota without a status", busy=False, after=1.0)
    return _AT[task.stage](task, code, body, said, on_exists, dry_run)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a Status says; ``conflicts`` that fields which were applied belong to other managers."""

    reason: str
    message: str
    conflicts: bool = False

    def done(self) -> Finished:
        """Trying again would change nothing."""
        return Finished("refused", self.reason, self.message, passed=False)


def _has_conflicts(status: Mapping[str, Any]) -> bool:
    causes = (status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "FieldManagerConflict" for cause in causes)


def _made(task: Delivery, code: int, dry: bool) -> Finished:
    if dry:
        return Finished("created", "DryRun")
    if task.apply is not None:
        return Finished("created", "Applied" if code == 200 else "")
    return Finished("created", "Recreated" if task.uid else "")


def _created(task: Delivery, code: int, body: bytes, said: Refusal, on_exists: OnExists, dry: bool) -> Action:
    if code == 409 and said.conflicts:
        hint = "; --force-conflicts takes those fields over"
        return Finished("exists", "FieldManagerConflict", said.message + hint, passed=on_exists == "skip")
    if code == 409 and said.reason == "AlreadyExists":
        task.stage = "compare"
        return Continue()
    return said.done()


def _compared(
    task: Delivery, code: int, body: bytes, said: Refusal, on_exists: OnExists, dry: bool
) -> Action:
    if code == 404:
        task.stage, task.unsure, task.asked = "create", False, True
        return RetryAfter("the object is not there", busy=False)
    if code >= 300:
        return said.done()
    found = json.loads(body)
    metadata: Mapping[str, Any] = found["metadata"]
    task.ended = is_finished(found)
    words, reason = difference(task.prepared, metadata)
    deleting = "deletionTimestamp" in metadata
    if not reason and not deleting:
        made = task.unsure or task.uid
        return Finished("created", "AnswerLost") if made else Finished("unchanged")
    if task.apply is not None and not deleting:
        task.stage = "create"
        return RetryAfter("the object is there with other content", busy=False)
    if on_exists == "recreate" or (deleting and not reason):
        task.uid = metadata["uid"]
        task.stage = "vanish" if deleting else "delete"
        return Continue() if not dry else Finished("created", "DryRun")
    if on_exists == "replace":
        task.version, task.stage = metadata["resourceVersion"], "replace"
        return Continue()
    return Finished("exists", reason, words, passed=on_exists == "skip")


def _replaced(
    task: Delivery, code: int, body: bytes, said: Refusal, on_exists: OnExists, dry: bool
) -> Action:
    if code < 300:
        return Finished("created", "DryRun" if dry else "Replaced")
    if code in (404, 409):
        task.stage = "compare"
        return RetryAfter("the object has changed meanwhile", busy=False)
    hint = "; --on-exists recreate deletes it first" if code == 422 and "immutable" in said.message else ""
    return Finished("refused", said.reason, said.message + hint, passed=False)


def _deleted(task: Delivery, code: int, body: bytes, said: Refusal, on_exists: OnExists, dry: bool) -> Action:
    if code < 300 or code == 404:
        task.stage = "vanish"
        return Continue()
    if code == 409:
        task.stage = "compare"
        return RetryAfter("another object has the name now", busy=False)
    return said.done()


def _vanished(
    task: Delivery, code: int, body: bytes, said: Refusal, on_exists: OnExists, dry: bool
) -> Action:
    if code == 404:
        task.stage = "create"
        return Continue()
    if code >= 300:
        return said.done()
    if json.loads(body)["metadata"]["uid"] != task.uid:
        task.stage = "compare"
        return Continue()
    return RetryAfter("the old object is being deleted", busy=False, after=DELETION_POLL_SECONDS)


_AT: Final = {
    "create": _created,
    "compare": _compared,
    "replace": _replaced,
    "delete": _deleted,
    "vanish": _vanished,
}


def difference(prepared: PreparedRequest, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """How what has the name differs: words and a reason, both empty when it is the same item."""
    digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION)
    labels = metadata.get("labels") or {}
    what = f"{prepared.title} {prepared.name!r}"
    if digest == prepared.digest:
        return "", ""
    if digest is None:
        return f"{what} is there and was not made by expander", "NotOurs"
    group = labels.get(prepared.group_label) or ""
    if prepared.group != group:
        whose = f"belongs to the group {group!r}" if group else "belongs to no group"
        return f"{what} is there and {whose}", "AnotherGroup"
    ours = " of this group" if group else ""
    return f"{what}{ours} is there, made from another manifest", "Changed"


def is_finished(tree: Mapping[str, Any]) -> bool:
    """Whether a Job is Complete or Failed, as the Job controller says in its conditions."""
    conditions = (tree.get("status") or {}).get("conditions") or ()
    return any(c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in conditions)
