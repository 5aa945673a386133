"""What one manifest asks of a cluster: objects, pods, resources, bytes.

Quota counts and pod resources come from the same code as the local API's admission, so that a plan says
what a server would.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.objects import MutableObject, job_spec_of
from expander.kube.pod_counts import pod_counts
from expander.kube.quota import usage
from expander.kube.resources import ONE, Amounts
from expander.kube.scheme import of_object, plural_of
from expander.kube.time import micro_time_of
from expander.kube.versions import DEFAULT, Release
from expander.kube.wellknown import CONTROLLER
from expander.local.apiserver.strategy import strategy_of
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import SUBMITTED_ANNOTATION
from expander.validate.defaults.defaults import defaults
from expander.validate.warnings import Totals, advice

GROUP_TEMPLATE: Final = "scheduling.k8s.io/group-template-name"
"""The annotation of a Job that names the template of a Workload that is there."""

NAME_COPIES: Final = {"Job": 2}
"""How many copies of its name the server adds to an object: the labels of a Job's pod template."""


class PodDemand(NamedTuple):
    """Pods that are alike: one of them with its defaults, how many there are up to at a time, and in all when
    nothing fails (of a CronJob: in one run). ``amounts`` are what one asks for, named as quotas name it."""

    pod: MutableObject
    at_once: int
    in_all: int
    amounts: Amounts


@dataclass(frozen=True, slots=True, eq=False)
class ResourceDemand:
    """What every manifest of a class asks for; classes are compared by identity.

    ``title`` is the kind as ``kubectl -o name`` writes it: ``job.batch``. ``counted`` is what a ResourceQuota
    counts the object itself for. ``pods`` are the pods that it leads to. ``added`` is how many bytes of JSON
    the server adds to what is sent, beside copies of the name. ``completions`` and ``parallelism`` are those
    of an Indexed Job. ``totals`` and ``warnings`` are what validation says. ``grouping`` are the kinds of the
    objects that the Job controller makes of it beside pods, one of each.
    """

    api_version: str
    kind: str
    title: str
    counted: Amounts
    pods: tuple[PodDemand, ...]
    added: int
    suspended: bool
    completions: int
    parallelism: int
    totals: Totals
    warnings: tuple[str, ...]
    grouping: tuple[str, ...] = ()


def resource_demand(tree: Mapping[str, Any], group_label: str, release: Release = DEFAULT) -> ResourceDemand:
    """What ``tree``, a valid manifest, asks a cluster of ``release`` for."""
    kind = str(tree.get("kind"))
    job = job_spec_of(tree)
    spec = None if job is None else job[1]
    pods = tuple(_pods(tree))
    totals = Totals(group_label, amounts=False)
    totals.add(tree)
    indexed = spec is not None and spec.get("completionMode") == "Indexed"
    version = str(tree.get("apiVersion"))
    return ResourceDemand(
        version,
        kind,
        _title(version, kind),
        usage(pods[0].pod) if kind == "Pod" else _counted(tree, kind),
        pods,
        added_bytes(tree),
        bool(spec and spec.get("suspend")),
        int(spec.get("completions") or 0) if spec and indexed else 0,
        int(spec.get("parallelism", 1)) if spec and indexed else 0,
        totals,
        tuple(
            str(each)
            for each in advice(tree, release)
            if kind != "Job" or each.rule != "name-not-label"  # the survey looks at the name of each
        ),
        grouping(tree, spec, release),
    )


def grouping(tree: Mapping[str, Any], spec: Mapping[str, Any] | None, release: Release) -> tuple[str, ...]:
    """The kinds of the objects that tell the scheduler which pods belong together (KEP-5547).

    ``spec`` is that of the Job, or of the Jobs of a CronJob. A Job whose pods have a group gets none, one
    that names the template of a Workload only a PodGroup.
    """
    if spec is None or spec.get("managedBy", CONTROLLER) != CONTROLLER:
        return ()
    if not release.has("WorkloadWithJob"):
        return ()
    if (spec["template"].get("spec") or {}).get("schedulingGroup") is not None:
        return ()
    metadata = (
        tree.get("metadata") if tree.get("kind") == "Job" else tree["spec"]["jobTemplate"].get("metadata")
    )
    named = GROUP_TEMPLATE in ((metadata or {}).get("annotations") or {})
    return ("PodGroup",) if named else ("PodGroup", "Workload")


def minimal_demand(tree: Mapping[str, Any], group_label: str) -> ResourceDemand:
    """What an invalid ``tree`` asks for: to be one object."""
    version, kind, nothing = str(tree.get("apiVersion")), str(tree.get("kind")), Totals(group_label)
    title, counted = _title(version, kind), _count_quota(version, kind)
    return ResourceDemand(version, kind, title, counted, (), 0, False, 0, 0, nothing, ())


def added_bytes(tree: Mapping[str, Any]) -> int:
    """Bytes of JSON that a server adds to ``tree`` when it stores it, without copies of the name.

    The server's defaults, its own metadata and the owners of fields, and what submission adds.
    """
    kind, metadata = str(tree.get("kind")), dict(tree.get("metadata") or {})
    name = str(metadata.get("name") or metadata.get("generateName") or "")
    metadata["annotations"] = {**(metadata.get("annotations") or {}), DIGEST_ANNOTATION: "0" * 32}
    if kind == "Job":
        metadata["annotations"].setdefault(SUBMITTED_ANNOTATION, micro_time_of(0))
    sent: MutableObject = {**tree, "metadata": metadata}
    resource = of_object(tree)
    namespace = str(metadata.get("namespace") or "default")
    if resource is not None and resource.verbs:
        sent = strategy_of(resource).created(sent, namespace, 0.0, "expander", lambda kind: ())
    return _size(sent) - _size(tree) - NAME_COPIES.get(kind, 0) * len(name)


def _size(tree: Mapping[str, Any]) -> int:
    return len(json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _pods(tree: Mapping[str, Any]) -> Iterator[PodDemand]:
    for template, at_once, in_all, _ in pod_counts(tree):
        pod = _pod(template)
        amounts = {name: amount for name, amount in usage(pod).items() if "." in name}
        yield PodDemand(pod, at_once, in_all, amounts)


def _pod(template: Mapping[str, Any]) -> MutableObject:
    """The pod of a template as admission sees it: with defaults, and limits as requests where it has none."""
    pod = {"metadata": {"name": ""}, **template, "apiVersion": "v1", "kind": "Pod"}
    return defaults(pod, "Pod")


def _counted(tree: Mapping[str, Any], kind: str) -> Amounts:
    row = of_object(tree)
    if row is not None and row.decoded:
        return usage(defaults(tree))
    return _count_quota(str(tree.get("apiVersion")), kind)


def _title(api_version: str, kind: str) -> str:
    group, _, version = api_version.partition("/")
    return f"{kind.lower()}.{group}" if version else kind.lower()


def _count_quota(api_version: str, kind: str) -> Amounts:
    group, _, version = api_version.partition("/")
    return {f"count/{plural_of(api_version, kind)}{f'.{group}' if version else ''}": ONE}
