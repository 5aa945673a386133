"""Which rules an object is held to, by its apiVersion and kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from expander.validate.finding import Finding

Object = Mapping[str, Any]

KINDS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("batch/v1", "Job"): ("job", "check_job"),
    ("batch/v1", "CronJob"): ("cronjob", "check_cron_job"),
    ("v1", "Pod"): ("pod.pod_spec", "check_whole_pod"),
    ("v1", "PodTemplate"): ("pod.pod_spec", "check_template_object"),
    ("v1", "ConfigMap"): ("core", "check_config_map"),
    ("v1", "Secret"): ("core", "check_secret"),
    ("v1", "Service"): ("service", "check_service"),
    ("v1", "ResourceQuota"): ("core", "check_resource_quota"),
    ("v1", "Namespace"): ("metadata", "check_namespace"),
    ("v1", "LimitRange"): ("metadata", "check_named"),
    ("v1", "PersistentVolumeClaim"): ("metadata", "check_named"),
    ("v1", "ServiceAccount"): ("metadata", "check_named"),
    ("batch.volcano.sh/v1alpha1", "Job"): ("volcano_job", "check_volcano_job"),
    ("scheduling.volcano.sh/v1beta1", "Queue"): ("metadata", "check_cluster_wide"),
    ("scheduling.volcano.sh/v1beta1", "PodGroup"): ("metadata", "check_named"),
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): ("jobset", "check_jobset"),
    **{
        (f"kueue.x-k8s.io/{version}", kind): rules
        for version in ("v1beta1", "v1beta2")
        for kind, rules in (
            ("LocalQueue", ("kueue", "check_local_queue")),
            ("ClusterQueue", ("kueue", "check_cluster_queue")),
            ("ResourceFlavor", ("kueue", "check_flavor")),
            ("WorkloadPriorityClass", ("metadata", "check_cluster_wide")),
            ("AdmissionCheck", ("metadata", "check_cluster_wide")),
        )
    },
}
"""The kinds with rules, and the module and function that has them: loaded when the kind comes up."""


def check_rules(obj: Object) -> list[Finding]:
    """What the API server would refuse in ``obj``, a new object, in the server's order.

    ``obj`` passed the schema and carries its defaults. A kind without rules has no findings.
    """
    check = _rules(obj.get("apiVersion") or "", obj.get("kind") or "")
    return [] if check is None else check(obj)


@cache
def _rules(api_version: str, kind: str) -> Callable[[Object], list[Finding]] | None:
    if (api_version, kind) not in KINDS:
        return None
    module, name = KINDS[api_version, kind]
    check: Callable[[Object], list[Finding]] = getattr(
        import_module(f"expander.validate.rules.{module}"), name
    )
    return check
