"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had (pkg/controller/history)."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Final

from expander.kube.generated_names import new_uid
from expander.kube.time import api_time
from expander.local.controllers.job.pods import controller_reference
from expander.local.controllers.workloads.replicas import template_hash
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

REVISION_LABEL: Final = "controller-revision-hash"


def revision_of(store: ObjectStore, owner: Object, now: float) -> Object:
    """The ControllerRevision of the present template, made if it is not there."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    token = template_hash(template)
    name = f"{metadata['name']}-{token}"
    revisions = revisions_of(store, owner)
    number = max((each["revision"] for each in revisions), default=0) + 1
    there = next((each for each in revisions if each["metadata"]["name"] == name), None)
    if there is not None:
        return there if there["revision"] == number - 1 else store.put({**there, "revision": number})
    return store.put(
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "uid": new_uid(),
                "creationTimestamp": api_time(now),
                "labels": {
                    **(template["metadata"].get("labels") or {}),
                    "controller.kubernetes.io/hash": token,
                },
                "ownerReferences": [controller_reference(owner)],
            },
            "data": {"spec": {"template": {**template, "$patch": "replace"}}},
            "revision": number,
        },
        new=True,
    )


def template_of(revision: Object) -> dict[str, Any]:
    """The pod template of a revision."""
    return {key: each for key, each in revision["data"]["spec"]["template"].items() if key != "$patch"}


def revisions_of(store: ObjectStore, owner: Object) -> list[Object]:
    """The revisions of ``owner``, oldest first."""
    found = [each for each in store.owned(owner["metadata"]["uid"]) if each["kind"] == "ControllerRevision"]
    return sorted(found, key=lambda each: int(each["revision"]))


def trim(store: ObjectStore, owner: Object, used: Container[str], delete: Callable[[Object], None]) -> None:
    """Delete the oldest revisions whose names are not ``used``, but for as many as are to be kept."""
    unused = [each for each in revisions_of(store, owner) if each["metadata"]["name"] not in used]
    for each in unused[: max(0, len(unused) - owner["spec"].get("revisionHistoryLimit", 10))]:
        delete(each)
