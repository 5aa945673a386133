"""delete, deletecollection and eviction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from expander.kube.scheme import Resource
from expander.local.admission.chain import admit_delete
from expander.local.apiserver import pagination, read, status
from expander.local.apiserver.read import existing
from expander.local.apiserver.routing import Service, Target
from expander.local.apiserver.status import Refused
from expander.local.controllers.garbage_collector import Propagation
from expander.local.store.database import Object

POLICIES: Final = ("Background", "Foreground", "Orphan")
ORPHANS: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove "
    "them or set propagationPolicy=Orphan to suppress this warning"
)


class Options:
    """What a delete asks for, in its body or its query; Refused for what is none."""

    def __init__(self, resource: Resource, body: Any, query: Mapping[str, str]) -> None:
        if body is not None and not isinstance(body, dict):
            raise Refused(status.bad_request("the body must be DeleteOptions"))
        given: dict[str, Any] = {**query, **(body or {})}
        policy = given.get("propagationPolicy")
        orphan = given.get("orphanDependents")
        if policy is None and orphan is not None:
            policy = "Orphan" if orphan in (True, "true") else "Background"
        if policy is not None and policy not in POLICIES:
            valid = '"Orphan", "Background", "Foreground"'
            raise Refused(
                status.bad_request(f'invalid propagationPolicy: "{policy}", valid values are {valid}')
            )
        self.defaulted = policy is None
        self.policy = cast(Propagation, policy or ("Orphan" if resource.kind == "Job" else "Background"))
        self.grace = _seconds(given.get("gracePeriodSeconds"))
        self.preconditions: dict[str, Any] = given.get("preconditions") or {}
        self.dry = bool(given.get("dryRun"))


def delete(service: Service, target: Target, body: Any, query: Mapping[str, str]) -> tuple[Object, list[str]]:
    """Delete one object: the answer and the warnings that go with it."""
    obj = existing(service.cluster, target)
    options = Options(target.resource, body, query)
    answer = _delete(service, target.resource, obj, options)
    warnings = [ORPHANS] if target.resource.kind == "Job" and options.defaulted else []
    return answer, warnings


def collection(service: Service, target: Target, body: Any, query: Mapping[str, str]) -> Object:
    """Delete all that is meant, or the portion of it that is asked for, and list it."""
    options = Options(target.resource, body, query)
    page = read.portion(service, read.choice(target, query), query)
    for obj in page.items:
        if service.cluster.by_uid(obj["metadata"]["uid"]) is not None:
            _delete(service, target.resource, dict(obj), options)
    metadata = {**page.metadata, "resourceVersion": str(service.cluster.version)}
    return pagination.listed(target.resource.api_version, target.resource.kind, page.items, metadata)


def evict(service: Service, target: Target, body: Any) -> Object:
    """Evict a pod."""
    pod = existing(service.cluster, Target(target.resource, target.namespace, target.name))
    options = Options(target.resource, (body or {}).get("deleteOptions"), {})
    _check(target.resource, pod, options)
    if not options.dry:
        service.cluster.disrupt(target.namespace, target.name, options.grace)
        service.driver.changed()
    return status.succeeded(201)


def _delete(service: Service, resource: Resource, obj: Object, options: Options) -> Object:
    admit_delete(obj)
    _check(resource, obj, options)
    metadata = obj["metadata"]
    if options.dry:
        return status.deleted(resource, metadata["name"], metadata["uid"])
    left = service.cluster.remove(obj, options.policy, options.grace)
    service.driver.changed()
    if left is not None:
        return left
    if resource.kind == "Pod":
        return obj
    return status.deleted(resource, metadata["name"], metadata["uid"])


def _check(resource: Resource, obj: Object, options: Options) -> None:
    """The preconditions: the object must be the one that is meant."""
    metadata = obj["metadata"]
    for field, name in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = options.preconditions.get(field)
        if wanted and wanted != metadata[field]:
            raise Refused(status.precondition(resource, metadata["name"], name, str(wanted), metadata[field]))


def _seconds(given: Any) -> float | None:
    if given is None:
        return None
    try:
        return float(max(0, int(given)))
    except (TypeError, ValueError):
        raise Refused(status.bad_request(f"gracePeriodSeconds: {given!r} is no number")) from None
