"""One item on its way to the cluster: its next request, and what can come of it. Pure.

An item is created; when the server says that the name is taken, what has the name is read and compared by
digest and group. A lost response is therefore harmless: the next attempt finds what the first one created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.client.bodies import decode_object
from expander.kube.workloads import COMPLETE
from expander.kube.workloads import FAILED as JOB_FAILED
from expander.manifests.rerun import ATTEMPT_ANNOTATION, SUBMITTED_ANNOTATION
from expander.manifests.rerun_choice import FAILED, SUCCEEDED
from expander.run.outcomes import state_of
from expander.submit.canonical import encode
from expander.submit.options import SubmitOptions
from expander.submit.quota_gate import Excess
from expander.submit.request import PreparedRequest

Stage = Literal["create", "compare", "replace", "delete", "vanish"]

APPLY_CONTENT_TYPE: Final = "application/apply-patch+yaml"
"""The body of a server-side apply; JSON is YAML too."""

_ENDS: Final = {COMPLETE: SUCCEEDED, JOB_FAILED: FAILED}

SPLIT: Final = "IndexesRerun"
"""The reason of an Indexed Job that is kept while the indexes it still owes run again."""

ANOTHER_GROUP: Final = "AnotherGroup"
"""The reason of a name that another group has."""

ANOTHER_ITEM: Final = "AnotherItem"
"""The reason of a name that the Job of another item of the group has, or of a list of others."""

RENAMED: Final = "Renamed"
"""The reason of an object that the cluster gave another name than it was sent with."""

RERUN: Final = "Rerun"
"""The reason of a Job that was made anew."""

FAILED_BEFORE: Final = "Failed"
"""The reason of an unchanged Job that has failed."""

KEPT: Final = "Complete"
"""The reason of a complete Job that is kept though its manifest has changed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The item is settled. ``reason`` is one word for programs, ``message`` is for people.

    ``has_no_namespace`` says that nothing can be created where it was to be.
    """

    outcome: str
    reason: str = ""
    message: str = ""
    passed: bool = True
    has_no_namespace: bool = False


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again later; ``busy`` when the server refuses for load or does not answer.

    ``after`` is how many seconds later, None for a back-off. ``full`` says that the server has no seat free
    (429): the item may go as soon as another request is answered. ``message`` is what the server said,
    for an item that is given up.
    """

    why: str
    busy: bool = True
    after: float | None = None
    full: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Continue:
    """Send the next request of the item at once: its stage has changed."""


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """A quota has no room for the item."""

    excess: Excess
    message: str


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The credentials are not accepted; with ``is_unsent`` there are none, which may pass."""

    message: str
    is_unsent: bool = False


Action = Finished | RetryAfter | Continue | QuotaExceeded | Unauthorized


@dataclass(slots=True)
class Delivery:
    """One item on its way.

    ``attempts`` counts its requests, ``failures`` those in a row that failed without a Retry-After,
    ``foreign_errors`` those in a row that no API server answered. ``first_attempt_at`` is the time of the
    first. ``maybe_created`` says that a response was lost, so that the object may exist; ``checked_absent``
    that it was looked for and did not exist; ``if_absent`` is what is done when a look finds that it does
    not exist. ``known_version`` is the resourceVersion when the group was listed, for server-side apply;
    ``found`` is the object that has the name, ``uid`` that of the one that is to be deleted (with
    ``propagation``, if that is not empty), ``attempt`` the
    number of this attempt, and ``tree`` what is created if that is not the manifest; ``place`` is that of
    the object in its group (`place_of`), which what comes in its place keeps. ``anew`` says that a
    Job of an earlier submission is made anew, ``ended`` that it is a Job that has finished, ``released`` that
    it was held for quota and is tried again. ``beside`` are the requests that were under way when its last
    one was sent, at ``sent_at``.
    """

    prepared: PreparedRequest
    stage: Stage = "create"
    attempts: int = 0
    failures: int = 0
    foreign_errors: int = 0
    first_attempt_at: float | None = None
    maybe_created: bool = False
    checked_absent: bool = False
    if_absent: Finished | QuotaExceeded | None = None
    known_version: str = ""
    found: Mapping[str, Any] | None = None
    uid: str = ""
    propagation: str = ""
    attempt: int = 1
    tree: Mapping[str, Any] | None = None
    place: str = ""
    anew: bool = False
    ended: bool = False
    released: bool = False
    beside: int = 0
    sent_at: float = 0.0

    @property
    def collection(self) -> str:
        """What shares quotas: the path of a namespace and resource."""
        return self.prepared.collection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item; ``attempts`` are the requests it took.

    ``found`` is the Indexed Job of which indexes run again.
    """

    prepared: PreparedRequest
    result: Finished
    attempts: int
    found: Mapping[str, Any] | None = None


