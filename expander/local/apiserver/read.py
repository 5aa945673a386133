"""get and list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from expander.kube import selectors
from expander.kube.scheme import Resource
from expander.local.apiserver import codecs, field_selectors, pagination, status
from expander.local.apiserver.codecs import Form
from expander.local.apiserver.routing import Service, Target
from expander.local.apiserver.status import Refused
from expander.local.apiserver.storage import Cluster
from expander.local.store.database import Object


@dataclass(frozen=True, slots=True)
class Choice:
    """Which objects of a collection are meant; ``namespace`` is empty for all."""

    resource: Resource
    namespace: str
    labels: selectors.Selector
    fields: field_selectors.FieldSelector

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
        fields = field_selectors.parse(resource, query.get("fieldSelector", ""))
    except ValueError as error:
        raise Refused(status.bad_request(str(error))) from None
    return Choice(resource, target.namespace, labels, fields)


def existing(cluster: Cluster, target: Target) -> Object:
    """The object that the target names; Refused when there is none."""
    obj = cluster.object(target.resource, target.namespace, target.name)
    if obj is None:
        raise Refused(status.not_found(target.resource, target.name))
    return obj


def collection(cluster: Cluster, wanted: Choice, after: pagination.Key = ("", "")) -> Iterator[Object]:
    """The objects that are meant, past ``after``, by namespace and name."""
    name, namespace = wanted.fields.value("metadata.name"), wanted.namespace
    if name is not None and (namespace or not wanted.resource.namespaced):
        found = cluster.object(wanted.resource, namespace, name)
        meant = found is not None and wanted.means(found) and pagination.key(found) > after
        return iter([found] if found is not None and meant else [])
    objects = cluster.objects(wanted.resource, namespace or None, after)
    return (obj for obj in objects if wanted.means(obj)) if wanted.selects else objects


def get(service: Service, target: Target, query: Mapping[str, str], form: Form) -> Object:
    """The answer to a request for one object."""
    obj = existing(service.cluster, target)
    return codecs.one(target.resource, obj, form, service.clock(), include=included(query))


def listing(service: Service, target: Target, query: Mapping[str, str], form: Form) -> Object:
    """The answer to a request for a collection."""
    page = portion(service, choice(target, query), query)
    return codecs.several(
        target.resource, page.items, page.metadata, form, service.clock(), include=included(query)
    )


def portion(service: Service, wanted: Choice, query: Mapping[str, str]) -> pagination.Page:
    """As much of what is meant as the query asks for; Refused for a query that cannot be answered."""
    version = service.cluster.version
    asked = number(query, "resourceVersion")
    if asked > version:
        raise Refused(status.version_too_large(asked, version))
    token = query.get("continue", "")
    try:
        start = pagination.decode(token) if token else None
    except ValueError as error:
        raise Refused(status.bad_request(str(error))) from None

    def count(after: pagination.Key) -> int:
        return service.cluster.count(wanted.resource, wanted.namespace or None, after)

    return pagination.page(
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
        raise Refused(status.bad_request(f'unrecognized includeObject value: "{text}"'))
    return text


def number(query: Mapping[str, str], name: str) -> int:
    """A number of the query, 0 when it is not there; Refused when it is none."""
    text = query.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused(status.bad_request(f"{name}: Invalid value: {text!r}: must be a number"))
    return int(text)
