"""RuntimeClasses (pkg/apis/node/validation of the API server decides)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, immutable, invalid_each
from expander.validate.rules.metadata import check_labels, check_metadata
from expander.validate.rules.pod.resources import check_resources
from expander.validate.rules.pod.scheduling import check_tolerations

Object = Mapping[str, Any]


def check_runtime_class(runtime_class: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new RuntimeClass."""
    handler = runtime_class.get("handler") or ""
    overhead = (runtime_class.get("overhead") or EMPTY).get("podFixed")
    scheduling = runtime_class.get("scheduling") or EMPTY
    return [
        *check_metadata(runtime_class.get("metadata") or EMPTY, namespaced=False),
        *invalid_each("handler", handler, formats.dns_label(handler)),
        *(check_resources({"limits": overhead}, "overhead") if overhead else ()),
        *check_labels(scheduling.get("nodeSelector") or EMPTY, "scheduling.nodeSelector"),
        *check_tolerations(scheduling.get("tolerations") or (), "scheduling.tolerations", release),
    ]


def check_runtime_class_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """What may not change: the handler."""
    if (new.get("handler") or "") != (old.get("handler") or ""):
        yield immutable("handler", new.get("handler") or "")