class Request(NamedTuple):
    """A request: the path may have a query; ``content_type`` is that of the body, None for JSON."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None


def next_request(delivery: Delivery, options: SubmitOptions) -> Request:
    """What to send next. Fields that the server does not know are errors (``fieldValidation=Strict``)."""
    prepared, dry_run = delivery.prepared, options.is_server_dry_run
    query = "?fieldValidation=Strict&fieldManager=expander" + ("&dryRun=All" if dry_run else "")
    if delivery.stage == "create" and options.server_side:
        force = "&force=true" if options.force_conflicts else ""
        return Request("PATCH", prepared.path + query + force, prepared.body, APPLY_CONTENT_TYPE)
    if delivery.stage == "create":
        return Request("POST", prepared.collection + query, body_of(delivery))
    if delivery.stage == "replace":
        return Request("PUT", prepared.path + query, encode(_replacement(delivery)))
    if delivery.stage == "delete":
        delete_options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": delivery.propagation
            or ("Foreground" if prepared.replaces else "Background"),
            "preconditions": {"uid": delivery.uid},
            **({"dryRun": ["All"]} if dry_run else {}),
        }
        return Request("DELETE", prepared.path, encode(delete_options))
    return Request("GET", prepared.path)


def body_of(delivery: Delivery) -> bytes:
    """The object, with the number of the attempt when it is not the first."""
    if delivery.tree is not None:
        return encode(delivery.tree)
    if delivery.attempt == 1 and not delivery.place:
        return delivery.prepared.body
    tree = _in_place(delivery)
    if delivery.attempt > 1:
        tree["metadata"]["annotations"][ATTEMPT_ANNOTATION] = str(delivery.attempt)
    return encode(tree)


def _in_place(delivery: Delivery) -> dict[str, Any]:
    """The manifest with the place of the Job that it replaces, if it replaces one."""
    tree = decode_object(delivery.prepared.body) or {}
    if delivery.place and SUBMITTED_ANNOTATION in (notes := tree["metadata"]["annotations"]):
        notes[SUBMITTED_ANNOTATION] = delivery.place
    return tree


def _replacement(delivery: Delivery) -> Mapping[str, Any]:
    """The object for a PUT.

    A Job keeps the selector and the pod labels that the Job strategy generated when it was created: both are
    immutable, and the manifest does not have them.
    """
    tree = _in_place(delivery)
    found = delivery.found or {}
    tree["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
    spec, old = tree.get("spec"), found.get("spec")
    if not delivery.prepared.is_job or not spec or not old or spec.get("manualSelector"):
        return tree
    if "selector" in old:
        spec["selector"] = old["selector"]
    generated = ((old.get("template") or {}).get("metadata") or {}).get("labels") or {}
    template = (spec.get("template") or {}).setdefault("metadata", {})
    template["labels"] = {
        **(template.get("labels") or {}),
        **{name: value for name, value in generated.items() if name in _GENERATED_POD_LABELS},
    }
    return tree


_GENERATED_POD_LABELS: Final = frozenset(
    [
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
    ]
)
"""Labels that the Job strategy adds to the pod template (pkg/registry/batch/job)."""


def end_of(tree: Mapping[str, Any]) -> str:
    """`SUCCEEDED` or `FAILED`, as the status of a workload tells; empty for an unfinished one.

    A failed Indexed Job whose missing indexes `retry` gave Jobs of their own counts as complete.
    """
    return _ENDS.get(state_of(tree), "")


def is_finished(tree: Mapping[str, Any]) -> bool:
    """Whether a Job is Complete or Failed."""
    return bool(end_of(tree))


def has_begun(tree: Mapping[str, Any]) -> bool:
    """Whether a Job has or had pods."""
    status = tree.get("status") or {}
    return any(status.get(field) for field in ("active", "ready", "terminating", "succeeded", "failed"))
