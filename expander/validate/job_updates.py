"""What of a Job may change once it exists (``ValidateJobUpdate`` of pkg/apis/batch/validation, 1.36).

parallelism, suspend, the deadline, the back-off limit, the time to live and ``maxFailedIndexes`` are free.
The pod template is fixed, except that a suspended Job without pods may get other scheduling directives and
other resources (pkg/registry/batch/job/strategy.go decides when).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules.checks import EMPTY, invalid
from expander.validate.rules.go_values import printed, printed_pod_spec, printed_template
from expander.validate.sameness import same, same_at

Object = Mapping[str, Any]

IMMUTABLE: Final = "field is immutable"
FIXED: Final = {
    "completionMode": "",
    "podFailurePolicy": "PodFailurePolicy",
    "backoffLimitPerIndex": "",
    "managedBy": "",
    "successPolicy": "SuccessPolicy",
}
"""Fields that never change, and the structs of those that are objects."""
DIRECTIVES: Final = ("nodeSelector", "tolerations", "schedulingGates")


def check_job_changes(new: Object, old: Object) -> Iterator[Finding]:
    """The fields of the Job ``old`` that ``new`` changes and must not, in the server's order."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    yield from _check_completions(spec, before)
    if not same_at(spec, before, "selector"):
        yield immutable("spec.selector", spec.get("selector"))
    template, old_template = spec.get("template") or EMPTY, before.get("template") or EMPTY
    if may_change_template(old):
        yield from _check_directives_only(template, old_template)
    elif not same(template, old_template):
        yield immutable("spec.template", printed_template(template))
    for field, struct in FIXED.items():
        if not same_at(spec, before, field):
            value = spec.get(field)
            yield immutable(f"spec.{field}", printed(struct, value) if struct else value)


def may_change_template(job: Object) -> bool:
    """Whether the Job is suspended and none of its pods is left: it never started, or all are gone."""
    status = job.get("status") or EMPTY
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    stopped = not status.get("startTime") or (suspended and not status.get("active"))
    return bool((job.get("spec") or EMPTY).get("suspend")) and stopped


def immutable(where: str, value: object) -> Finding:
    """The field cannot change; ``value`` is what it should have become, as the server prints it."""
    return invalid(where, value, IMMUTABLE)


def _check_completions(spec: Object, old: Object) -> Iterator[Finding]:
    """The completions of an Indexed Job change together with its parallelism."""
    completions = spec.get("completions")
    if completions == old.get("completions"):
        return
    if spec.get("completionMode") != "Indexed":
        yield immutable("spec.completions", completions)
    elif completions is not None and completions != spec.get("parallelism"):
        detail = "can only be modified in tandem with spec.parallelism"
        yield invalid("spec.completions", completions, detail)


def _check_directives_only(template: Object, old: Object) -> Iterator[Finding]:
    """Labels, annotations, scheduling directives and resources may differ, nothing else."""
    spec, old_spec = template.get("spec") or EMPTY, old.get("spec") or EMPTY
    allowed = {**old_spec, **{field: spec.get(field) for field in DIRECTIVES}}
    allowed["affinity"] = _with_node_affinity(spec.get("affinity"), old_spec.get("affinity"))
    for field in ("containers", "initContainers"):
        allowed[field] = _with_resources(spec.get(field) or [], old_spec.get(field) or [])
    if not same(spec, allowed):
        yield immutable("spec.template.spec", printed_pod_spec(spec))
    metadata, old_metadata = template.get("metadata") or EMPTY, old.get("metadata") or EMPTY
    free = {field: metadata.get(field) for field in ("labels", "annotations")}
    if not same(metadata, {**old_metadata, **free}):
        yield immutable("spec.template", printed_template(template))


def _with_node_affinity(new: Object | None, old: Object | None) -> Object | None:
    """The old affinity with the new node affinity; it may come or go as a whole if it is nothing else."""
    if new is None:
        rest = {name: value for name, value in (old or EMPTY).items() if name != "nodeAffinity"}
        return rest or None
    return {**(old or EMPTY), "nodeAffinity": new.get("nodeAffinity")}


def _with_resources(new: list[Object], old: list[Object]) -> list[Object]:
    """The old containers with the resources of the new ones in their places."""
    if len(new) != len(old):
        return old
    return [{**before, "resources": after.get("resources")} for before, after in zip(old, new, strict=True)]
