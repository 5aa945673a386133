"""Which fields of a manifest hold names, and what the API server wants of them.

Rules of apimachinery and pkg/apis/core/validation: object names and references to objects are
DNS-1123 subdomains, container, init container and volume names DNS-1123 labels. References to
objects that a batch brings along (ConfigMap, Secret, claim) follow the rule of the object's own name,
so that both ends of a reference change alike. A namespace or a service account is never renamed: it
names something that exists already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.volcano import is_volcano
from expander.manifests.names import DNS_LABEL, LABEL_VALUE, SUBDOMAIN, NameRule

Path = tuple[str | int, ...]

_LABEL_NAMES = frozenset(
    ("containers", "initContainers", "ephemeralContainers", "volumes", "volumeMounts", "volumeDevices")
)
_REFERENCES = frozenset(
    (
        "configMapKeyRef",
        "secretKeyRef",
        "configMapRef",
        "secretRef",
        "configMap",
        "secret",
    )
)
_REFERENCE_FIELDS = frozenset(("secretName", "claimName"))
_MOST_COMPLETIONS = 100_000
_MOST_REPLICAS = 10_000
_LONGEST_END = 43  # a task whose name is longer leaves too little for any other
_CRONJOB_SUFFIX = 11  # the CronJob controller names its Jobs NAME-MINUTES


def name_rule(tree: Mapping[str, Any], path: Path) -> NameRule | None:
    """The rule for the text at ``path`` of the object ``tree``, or None when it is no name."""
    if len(path) < 2:
        return None
    last, before = path[-1], path[-2]
    if before == "labels" or before == "matchLabels":
        return LABEL_VALUE
    if path == ("metadata", "name") or path == ("metadata", "generateName"):
        return _object_name(tree)
    if before == "metadata" and last == "name":
        return SUBDOMAIN
    if last in ("hostname", "subdomain") and "spec" in path:
        return DNS_LABEL
    if last == "name" and isinstance(before, int) and len(path) >= 3:
        if path[:2] == ("spec", "tasks") and len(path) == 4 and is_volcano(tree):
            return DNS_LABEL
        if path[-3] in _LABEL_NAMES:
            return DNS_LABEL
        if path[-3] in _REFERENCES:
            return SUBDOMAIN
    if (last == "name" and before in _REFERENCES) or last in _REFERENCE_FIELDS:
        return SUBDOMAIN
    return None


def _object_name(tree: Mapping[str, Any]) -> NameRule:
    kind = tree.get("kind")
    if is_volcano(tree):
        return DNS_LABEL.shortened(63 - _task_room(tree.get("spec")))
    if kind == "Job":
        return SUBDOMAIN.shortened(63 - _index_room(tree.get("spec")))
    if kind == "CronJob":
        return SUBDOMAIN.shortened(63 - _CRONJOB_SUFFIX)
    if kind == "JobSet":
        return DNS_LABEL.shortened(63 - _replica_room(tree.get("spec")))
    if kind in ("Service", "Namespace"):
        return DNS_LABEL
    return SUBDOMAIN


def _task_room(spec: Any) -> int:
    """Characters a Volcano Job needs behind its name in the names of its pods (NAME-TASK-INDEX), which are
    names of hosts too."""
    rooms = [0]
    for number, task in enumerate(_parts(spec, "tasks")):
        name = task.get("name") or f"default{number}"
        rooms.append(len(f"-{name}-{max(_last(task), number)}"))
    return min(max(rooms), _LONGEST_END)


def _replica_room(spec: Any) -> int:
    """The same for a JobSet: pods of its Jobs are named NAME-JOB-NUMBER-INDEX and five random characters."""
    rooms = [len(f"-{part.get('name')}-{_last(part)}-00000-xxxxx") for part in _parts(spec, "replicatedJobs")]
    return min(max(rooms, default=0), _LONGEST_END)


def _parts(spec: Any, field: str) -> list[Mapping[str, Any]]:
    found = spec.get(field) if isinstance(spec, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _last(part: Mapping[str, Any]) -> int:
    """The number of the last replica; where an item decides it, of a great many."""
    replicas = part.get("replicas") or 1
    return replicas - 1 if isinstance(replicas, int) else _MOST_REPLICAS - 1


def _index_room(spec: Any) -> int:
    """Characters an Indexed Job needs behind its name in the hostnames of its pods (NAME-INDEX)."""
    if not isinstance(spec, Mapping) or spec.get("completionMode") != "Indexed":
        return 0
    completions = spec.get("completions")
    if isinstance(completions, int) and 0 < completions <= _MOST_COMPLETIONS:
        return len(f"-{completions - 1}")
    return len(f"-{_MOST_COMPLETIONS - 1}")  # an item decides it, or it is wrong
