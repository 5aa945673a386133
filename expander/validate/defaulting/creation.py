"""What the API server's registry adds to a Job it creates.

pkg/registry/batch/job/strategy.go decides: the status is emptied, and unless the user manages the
selector it is generated from the Job's uid together with the labels of the pod template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.validate.defaults.defaults import defaults

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
OLD_UID_LABEL = "controller-uid"
OLD_NAME_LABEL = "job-name"


def created_job(
    obj: Mapping[str, Any], uid: str, *, namespace: str = "default", version: str | None = None
) -> dict[str, Any]:
    """A new object: ``obj``, a Job that passed the schema check, as the server answers and validates it.

    ``uid`` is the one the Job gets; what depends on it (selector, generated labels) is the only part of
    the answer that two servers would not agree on. ``namespace`` is that of the URL. The time and the
    managed fields are left to the caller.
    """
    job = defaults(obj, "Job", version=version)
    metadata, spec = job["metadata"], job["spec"]
    metadata.setdefault("namespace", namespace)
    metadata["generation"] = 1
    job["status"] = {}
    own_labels = bool(((obj.get("metadata") or {}).get("labels")) or {})
    if not spec.get("manualSelector"):
        spec["manualSelector"] = False
        generate_selector(spec, str(metadata.get("name", "")), uid)
    if not own_labels and spec["template"]["metadata"].get("labels"):
        metadata["labels"] = dict(spec["template"]["metadata"]["labels"])
    return job


def generate_selector(spec: dict[str, Any], name: str, uid: str) -> None:
    """Label the pod template with the Job's name and uid, and select by the uid.

    What the user has set already stays, and validation refuses it when it does not fit.
    """
    labels = spec["template"]["metadata"].setdefault("labels", {})
    if OLD_NAME_LABEL not in labels:
        labels |= {OLD_NAME_LABEL: name, NAME_LABEL: name}
    if OLD_UID_LABEL not in labels:
        labels |= {OLD_UID_LABEL: uid, UID_LABEL: uid}
    spec.setdefault("selector", {}).setdefault("matchLabels", {}).setdefault(UID_LABEL, uid)
