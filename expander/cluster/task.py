"""One item on its way, and the next request it needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal

from expander.cluster.wire import Prepared

Stage = Literal["create", "compare", "replace", "delete", "vanish"]

Apply = Literal["apply", "force"]
"""Server-side apply instead of creating; with ``force`` fields of other managers are taken over."""

APPLY_PATCH: Final = "application/apply-patch+yaml"
"""What the body of a server-side apply is; JSON is YAML too."""


@dataclass(slots=True)
class Task:
    """One item on its way.

    ``attempts`` counts requests that tell of the item, ``failures`` those in a row that had no use and no
    word of how long to wait; ``first``
    is when it was first tried; ``unsure`` that an answer was lost, so the object may be there; ``asked`` that
    it was looked for and was not there; ``ended`` that it is a Job that has finished; ``refusal`` is what a
    quota said, while the object is looked for; ``released`` that it was held for quota and is tried again;
    ``apply`` that it is applied, in the stage "create".
    """

    prepared: Prepared
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
class Asked:
    """A request: the path may have a query; ``content_type`` is what the body is, None for JSON."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None


def request_of(task: Task, dry_run: bool = False) -> Asked:
    """What to ask next. Fields that the server does not know are errors (``fieldValidation=Strict``)."""
    prepared = task.prepared
    query = "?fieldValidation=Strict&fieldManager=expander" + ("&dryRun=All" if dry_run else "")
    if task.stage == "create" and task.apply is not None:
        force = "&force=true" if task.apply == "force" else ""
        return Asked("PATCH", prepared.path + query + force, prepared.body, APPLY_PATCH)
    if task.stage == "create":
        return Asked("POST", prepared.collection + query, prepared.body)
    if task.stage == "replace":
        tree = json.loads(prepared.body)
        tree["metadata"]["resourceVersion"] = task.version
        return Asked("PUT", prepared.path + query, json.dumps(tree, ensure_ascii=False).encode())
    if task.stage == "delete":
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Foreground" if prepared.replaces else "Background",
            "preconditions": {"uid": task.uid},
            **({"dryRun": ["All"]} if dry_run else {}),
        }
        return Asked("DELETE", prepared.path, json.dumps(options).encode())
    return Asked("GET", prepared.path)
