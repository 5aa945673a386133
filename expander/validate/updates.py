"""What the API server would refuse when an object that exists is replaced.

The new object is held to the rules of its kind and compared with the old one. Decided by the
``ValidateUpdate`` functions of the registry strategies and of apimachinery's ``ValidateObjectMetaUpdate``.

Whether two values of a field mean the same to the API server (apimachinery's semantic equality).

An empty list, map or text is the same as one that is left out, and so is null. So are zero, false and an
empty object where the Go type of the field is no pointer: clients that send whole types leave those out.

What of a Job may change once it exists (``ValidateJobUpdate`` of pkg/apis/batch/validation, 1.36).

parallelism, suspend, the size of a gang, the deadline, the back-off limit, the time to live and
``maxFailedIndexes`` are free.
The pod template is fixed, except that a suspended Job without pods may get other scheduling directives and
other resources (pkg/registry/batch/job/strategy.go decides when).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.kube.gofmt import quoted
from expander.kube.scheme import find, load
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import check_rules
from expander.validate.rules.batch.cronjob import check_cron_job_spec
from expander.validate.rules.batch.job import check_job
from expander.validate.rules.core import amount
from expander.validate.rules.field import EMPTY, forbidden, immutable, invalid
from expander.validate.rules.goprint import printed, printed_pod_spec, printed_template
from expander.validate.rules.metadata import check_metadata_changes
from expander.validate.rules.pod.containers import check_ephemeral_containers
from expander.validate.rules.pod.references import TEMPLATE, gather
from expander.validate.rules.pod.volumes import check_volumes

_MAPS: Final = frozenset(
    (
        "annotations",
        "binaryData",
        "data",
        "hard",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "options",
        "overhead",
        "requests",
        "volumeAttributes",
    )
)
"""Fields that are maps: they can be empty without being there."""
_STRUCTS: Final = frozenset(("metadata", "resources"))
"""Fields that are structs and no pointers: empty is all that can be said of what is not there."""
_NUMBERS: Final = frozenset(
    (
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPort",
        "initialDelaySeconds",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "tty",
    )
)
"""Fields that are numbers or booleans and no pointers, and mean nothing when zero or false."""


def same(one: Any, other: Any) -> bool:
    """Whether the two values, both with their defaults, are equal for the server."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same_field(name, one.get(name), other.get(name)) for name in {**one, **other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def same_at(one: Mapping[str, Any], other: Mapping[str, Any], *fields: str) -> bool:
    """Whether two objects have the same in ``fields``."""
    return all(_same_field(field, one.get(field), other.get(field)) for field in fields)


def _same_field(name: str, one: Any, other: Any) -> bool:
    return same(_present(name, one), _present(name, other))


def _present(name: str, value: Any) -> Any:
    """None for what is as good as left out."""
    if name in _STRUCTS:
        return value or EMPTY
    empty = value == "" or value == [] or (value == {} and name in _MAPS) or (not value and name in _NUMBERS)
    return None if empty else value


Object = Mapping[str, Any]

FIXED: Final = {
    "completionMode": "",
    "podFailurePolicy": "PodFailurePolicy",
    "backoffLimitPerIndex": "",
    "managedBy": "",
    "successPolicy": "SuccessPolicy",
}
"""Fields that never change, and the structs of those that are objects."""
DIRECTIVES: Final = ("nodeSelector", "tolerations", "schedulingGates")


