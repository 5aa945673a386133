"""Which rules an object is held to, by its apiVersion and kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.checks import EMPTY
from expander.validate.rules.config import check_config_map, check_secret
from expander.validate.rules.cronjob import check_cron_job
from expander.validate.rules.job import check_job
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.pod.template import check_pod, check_pod_template
from expander.validate.rules.resource_quota import check_resource_quota
from expander.validate.rules.service import check_service

Object = Mapping[str, Any]


def check_rules(obj: Object) -> list[Finding]:
    """What the API server would refuse in ``obj``, a new object, in the server's order.

    ``obj`` passed the schema and carries its defaults. A kind without rules has no findings.
    """
    check = KINDS.get((obj.get("apiVersion") or "", obj.get("kind") or ""))
    return [] if check is None else check(obj)


def _check_pod(pod: Object) -> list[Finding]:
    return check_metadata(pod.get("metadata") or EMPTY) + check_pod(pod)


def _check_pod_template(obj: Object) -> list[Finding]:
    """A PodTemplate object."""
    found = check_metadata(obj.get("metadata") or EMPTY)
    return found + check_pod_template(obj.get("template") or EMPTY, "template")


def _check_namespace(namespace: Object) -> list[Finding]:
    return check_metadata(namespace.get("metadata") or EMPTY, formats.dns_label, namespaced=False)


def _check_named(obj: Object) -> list[Finding]:
    """A kind of which only the metadata is looked at here."""
    return check_metadata(obj.get("metadata") or EMPTY)


KINDS: Final[Mapping[tuple[str, str], Callable[[Object], list[Finding]]]] = {
    ("batch/v1", "Job"): check_job,
    ("batch/v1", "CronJob"): check_cron_job,
    ("v1", "Pod"): _check_pod,
    ("v1", "PodTemplate"): _check_pod_template,
    ("v1", "ConfigMap"): check_config_map,
    ("v1", "Secret"): check_secret,
    ("v1", "Service"): check_service,
    ("v1", "ResourceQuota"): check_resource_quota,
    ("v1", "Namespace"): _check_namespace,
    ("v1", "LimitRange"): _check_named,
    ("v1", "PersistentVolumeClaim"): _check_named,
    ("v1", "ServiceAccount"): _check_named,
}
"""The kinds with rules."""
