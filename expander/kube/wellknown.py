"""Names that the API gives to labels, annotations and finalizers, of Jobs and of what comes with them.

k8s.io/api decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
SLICE_SERVICE = "kubernetes.io/service-name"
SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SLICE_CONTROLLER = "endpointslice-controller.k8s.io"
"""The value of this label that stands for the controller of EndpointSlices."""
TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
"""The annotation of a Service that has replaced the one before."""
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
"""The finalizer of a claim; the pvc-protection controller takes it off when no pod uses the claim."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
"""The annotation of the StorageClass that claims get which name none."""
FOLDER_DRIVER = "folder.expander"
"""The driver of volumes that are folders of the local API's state."""
AUTHORITY_MAP = "kube-root-ca.crt"
"""The ConfigMap of every namespace with the certificate of the authority behind the API server."""
AUTHORITY_KEY = "ca.crt"
ITEMS_MOUNT_PATH = "/expander/items"
"""Where the pods of `--as indexed` have their items; without mounts they look where a variable says."""

TOKEN_MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where containers find the token of their service account."""
TOKEN_SECONDS = 3607
"""How long this token asks to be good."""
RBAC = "rbac.authorization.k8s.io"
"""The API group of roles and their bindings."""
CONTROLLER = "kubernetes.io/job-controller"
"""The value of spec.managedBy that stands for the controller this package follows."""

RUN_TO_COMPLETION = frozenset(("CronJob", "Job", "JobSet", "Pod"))
"""Kinds of what a batch consists of; objects of other kinds are there for them."""

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The PriorityClasses that every cluster has, and their values."""
PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")
"""What spec.preemptionPolicy of a pod may be; the first is the default."""

Object = Mapping[str, Any]
INT32_MAX = 2**31 - 1
MAX_DIGITS = 4000
"""Digits that Python reads as a number."""


def number(annotations: Object | None, key: str, missing: int = 0) -> int:
    """The count in an annotation; ``missing`` when it is absent, malformed, negative or no int32."""
    if not annotations or (text := annotations.get(key)) is None:
        return missing
    if not isinstance(text, str) or not text.isascii() or not text.removeprefix("+").isdecimal():
        return missing
    value = int(text) if len(text) <= MAX_DIGITS else INT32_MAX + 1
    return value if value <= INT32_MAX else missing