def check_job_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """The fields of the Job ``old`` that ``new`` changes and must not, in the server's order."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    yield from _check_completions(spec, before)
    if not same_at(spec, before, "selector"):
        yield immutable("spec.selector", spec.get("selector"))
    template, old_template = spec.get("template") or EMPTY, before.get("template") or EMPTY
    if may_change_template(old, release):
        yield from _check_directives_only(template, old_template, release)
    elif not same(template, old_template):
        yield immutable("spec.template", printed_template(template))
    for field, struct in FIXED.items():
        if not same_at(spec, before, field):
            value = spec.get(field)
            yield immutable(f"spec.{field}", printed(struct, value) if struct else value)
    if "scheduling" in {**spec, **before}:
        from expander.validate.rules.pod_group import check_job_scheduling_changes

        yield from check_job_scheduling_changes(spec, before, "spec", is_job=True)


def may_change_template(job: Object, release: Release) -> bool:
    """Whether the Job is suspended and never started or, in newer releases, all of its pods are gone."""
    status = job.get("status") or EMPTY
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    stopped = suspended and not status.get("active")
    if not release.has("MutableSchedulingDirectivesForSuspendedJobs"):
        stopped = False
    return bool((job.get("spec") or EMPTY).get("suspend")) and (stopped or not status.get("startTime"))


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


def _check_directives_only(template: Object, old: Object, release: Release) -> Iterator[Finding]:
    """Labels, annotations, scheduling directives and, in newer releases, resources may differ."""
    spec, old_spec = template.get("spec") or EMPTY, old.get("spec") or EMPTY
    allowed = {**old_spec, **{field: spec.get(field) for field in DIRECTIVES}}
    allowed["affinity"] = _with_node_affinity(spec.get("affinity"), old_spec.get("affinity"))
    mutable = release.has("MutablePodResourcesForSuspendedJobs")
    for field in ("containers", "initContainers") if mutable else ():
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


JOB: Final = ("batch/v1", "Job")
CRON_JOB: Final = ("batch/v1", "CronJob")
POD: Final = ("v1", "Pod")

_SEALED: Final = "field is immutable when `immutable` is set"
_POD_FIELDS: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_CLAIM_FIELDS: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


KEPT: Final = {("v1", "Endpoints"): "subsets", ("discovery.k8s.io/v1", "EndpointSlice"): "endpoints"}
"""Fields that are held to no rules as long as they stay: controllers write addresses there that clients may
not (`expander serve` those of its pods).
"""


def check_update(new: Object, old: Object, release: Release) -> list[Finding]:
    """What the API server of ``release`` would refuse in ``new`` in place of ``old``; no finding twice.

    Both are whole objects of one kind with their defaults; ``old`` is as the server has it, with
    uid, selector and status. What a patch leaves alone must be in ``new``: an absent field is one that
    is taken away. uid, creation time and the like may be left out, as the server fills them in.
    """
    kind = (old.get("apiVersion") or "", old.get("kind") or "")
    changed = [*check_metadata_changes(new.get("metadata") or EMPTY, old.get("metadata") or EMPTY)]
    row = find(*kind)
    if row is not None and row.update_rules:
        changed += load(row.update_rules)(new, old, release)
    rules = _check_rules(kind, new, old, release)
    return list(dict.fromkeys(rules + changed if kind == JOB else changed + rules))


def _check_rules(kind: tuple[str, str], new: Object, old: Object, release: Release) -> list[Finding]:
    """The rules of the kind, as they are for an object that exists."""
    if kind == JOB:
        return check_job(new, release, (old.get("metadata") or EMPTY).get("uid") or "")
    if kind == CRON_JOB:
        return check_cron_job_spec(new.get("spec") or EMPTY, release, old.get("spec") or EMPTY)
    spec = new.get("spec") or EMPTY
    if kind == POD and spec.get("ephemeralContainers"):  # these have rules and a subresource of their own
        new = {**new, "spec": {field: spec[field] for field in spec if field != "ephemeralContainers"}}
    if (kept := KEPT.get(kind)) and same_at(new, old, kept):
        new = {field: value for field, value in new.items() if field != kept}
    return check_rules({**new, "apiVersion": kind[0], "kind": kind[1]}, release, old)


def check_ephemeral_changes(new: Object, old: Object, release: Release) -> list[Finding]:
    """Ephemeral containers are added and never change: ``ValidatePodEphemeralContainersUpdate`` decides."""
    where = "spec.ephemeralContainers"
    volumes, _ = check_volumes(new["spec"].get("volumes") or (), "spec.volumes", TEMPLATE)
    found = [
        *check_ephemeral_containers(new["spec"], "spec", gather(new["spec"], release, volumes, bare=True))
    ]
    made = {each.get("name"): each for each in new["spec"].get("ephemeralContainers") or ()}
    for each in old["spec"].get("ephemeralContainers") or ():
        named = f"existing ephemeral containers {quoted(each['name'])}"
        if each["name"] not in made:
            found.append(forbidden(where, f"{named} may not be removed\n"))
        elif not same_at({"it": made[each["name"]]}, {"it": each}, "it"):
            found.append(forbidden(where, f"{named} may not be changed\n"))
    return found


def check_config_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """A ConfigMap or Secret that is ``immutable`` stays so, with its data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _SEALED)
    for field in ("data", "binaryData"):
        written = field == "data" and new.get("stringData")
        if written or not same_at(new, old, field):
            yield forbidden(field, _SEALED)


