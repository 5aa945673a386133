"""A Job as a whole (``ValidateJob`` of pkg/apis/batch/validation).

The selector of a Job and the labels of its pods.

Unless ``manualSelector`` is set the server generates both when it creates the Job (pkg/registry/batch/job),
and then checks them like any other (pkg/apis/batch/validation). The uid of a Job that does not exist yet
is not known: a stand-in takes its place, so whatever the user wrote where the uid belongs is refused,
as by the server.

The spec of a Job, as a Job and as the template of a CronJob have it (pkg/apis/batch/validation).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    invalid,
    key,
    not_negative,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.metadata import (
    check_domain_prefixed_path,
    check_label_selector,
    check_metadata,
    object_name,
    selects,
)
from expander.validate.rules.pod.pod_spec import check_pod_template

if TYPE_CHECKING:
    from expander.validate.rules.batch import job_policies
else:  # rules of fields that few Jobs have
    job_policies = late_module("expander.validate.rules.batch.job_policies")

NAME_LABELS: Final = ("job-name", "batch.kubernetes.io/job-name")
UID_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")
UID_LABEL: Final = "batch.kubernetes.io/controller-uid"
NEW_UID: Final = "00000000-0000-0000-0000-000000000000"

_LABELS: Final = "spec.template.metadata.labels"
_GENERATED: Final = frozenset((*NAME_LABELS, *UID_LABELS))


class Selection(NamedTuple):
    """The selector of a Job and the labels of its pod template, as they are checked.

    ``name`` and ``uid`` are those of the Job, or a stand-in's of one that ``is_new``; ``generated`` says that
    selector and labels are the server's.
    """

    selector: Mapping[str, Any] | None
    labels: Mapping[str, Any]
    name: str
    uid: str
    is_new: bool
    generated: bool

    @property
    def own_labels(self) -> dict[str, str]:
        """The labels that say whose the pods are, in the order they are checked in."""
        return {
            UID_LABELS[0]: self.uid,
            NAME_LABELS[0]: self.name,
            UID_LABELS[1]: self.uid,
            NAME_LABELS[1]: self.name,
        }

    @property
    def is_plain(self) -> bool:
        """Whether all of it is as the server generates it, or will, and name and uid can be labels: then
        nothing is wrong with it."""
        if not self.generated or formats.label_value(self.name) or formats.label_value(self.uid):
            return False
        if self.is_new:
            return self.selector is None and _GENERATED.isdisjoint(self.labels)
        selects_own = self.selector == {"matchLabels": {UID_LABEL: self.uid}}
        return selects_own and self.own_labels.items() <= self.labels.items()


def select(spec: Mapping[str, Any], name: str, uid: str | None) -> Selection:
    """The selector and labels of the Job ``name``; ``uid`` is that of a Job that exists, or None."""
    labels = ((spec.get("template") or EMPTY).get("metadata") or EMPTY).get("labels") or EMPTY
    generated = not spec.get("manualSelector")
    return Selection(spec.get("selector"), labels, name, uid or NEW_UID, uid is None, generated)


def generate(selection: Selection) -> Selection:
    """What the server makes of a new Job's selector and labels; what the user wrote stays."""
    labels = {**selection.own_labels, **selection.labels}
    selector = selection.selector or EMPTY
    wanted = {UID_LABEL: selection.uid, **(selector.get("matchLabels") or EMPTY)}
    return selection._replace(labels=labels, selector={**selector, "matchLabels": wanted})


def check_generated(selection: Selection) -> Findings:
    """Generated labels and selector say the Job's own name and uid, whoever wrote them."""
    if not selection.generated or selection.selector is None:
        return
    own = selection.own_labels
    for label, value in own.items():
        if label not in selection.labels:
            yield required(key(_LABELS, label), f"must be '{value}'")
        elif selection.labels[label] != value:
            yield invalid(key(_LABELS, label), selection.labels, f"must be '{value}'")
    if not selects(selection.selector, own):
        yield invalid("spec.selector", selection.selector, "`selector` not auto-generated")


def check_selector(selection: Selection) -> Findings:
    """There is a selector and it selects the Job's own pods."""
    if selection.selector is None:
        yield required("spec.selector")
    else:
        yield from check_label_selector(selection.selector, "spec.selector")
    if not selects(selection.selector, selection.labels):
        detail = "`selector` does not match template `labels`"
        yield invalid(_LABELS, dict(sorted(selection.labels.items())) or None, detail)


Spec = Mapping[str, Any]

MAX_PARALLELISM: Final = 100_000  # of an Indexed Job
MAX_FAILED_INDEXES: Final = 100_000
MANY_COMPLETIONS: Final = 100_000  # above it the two limits below hold for Jobs with a limit per index
MAX_PARALLELISM_OF_MANY: Final = 10_000
MAX_FAILED_INDEXES_OF_MANY: Final = 10_000
MAX_MANAGED_BY_BYTES: Final = 63
COMPLETION_MODES: Final = ("NonIndexed", "Indexed")
REPLACEMENT_POLICIES: Final = ("Failed", "TerminatingOrFailed")
RESTART_POLICIES: Final = ("OnFailure", "Never")

_NUMBERS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)


