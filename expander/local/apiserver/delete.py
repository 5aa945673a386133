"""delete, deletecollection and eviction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from expander.kube.api_resource import Resource
from expander.local.admission.chain import admit_delete
from expander.local.apiserver import pagination, read, status
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.storage import Storage
from expander.local.apiserver.turns import Turns
from expander.local.controllers.garbage_collector import Propagation
from expander.local.controllers.job.pods import is_ready
from expander.local.store.database import Object

EVICTABLE_PHASES: Final = ("Failed", "Pending", "Succeeded")
"""Phases of pods that no budget keeps from being evicted."""
PROPAGATION_POLICIES: Final = ("Background", "Foreground", "Orphan")
ORPHAN_WARNING: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove "
    "them or set propagationPolicy=Orphan to suppress this warning"
)


class DeleteOptions:
    """What a delete asks for, in its body or its query; StatusError for what is none."""

    def __init__(self, resource: Resource, body: Any, query: Mapping[str, str]) -> None:
        if body is not None and not isinstance(body, dict):
            raise StatusError(status.bad_request("the body must be DeleteOptions"))
        given: dict[str, Any] = {**query, **(body or {})}
        policy = given.get("propagationPolicy")
        orphan = given.get("orphanDependents")
        if policy is None and orphan is not None:
            policy = "Orphan" if orphan in (True, "true") else "Background"
        if policy is not None and policy not in PROPAGATION_POLICIES:
            valid = '"Orphan", "Background", "Foreground"'
            raise StatusError(
                status.bad_request(f'invalid propagationPolicy: "{policy}", valid values are {valid}')
            )
        self.defaulted = policy is None
        self.policy = cast(Propagation, policy or ("Orphan" if resource.orphans_dependents else "Background"))
        self.grace = _seconds(given.get("gracePeriodSeconds"))
        self.preconditions: dict[str, Any] = given.get("preconditions") or {}
        if not isinstance(self.preconditions, dict):
            raise StatusError(status.bad_request("preconditions must be an object"))
        self.dry = bool(given.get("dryRun"))


def delete(backend: Backend, target: Target, body: Any, query: Mapping[str, str]) -> tuple[Object, list[str]]:
    """Delete one object: the answer and the warnings that go with it."""
    obj = get_object(backend.storage, target)
    options = DeleteOptions(target.resource, body, query)
    answer = _delete(backend, target.resource, obj, options)
    warnings = [ORPHAN_WARNING] if target.resource.orphans_dependents and options.defaulted else []
    return answer, warnings


async def collection(backend: Backend, target: Target, body: Any, query: Mapping[str, str]) -> Object:
    """Delete all that is meant, or the portion of it that is asked for, and list it; others are answered
    meanwhile.
    """
    options = DeleteOptions(target.resource, body, query)
    page = await read.list_page(backend, read.list_selector(target, query), query)
    turns = Turns()
    for obj in page.items:
        if backend.storage.by_uid(obj["metadata"]["uid"]) is not None:
            _delete(backend, target.resource, dict(obj), options)
        await turns.give()
    metadata = {**page.metadata, "resourceVersion": str(backend.storage.version)}
    return pagination.listed(target.resource.api_version, target.resource.kind, page.items, metadata)


def evict(backend: Backend, target: Target, body: Any) -> Object:
    """Evict a pod."""
    pod = get_object(backend.storage, Target(target.resource, target.namespace, target.name))
    if not isinstance(body, dict | None):
        raise StatusError(status.bad_request("the body must be an Eviction"))
    options = DeleteOptions(target.resource, (body or {}).get("deleteOptions"), {})
    _check(target.resource, pod, options)
    _check_budget(backend.storage, pod)
    if not options.dry:
        backend.storage.disrupt(target.namespace, target.name, options.grace)
        backend.loop.changed()
    return status.succeeded(201)


def _check_budget(storage: Storage, pod: Object) -> None:
    """StatusError when a PodDisruptionBudget keeps the pod (pkg/registry/core/pod/storage/eviction.go)."""
    state = pod.get("status") or {}
    if state.get("phase") in EVICTABLE_PHASES or pod["metadata"].get("deletionTimestamp"):
        return
    budgets = storage.budgets(pod)
    if len(budgets) > 1:
        words = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise StatusError(status.failure(500, "InternalError", words))
    for obj, found in budgets:
        always = obj["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        if not is_ready(state) and (always or found.healthy >= found.desired > 0):
            return
        if not found.allowed:
            raise StatusError(status.disruption(obj["metadata"]["name"], found.desired, found.healthy))


def _delete(backend: Backend, resource: Resource, obj: Object, options: DeleteOptions) -> Object:
    admit_delete(obj)
    _check(resource, obj, options)
    metadata = obj["metadata"]
    if options.dry:
        return status.deleted(resource, metadata["name"], metadata["uid"])
    left = backend.storage.remove(resource, obj, options.policy, options.grace)
    backend.loop.changed()
    if left is not None:
        return left
    if resource.stored_kind == "Pod":
        return obj
    return status.deleted(resource, metadata["name"], metadata["uid"])


def _check(resource: Resource, obj: Object, options: DeleteOptions) -> None:
    """The preconditions: the object must be the one that is meant."""
    metadata = obj["metadata"]
    for field, name in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = options.preconditions.get(field)
        if wanted and wanted != metadata[field]:
            raise StatusError(
                status.deletes_another(resource, metadata["name"], name, str(wanted), metadata[field])
            )


def _seconds(given: Any) -> float | None:
    if given is None:
        return None
    try:
        return float(max(0, int(given)))
    except (TypeError, ValueError, OverflowError):
        raise StatusError(status.bad_request(f"gracePeriodSeconds: {given!r} is not a number")) from None
