"""get and list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from expander.kube import selectors
from expander.kube.scheme import Resource
from expander.local.api.server import shaping
from expander.local.api.server.answers import Form
from expander.local.api.server.cluster import Cluster
from expander.local.api.server.refusals import Refused
from expander.local.api.server.routes import Target
from expander.local.api.server.service import Service
from expander.local.api.views import fieldselectors, pages, statuses
from expander.local.store.encoding import Object


@dataclass(frozen=True, slots=True)
class Choice:
    """Which objects of a collection are meant; ``namespace`` is empty for all."""

    resource: Resource
    namespace: str
    labels: selectors.Selector
    fields: fieldselectors.FieldSelector

    @property
    def selects(self) -> bool:
        """Whether more than the namespace decides."""
        return bool(self.labels.requirements or self.fields)

    def means(self, obj: Object) -> bool:
        """Whether an object of the resource is meant."""
        metadata = obj["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        return self.labels.matches(metadata.get("labels")) and self.fields.matches(obj)


def choice(target: Target, query: Mapping[str, str]) -> Choice:
    """The objects that a request for a collection means; Refused for a selector that is none."""
    resource = target.resource
    try:
        labels = selectors.parse(query.get("labelSelector", ""))
        fields = fieldselectors.parse(resource.kind, query.get("fieldSelector", ""))
    except ValueError as error:
        raise Refused(statuses.bad_request(str(error))) from None
    return Choice(resource, target.namespace, labels, fields)


def existing(cluster: Cluster, target: Target) -> Object:
    """The object that the target names; Refused when there is none."""
    obj = cluster.object(target.resource, target.namespace, target.name)
    if obj is None:
        raise Refused(statuses.not_found(target.resource, target.name))
    return obj


def collection(cluster: Cluster, wanted: Choice, after: pages.Key = ("", "")) -> Iterator[Object]:
    """The objects that are meant, past ``after``, by namespace and name."""
    name, namespace = wanted.fields.value("metadata.name"), wanted.namespace
    if name is not None and (namespace or not wanted.resource.namespaced):
        found = cluster.object(wanted.resource, namespace, name)
        meant = found is not None and wanted.means(found) and pages.key(found) > after
        return iter([found] if found is not None and meant else [])
    objects = cluster.objects(wanted.resource, namespace or None, after)
    return (obj for obj in objects if wanted.means(obj)) if wanted.selects else objects


def get(service: Service, target: Target, query: Mapping[str, str], form: Form) -> Object:
    """The answer to a request for one object."""
    obj = existing(service.cluster, target)
    return shaping.one(target.resource, obj, form, service.clock(), include=included(query))


def listing(service: Service, target: Target, query: Mapping[str, str], form: Form) -> Object:
    """The answer to a request for a collection."""
    page = portion(service, choice(target, query), query)
    return shaping.several(
        target.resource, page.items, page.metadata, form, service.clock(), include=included(query)
    )


def portion(service: Service, wanted: Choice, query: Mapping[str, str]) -> pages.Page:
    """As much of what is meant as the query asks for; Refused for a query that cannot be answered."""
    version = service.cluster.version
    asked = number(query, "resourceVersion")
    if asked > version:
        raise Refused(statuses.version_too_large(asked, version))
    token = query.get("continue", "")
    try:
        start = pages.decode(token) if token else None
    except ValueError as error:
        raise Refused(statuses.bad_request(str(error))) from None

    def count(after: pages.Key) -> int:
        return service.cluster.count(wanted.resource, wanted.namespace or None, after)

    return pages.page(
        collection(service.cluster, wanted, start.after if start else ("", "")),
        version,
        limit=number(query, "limit"),
        start=start,
        count=None if wanted.selects else count,
    )


def included(query: Mapping[str, str]) -> str:
    """How much of an object is in the row of a table; Refused for what is none of the choices."""
    text = query.get("includeObject", "")
    if text not in ("", "None", "Metadata", "Object"):
        raise Refused(statuses.bad_request(f'unrecognized includeObject value: "{text}"'))
    return text


def number(query: Mapping[str, str], name: str) -> int:
    """A number of the query, 0 when it is not there; Refused when it is none."""
    text = query.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused(statuses.bad_request(f"{name}: Invalid value: {text!r}: must be a number"))
    return int(text)
