"""What keeps pods running: StatefulSets, Deployments, ReplicaSets, DaemonSets, ReplicationControllers.

``ValidateStatefulSet``, ``ValidateDeployment``, ``ValidateDaemonSet`` and ``ValidateReplicaSet`` of
pkg/apis/apps/validation and ``ValidateReplicationController`` of pkg/apis/core/validation decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    forbidden,
    immutable,
    invalid,
    not_negative,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_label_selector, check_metadata, selects
from expander.validate.rules.pod.pod_spec import check_pod_template
from expander.validate.updates import same, same_at

Object = Mapping[str, Any]

_is_percent = regex(r"[0-9]+%").fullmatch
_RETENTION: Final = ("Delete", "Retain")
_FREE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_FORBIDDEN_CHANGE: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def check_stateful_set(obj: Object, release: Release) -> list[Finding]:
    """A new StatefulSet with its defaults."""
    spec = obj.get("spec") or EMPTY
    return [
        *check_metadata(obj.get("metadata") or EMPTY),
        *_check_stateful(spec),
        *_check_pods(_with_claims(spec), release, "statefulset", "StatefulSet"),
    ]


def check_replica_set(obj: Object, release: Release) -> list[Finding]:
    """A new ReplicaSet with its defaults."""
    spec = obj.get("spec") or EMPTY
    return [
        *check_metadata(obj.get("metadata") or EMPTY),
        *_check_counts(spec, "replicas", "minReadySeconds"),
        *_check_pods(spec, release, "deployment", "ReplicaSet"),
    ]


def check_deployment(obj: Object, release: Release) -> list[Finding]:
    """A new Deployment with its defaults."""
    spec = obj.get("spec") or EMPTY
    return [
        *check_metadata(obj.get("metadata") or EMPTY),
        *_check_counts(spec, "replicas"),
        *_check_pods(spec, release, "deployment", "ReplicaSet"),
        *_check_strategy(spec.get("strategy") or EMPTY),
        *_check_counts(spec, "minReadySeconds", "revisionHistoryLimit"),
        *_check_progress(spec),
    ]


def check_daemon_set(obj: Object, release: Release) -> list[Finding]:
    """A new DaemonSet with its defaults."""
    spec = obj.get("spec") or EMPTY
    selector = spec.get("selector")
    found = check_metadata(obj.get("metadata") or EMPTY)
    found += check_label_selector(selector, "spec.selector")
    if selector is not None and not any(selector.values()):
        found.append(invalid("spec.selector", selector, "empty selector is invalid for daemonset"))
    found += _check_template(spec.get("template") or EMPTY, selector, release, "DaemonSet", needed=True)
    found += _check_counts(spec, "minReadySeconds")
    found += _check_daemon_strategy(spec.get("updateStrategy") or EMPTY)
    found += _check_counts(spec, "revisionHistoryLimit")
    return found


def _check_daemon_strategy(strategy: Object) -> Findings:
    kind, rolling, where = strategy.get("type") or "", strategy.get("rollingUpdate"), "spec.updateStrategy"
    if kind == "OnDelete":
        return
    if kind != "RollingUpdate":
        shown = {"Type": kind, "RollingUpdate": _printed_amounts(rolling)}
        yield not_supported(where, shown, ["RollingUpdate", "OnDelete"])
        return
    amounts = {field: (rolling or EMPTY).get(field, 0) for field in ("maxUnavailable", "maxSurge")}
    where += ".rollingUpdate"
    for rule in (check_amount, check_at_most_all):
        for field, value in amounts.items():
            yield from rule(value, f"{where}.{field}")
    used = [field for field, value in amounts.items() if _percent_or_number(value)]
    if len(used) > 1:
        detail = "may not be set when maxUnavailable is non-zero"
        yield invalid(f"{where}.maxSurge", amounts["maxSurge"], detail)
    elif not used:
        yield required(f"{where}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _printed_amounts(rolling: Object | None) -> Object | None:
    """A rolling update as the server prints its own struct."""
    if rolling is None:
        return None
    return {field[0].upper() + field[1:]: rolling.get(field, 0) for field in ("maxUnavailable", "maxSurge")}


def check_revision(obj: Object, release: Release) -> list[Finding]:
    """A new ControllerRevision."""
    found = check_metadata(obj.get("metadata") or EMPTY)
    if obj.get("data") is None:
        found.append(required("data", "data is mandatory"))
    return [*found, *not_negative(obj.get("revision"), "revision")]


def check_replication_controller(obj: Object, release: Release) -> list[Finding]:
    """A new ReplicationController with its defaults."""
    spec = obj.get("spec") or EMPTY
    template, selector = spec.get("template") or EMPTY, spec.get("selector") or EMPTY
    found = check_metadata(obj.get("metadata") or EMPTY)
    found += _check_counts(spec, "minReadySeconds")
    if not selector:
        found.append(required("spec.selector"))
    found += _check_counts(spec, "replicas")
    found += _check_template(template, {"matchLabels": selector}, release, "ReplicationController")
    return found


def _check_stateful(spec: Object) -> Findings:
    policy = spec.get("podManagementPolicy") or ""
    if policy not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    strategy = spec.get("updateStrategy") or EMPTY
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "OnDelete":
        if rolling is not None:
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            yield invalid("spec.updateStrategy.rollingUpdate", rolling, detail)
    elif strategy.get("type") != "RollingUpdate":
        yield invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling:
        partition = rolling.get("partition")
        yield from not_negative(partition, "spec.updateStrategy.rollingUpdate.partition")
        if rolling.get("maxUnavailable") is not None:
            where = "spec.updateStrategy.rollingUpdate.maxUnavailable"
            yield from check_amount(rolling["maxUnavailable"], where)
            if _percent_or_number(rolling["maxUnavailable"]) == 0:
                yield invalid(where, rolling["maxUnavailable"], "cannot be 0")
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or EMPTY
    for field in ("whenDeleted", "whenScaled"):
        if retention.get(field) not in (None, *_RETENTION):
            where = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            yield not_supported(where, retention[field], _RETENTION)
    yield from _check_counts(spec, "replicas", "minReadySeconds")
    yield from not_negative((spec.get("ordinals") or EMPTY).get("start"), "spec.ordinals.start")
    if service := spec.get("serviceName"):
        for words in formats.dns_label(service):
            yield invalid("spec.serviceName", service, words)


def _check_counts(spec: Object, *fields: str) -> Iterator[Finding]:
    for field in fields:
        yield from not_negative(spec.get(field), f"spec.{field}")


def _check_pods(spec: Object, release: Release, called: str, kind: str) -> Findings:
    """The selector is there and says something, and the pods are those it means."""
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    else:
        yield from check_label_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            yield invalid("spec.selector", selector, f"empty selector is invalid for {called}")
    yield from _check_template(spec.get("template") or EMPTY, selector, release, kind)


def _with_claims(spec: Object) -> Object:
    """The spec of a StatefulSet whose template has the volumes that the claims become."""
    names = [(each.get("metadata") or EMPTY).get("name") for each in spec.get("volumeClaimTemplates") or ()]
    if not names:
        return spec
    template = spec.get("template") or EMPTY
    pod = template.get("spec") or EMPTY
    volumes = [each for each in pod.get("volumes") or () if each.get("name") not in names]
    volumes += [{"name": name, "emptyDir": {}} for name in names]
    return {**spec, "template": {**template, "spec": {**pod, "volumes": volumes}}}


def _check_template(
    template: Object, selector: Object | None, release: Release, kind: str, *, needed: bool = False
) -> Findings:
    """The pods; what is ``needed`` is a selector: without one no pod is meant."""
    labels = (template.get("metadata") or EMPTY).get("labels") or {}
    chosen = bool(selector and any(selector.values()))
    if not selects(selector, labels) if chosen else needed and selector is None:
        where = "spec.template.metadata.labels"
        yield invalid(
            where, dict(sorted(labels.items())) or None, "`selector` does not match template `labels`"
        )
    yield from check_pod_template(template, "spec.template", release)
    spec = template.get("spec") or EMPTY
    policy = spec.get("restartPolicy") or ""
    if policy != "Always":
        yield not_supported("spec.template.spec.restartPolicy", policy, ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        where = "spec.template.spec.activeDeadlineSeconds"
        yield forbidden(where, f"activeDeadlineSeconds in {kind} is not Supported")


def _check_strategy(strategy: Object) -> Findings:
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate":
        if rolling is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden("spec.strategy.rollingUpdate", detail)
        return
    if strategy.get("type") != "RollingUpdate":
        shown = {"Type": strategy.get("type") or "", "RollingUpdate": _printed_amounts(rolling)}
        yield not_supported("spec.strategy", shown, ["Recreate", "RollingUpdate"])
        return
    where = "spec.strategy.rollingUpdate"
    amounts = {field: (rolling or EMPTY).get(field, 0) for field in ("maxUnavailable", "maxSurge")}
    for field, value in amounts.items():
        yield from check_amount(value, f"{where}.{field}")
    if not any(map(_percent_or_number, amounts.values())):
        yield invalid(
            f"{where}.maxUnavailable", amounts["maxUnavailable"], "may not be 0 when `maxSurge` is 0"
        )
    yield from check_at_most_all(amounts["maxUnavailable"], f"{where}.maxUnavailable")


def check_at_most_all(value: object, where: str) -> Findings:
    """A share is 100% at most."""
    if isinstance(value, str) and _is_percent(value) and _percent_or_number(value) > 100:
        yield invalid(where, value, "must not be greater than 100%")


def check_amount(value: object, where: str) -> Findings:
    """A number, or a share as text."""
    if isinstance(value, int):
        yield from not_negative(value, where)
    elif not _is_percent(str(value)):
        yield invalid(
            where,
            value,
            "a valid percent string must be a numeric string followed by an ending '%' "
            "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        )


def _percent_or_number(value: object) -> int:
    text = str(value).removesuffix("%")
    return int(text) if text.isdigit() else 0


def _check_progress(spec: Object) -> Findings:
    seconds = spec.get("progressDeadlineSeconds")
    if seconds is not None:
        yield from not_negative(seconds, "spec.progressDeadlineSeconds")
        if seconds <= (spec.get("minReadySeconds") or 0):
            yield invalid("spec.progressDeadlineSeconds", seconds, "must be greater than minReadySeconds")


def check_stateful_set_changes(new: Object, old: Object, release: Release) -> Findings:
    """Of a StatefulSet only some fields may change."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    if not same(spec, {**before, **{field: spec.get(field) for field in _FREE}}):
        yield forbidden("spec", _FORBIDDEN_CHANGE)


def check_selector_changes(new: Object, old: Object, release: Release) -> Findings:
    """The selector of a Deployment or ReplicaSet stays."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    if not same_at(spec, before, "selector"):
        yield immutable("spec.selector", spec.get("selector"))
