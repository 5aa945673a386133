"""What the API server would refuse when an object that exists is replaced.

The new object is held to the rules of its kind and compared with the old one. Decided by the
``ValidateUpdate`` functions of the registry strategies and of apimachinery's ``ValidateObjectMetaUpdate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.job_updates import check_job_changes, immutable
from expander.validate.rules import check_rules
from expander.validate.rules.checks import EMPTY, forbidden, invalid
from expander.validate.rules.cronjob import check_cron_job_spec
from expander.validate.rules.job import check_job
from expander.validate.rules.metadata import check_shared
from expander.validate.sameness import same_at

Object = Mapping[str, Any]

JOB: Final = ("batch/v1", "Job")
CRON_JOB: Final = ("batch/v1", "CronJob")

_SEALED: Final = "field is immutable when `immutable` is set"
_POD_FIELDS: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_update(new: Object, old: Object) -> list[Finding]:
    """What the API server would refuse in ``new`` in place of ``old``, without repeating a finding.

    Both are whole objects of one kind with their defaults; ``old`` is as the server has it, with
    uid, selector and status. What a patch leaves alone must be in ``new``: an absent field is one that
    is taken away. uid, creation time and the like may be left out, as the server fills them in.
    """
    kind = (old.get("apiVersion") or "", old.get("kind") or "")
    changed = [*_check_metadata(new.get("metadata") or EMPTY, old.get("metadata") or EMPTY)]
    if kind in CHANGES:
        changed += CHANGES[kind](new, old)
    rules = _check_rules(kind, new, old)
    return list(dict.fromkeys(rules + changed if kind == JOB else changed + rules))


def _check_rules(kind: tuple[str, str], new: Object, old: Object) -> list[Finding]:
    """The rules of the kind, as they are for an object that exists."""
    if kind == JOB:
        return check_job(new, (old.get("metadata") or EMPTY).get("uid") or "")
    if kind == CRON_JOB:
        return check_cron_job_spec(new.get("spec") or EMPTY, old.get("spec") or EMPTY)
    return check_rules({**new, "apiVersion": kind[0], "kind": kind[1]})


def _check_metadata(new: Object, old: Object) -> Iterator[Finding]:
    added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if added and old.get("deletionTimestamp"):
        listed = ", ".join(f'"{name}"' for name in added)
        detail = "no new finalizers can be added if the object is being deleted, found new finalizers "
        yield forbidden("metadata.finalizers", f"{detail}[]string{{{listed}}}")
    generation = new.get("generation")
    if generation and generation < (old.get("generation") or 0):
        yield invalid("metadata.generation", generation, "must not be decremented")
    for field in ("name", "namespace", "uid"):
        value = new.get(field)
        if value and value != old.get(field):
            yield immutable(f"metadata.{field}", value)
    yield from check_shared(new)


def _check_config_changes(new: Object, old: Object) -> Iterator[Finding]:
    """A ConfigMap or Secret that is ``immutable`` stays so, with its data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _SEALED)
    for field in ("data", "binaryData"):
        written = field == "data" and new.get("stringData")
        if written or not same_at(new, old, field):
            yield forbidden(field, _SEALED)


def _check_secret_changes(new: Object, old: Object) -> Iterator[Finding]:
    if new.get("type") and new["type"] != old.get("type"):
        yield immutable("type", new["type"])
    yield from _check_config_changes(new, old)


def _check_quota_changes(new: Object, old: Object) -> Iterator[Finding]:
    spec = new.get("spec") or EMPTY
    if sorted(spec.get("scopes") or ()) != sorted((old.get("spec") or EMPTY).get("scopes") or ()):
        yield immutable("spec.scopes", spec.get("scopes"))


def _check_service_changes(new: Object, old: Object) -> Iterator[Finding]:
    """An address stays as long as the type has one."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    address, held = spec.get("clusterIP"), before.get("clusterIP")
    if "ExternalName" not in (spec.get("type"), before.get("type")) and address and held and address != held:
        yield invalid("spec.clusterIPs[0]", address, "may not change once set")


def _check_pod_changes(new: Object, old: Object) -> Iterator[Finding]:
    """Of a pod only images, the deadline and further tolerations can change."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
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
    if not same_at({"spec": spec}, {"spec": allowed}, "spec"):
        yield forbidden("spec", _POD_FIELDS)


CHANGES: Final[Mapping[tuple[str, str], Callable[[Object, Object], Iterator[Finding]]]] = {
    JOB: check_job_changes,
    ("v1", "ConfigMap"): _check_config_changes,
    ("v1", "Secret"): _check_secret_changes,
    ("v1", "ResourceQuota"): _check_quota_changes,
    ("v1", "Service"): _check_service_changes,
    ("v1", "Pod"): _check_pod_changes,
}
"""The kinds of which not everything may change."""
