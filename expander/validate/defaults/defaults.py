"""What the API server makes of a manifest before it checks it: decoding and defaults.

`decoding` reads an object as Go's decoder does, the other modules fill in the defaults of one group of
fields each (pkg/apis/batch/v1 and pkg/apis/core/v1 ``defaults.go`` decide), `creation` adds what the
registry adds when a Job is created. All are functions over plain mappings that passed the schema
check; the caller's object is never changed. No function here refuses anything: rules do.

What rules may rely on in a defaulted object:

- no null anywhere;
- structs the server never leaves out are there, if empty: ``metadata``, ``spec``, ``status``,
  ``spec.template``, its ``metadata`` and ``spec``, every container's ``resources``;
- integers are ``int``, quantities are strings in the server's form;
- an empty string, list or map of the user's is still there, and means the same as leaving it out
  unless the field is a pointer in Go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from expander.validate.defaults import batch, core, custom
from expander.validate.defaults.decode import decode

Object = dict[str, Any]

KINDS: dict[str, tuple[str, Callable[[Object], None] | None]] = {
    "Job": ("batch/v1", batch.job),
    "CronJob": ("batch/v1", batch.cron_job),
    "Pod": ("v1", core.pod),
    "PodTemplate": ("v1", core.pod_template),
    "Service": ("v1", core.service),
    "Secret": ("v1", core.secret),
    "ConfigMap": ("v1", None),
    "ResourceQuota": ("v1", None),
    "LimitRange": ("v1", core.limit_range),
    "PersistentVolumeClaim": ("v1", core.claim),
    "ServiceAccount": ("v1", None),
    "Namespace": ("v1", core.namespace),
}

CUSTOM: dict[tuple[str, str], Callable[[Object], None]] = {
    ("batch.volcano.sh/v1alpha1", "Job"): custom.volcano_job,
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): custom.jobset,
}
"""Kinds of other projects: their webhooks decide."""


def defaults(obj: Mapping[str, Any], kind: str | None = None, *, version: str | None = None) -> Object:
    """A new object: ``obj`` as the API server has it after decoding and defaulting.

    ``obj`` has passed the schema check. ``kind`` overrides the object's own (the server takes it from
    the URL when the object has none). A kind that is in neither table comes back as it is. ``version`` is a
    Kubernetes version, by default the newest; UsageError when there are no schemas for it.
    """
    kind = kind or obj.get("kind")
    api_version, fill = KINDS.get(kind or "", ("", None))
    if (obj.get("apiVersion") or "", kind) in CUSTOM:
        api_version, fill = obj["apiVersion"], CUSTOM[obj["apiVersion"], kind or ""]
    if not api_version or (obj.get("apiVersion") or api_version) != api_version:
        return dict(obj)
    result = decode(obj, api_version, str(kind), version)
    if fill is not None:
        fill(result)
    return result