def check_job_spec(spec: Spec, where: str) -> list[Finding]:
    """What the API server would refuse in the spec at ``where``, apart from the pod template and selector."""
    get = spec.get
    found: list[Finding] = []
    for field in _NUMBERS:
        value = get(field)
        if value is not None and value < 0:
            found += not_negative(value, f"{where}.{field}")
    if get("maxFailedIndexes") is not None and get("backoffLimitPerIndex") is None:
        found.append(required(f"{where}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    managed_by = get("managedBy")
    if managed_by is not None:
        found += check_managed_by(managed_by, f"{where}.managedBy")
    found += _check_completion_mode(spec, where)
    if get("podFailurePolicy") is not None:
        found += job_policies.check_failure_policy(spec, f"{where}.podFailurePolicy")
    if get("successPolicy") is not None:
        found += job_policies.check_success_policy(spec, f"{where}.successPolicy")
    replacement = get("podReplacementPolicy")
    if replacement is not None:
        allowed = REPLACEMENT_POLICIES if get("podFailurePolicy") is None else ("Failed",)
        if replacement not in allowed:
            found.append(not_supported(f"{where}.podReplacementPolicy", replacement, allowed))
    if get("scheduling") is not None:
        from expander.validate.rules.pod_group import check_job_scheduling

        found += check_job_scheduling(spec, where)
    return found


def check_restart_policy(spec: Spec, where: str) -> Findings:
    """The pods of a Job end; ``Always``, the default of a pod, counts as not given."""
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or "Always"
    at = f"{where}.template.spec.restartPolicy"
    if policy == "Always":
        yield required(at, 'valid values: "OnFailure", "Never"')
    elif policy not in RESTART_POLICIES:
        yield not_supported(at, policy, RESTART_POLICIES)
    elif policy != "Never" and spec.get("podFailurePolicy") is not None:
        yield invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')


def check_managed_by(value: str, where: str) -> Findings:
    """``spec.managedBy`` is a path with a domain (``validateJobSpec``)."""
    yield from check_domain_prefixed_path(value, where)
    if formats.byte_length(value) > MAX_MANAGED_BY_BYTES:
        yield too_long(where, MAX_MANAGED_BY_BYTES)


def _check_completion_mode(spec: Spec, where: str) -> Findings:
    mode = spec.get("completionMode")
    if mode == "Indexed":
        yield from _check_indexed(spec, where)
    elif mode is None or mode == "NonIndexed":
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                yield invalid(f"{where}.{field}", spec[field], "requires indexed completion mode")
    else:
        yield not_supported(f"{where}.completionMode", mode, COMPLETION_MODES)


def _check_indexed(spec: Spec, where: str) -> Findings:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    parallelism = spec.get("parallelism")
    if completions is None:
        yield required(f"{where}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > MAX_PARALLELISM:
        detail = f"must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed"
        yield invalid(f"{where}.parallelism", parallelism, detail)
    if failed is not None:
        if completions is not None and failed > completions:
            yield invalid(f"{where}.maxFailedIndexes", failed, "must be less than or equal to completions")
        if failed > MAX_FAILED_INDEXES:
            detail = f"must be less than or equal to {MAX_FAILED_INDEXES}"
            yield invalid(f"{where}.maxFailedIndexes", failed, detail)
    if (completions or 0) > MANY_COMPLETIONS and spec.get("backoffLimitPerIndex") is not None:
        yield from _check_many(parallelism, failed, where)


def _check_many(parallelism: int | None, failed: int | None, where: str) -> Findings:
    """Many completions with a back-off limit for each index: the lists in the status must stay short."""
    when = f"when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        detail = f"must be specified when completions is above {MANY_COMPLETIONS}"
        yield required(f"{where}.maxFailedIndexes", detail)
    if parallelism is not None and parallelism > MAX_PARALLELISM_OF_MANY:
        detail = f"must be less than or equal to {MAX_PARALLELISM_OF_MANY} {when}"
        yield invalid(f"{where}.parallelism", parallelism, detail)
    if failed is not None and failed > MAX_FAILED_INDEXES_OF_MANY:
        detail = f"must be less than or equal to {MAX_FAILED_INDEXES_OF_MANY} {when}"
        yield invalid(f"{where}.maxFailedIndexes", failed, detail)


def check_job(job: Mapping[str, Any], release: Release, uid: str | None = None) -> list[Finding]:
    """What the API server would refuse in a Job with its defaults, in the server's order.

    ``uid`` is that of a Job that exists already; without it the Job is new, and its selector and the labels
    that go with it are generated before they are checked.
    """
    metadata, spec = job.get("metadata") or EMPTY, job.get("spec") or EMPTY
    selection = select(spec, object_name(metadata), uid)
    found = check_metadata(metadata)
    if selection.is_plain:
        found += check_job_spec(spec, "spec")
        found += check_pod_template(spec.get("template") or EMPTY, "spec.template", release)
        found += check_restart_policy(spec, "spec")
    else:
        if uid is None and selection.generated:
            selection = generate(selection)
        found += check_generated(selection)
        found += check_job_spec(spec, "spec")
        found += check_pod_template(_labelled(spec, selection), "spec.template", release)
        found += check_restart_policy(spec, "spec")
        found += check_selector(selection)
    found += _check_host_names(selection.name, spec)
    return found


def _labelled(spec: Mapping[str, Any], selection: Selection) -> Mapping[str, Any]:
    """The pod template with the labels it is checked with."""
    template = spec.get("template") or EMPTY
    return {**template, "metadata": {**(template.get("metadata") or EMPTY), "labels": selection.labels}}


def _check_host_names(name: str, spec: Mapping[str, Any]) -> Findings:
    """The pods of an Indexed Job are named NAME-INDEX, and their hosts too."""
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{name}-{completions - 1}"
        if formats.dns_label(host):
            yield invalid(
                "metadata.name", name, f"will not able to create pod with invalid DNS label: {host}"
            )
