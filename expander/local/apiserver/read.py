"""get and list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expander.base.dataclass import dataclass
from expander.kube import selectors
from expander.kube.api_resource import Resource
from expander.local.apiserver import codecs, field_selectors, pagination, status
from expander.local.apiserver.codecs import ResponseFormat
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.storage import Storage
from expander.local.store.database import Object


@dataclass(frozen=True, slots=True)
class ListSelector:
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


def list_selector(target: Target, query: Mapping[str, str]) -> ListSelector:
    """The objects that a request for a collection means; StatusError for a selector that is none."""
    resource = target.resource
    try:
        labels = selectors.parse(query.get("labelSelector", ""))
        fields = field_selectors.parse(resource, query.get("fieldSelector", ""))
    except ValueError as error:
        raise StatusError(status.bad_request(str(error))) from None
    return ListSelector(resource, target.namespace, labels, fields)


def get_object(storage: Storage, target: Target) -> Object:
    """The object that the target names; StatusError when there is none."""
    obj = storage.object(target.resource, target.namespace, target.name)
    if obj is None:
        raise StatusError(status.not_found(target.resource, target.name))
    return obj


def list_objects(
    storage: Storage, wanted: ListSelector, after: pagination.Key = ("", "")
) -> Iterator[Object]:
    """The objects that are meant, past ``after``, by namespace and name."""
    name, namespace = wanted.fields.value("metadata.name"), wanted.namespace
    if name is not None and (namespace or not wanted.resource.namespaced):
        found = storage.object(wanted.resource, namespace, name)
        meant = found is not None and wanted.means(found) and pagination.key(found) > after
        return iter([found] if found is not None and meant else [])
    objects = storage.objects(wanted.resource, namespace or None, after)
    return (obj for obj in objects if wanted.means(obj)) if wanted.selects else objects


def get_response(backend: Backend, target: Target, query: Mapping[str, str], form: ResponseFormat) -> Object:
    """The answer to a request for one object."""
    obj = get_object(backend.storage, target)
    return codecs.encode_object(target.resource, obj, form, backend.clock(), include=include_object(query))


def list_response(backend: Backend, target: Target, query: Mapping[str, str], form: ResponseFormat) -> Object:
    """The answer to a request for a collection."""
    page = list_page(backend, list_selector(target, query), query)
    return codecs.encode_list(
        target.resource, page.items, page.metadata, form, backend.clock(), include=include_object(query)
    )


def list_page(backend: Backend, wanted: ListSelector, query: Mapping[str, str]) -> pagination.Page:
    """As much of what is meant as the query asks for; StatusError for a query that cannot be answered."""
    version = backend.storage.version
    asked = int_parameter(query, "resourceVersion")
    if asked > version:
        raise StatusError(status.version_too_large(asked, version))
    token = query.get("continue", "")
    try:
        start = pagination.decode(token) if token else None
    except ValueError as error:
        raise StatusError(status.bad_request(str(error))) from None

    def count(after: pagination.Key) -> int:
        return backend.storage.count(wanted.resource, wanted.namespace or None, after)

    return pagination.page(
        list_objects(backend.storage, wanted, start.after if start else ("", "")),
        version,
        limit=int_parameter(query, "limit"),
        start=start,
        count=None if wanted.selects else count,
    )


def include_object(query: Mapping[str, str]) -> str:
    """How much of an object is in the row of a table; StatusError for what is none of the choices."""
    text = query.get("includeObject", "")
    if text not in ("", "None", "Metadata", "Object"):
        raise StatusError(status.bad_request(f'unrecognized includeObject value: "{text}"'))
    return text


def int_parameter(query: Mapping[str, str], name: str) -> int:
    """A number of the query, 0 when it is not there; StatusError when it is none."""
    text = query.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise StatusError(status.bad_request(f"{name}: Invalid value: {text!r}: must be a number"))
    return int(text)