def check_secret_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """A Secret keeps its type, and all of it while it is ``immutable``."""
    if new.get("type") and new["type"] != old.get("type"):
        yield immutable("type", new["type"])
    yield from check_config_changes(new, old, release)


def check_quota_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """A ResourceQuota keeps its scopes."""
    spec = new.get("spec") or EMPTY
    if sorted(spec.get("scopes") or ()) != sorted((old.get("spec") or EMPTY).get("scopes") or ()):
        yield immutable("spec.scopes", spec.get("scopes"))


def check_service_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """An address stays as long as the type has one."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    address, held = spec.get("clusterIP"), before.get("clusterIP")
    if "ExternalName" not in (spec.get("type"), before.get("type")) and address and held and address != held:
        yield invalid("spec.clusterIPs[0]", address, "may not change once set")


def check_pod_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """Of a pod only images, a shorter deadline and further tolerations can change, and gates can go."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    deadline, held = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if held is not None and deadline is None:
        yield invalid(
            "spec.activeDeadlineSeconds", deadline, "must not update from a positive integer to nil value"
        )
    elif held is not None and deadline > held:
        yield invalid("spec.activeDeadlineSeconds", deadline, "must be less than or equal to previous value")
    allowed = {**before, "activeDeadlineSeconds": spec.get("activeDeadlineSeconds")}
    for field in ("containers", "initContainers"):
        images = [container.get("image") for container in spec.get(field) or ()]
        containers = before.get(field) or ()
        if len(images) == len(containers):
            allowed[field] = [
                {**each, "image": image} for each, image in zip(containers, images, strict=True)
            ]
    tolerations = spec.get("tolerations") or []
    if all(toleration in tolerations for toleration in before.get("tolerations") or ()):
        allowed["tolerations"] = tolerations
    gates = before.get("schedulingGates") or ()
    if all(gate in gates for gate in spec.get("schedulingGates") or ()):
        allowed["schedulingGates"] = spec.get("schedulingGates")
    if not same_at({"spec": spec}, {"spec": allowed}, "spec"):
        yield forbidden("spec", _POD_FIELDS)


def check_claim_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """A claim gets its volume and, where it named none, its class; one that is bound may ask for more.

    The server's words on other changes go on with a listing of them, which is left out here.
    """
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    status = old.get("status") or EMPTY
    allowed = {**before, "volumeAttributesClassName": spec.get("volumeAttributesClassName")}
    for field in ("volumeName", "storageClassName"):
        if not before.get(field):
            allowed[field] = spec.get(field)
    wanted, held = (each.get("resources") or EMPTY for each in (spec, before))
    if status.get("phase") == "Bound" and (wanted.get("requests") or EMPTY).get("storage"):
        requests = {**(held.get("requests") or EMPTY), "storage": wanted["requests"]["storage"]}
        allowed["resources"] = {**held, "requests": requests}
    if not same_at({"spec": spec}, {"spec": allowed}, "spec"):
        yield forbidden("spec", _CLAIM_FIELDS)
    size, had, has = (
        amount((each or EMPTY).get("storage")).value
        for each in (wanted.get("requests"), held.get("requests"), status.get("capacity"))
    )
    if size < had and size <= has:
        yield forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
