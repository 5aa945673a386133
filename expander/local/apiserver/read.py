"""get and list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from expander.base.dataclass import dataclass
from expander.kube import selectors
from expander.kube.api_resource import Resource
from expander.local.apiserver import codecs, field_selectors, pagination, status
from expander.local.apiserver.codecs import ResponseFormat
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.storage import Storage
from expander.local.store.database import Object
from expander.validate.rules.field import forbidden, not_supported


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

    def among(self, objects: Iterator[Object]) -> Iterator[Object]:
        """Those of the objects, all of the resource and the namespace, that are meant."""
        return filter(self.means, objects) if self.selects else objects

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
    return wanted.among(storage.objects(wanted.resource, namespace or None, after, wanted.fields.values))


def list_objects_at(
    version: int, storage: Storage, wanted: ListSelector, after: pagination.Key
) -> Iterator[Object] | None:
    """What `list_objects` gave when ``version`` was the last one; None when that is not known any more."""
    objects = storage.objects_at(version, wanted.resource, wanted.namespace or None, after)
    return None if objects is None else wanted.among(objects)


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
    storage, version = backend.storage, backend.storage.version
    check_list_options(query)
    asked, limit = int_parameter(query, "resourceVersion"), int_parameter(query, "limit")
    if asked > version:
        raise StatusError(status.version_too_large(asked, version))
    exact = asked and query.get("resourceVersionMatch", EXACT if limit else NOT_OLDER) == EXACT
    at, after = asked if exact else None, ("", "")
    token = query.get("continue", "")
    if token:
        try:
            start = pagination.decode(token)
        except ValueError as error:
            raise StatusError(status.bad_request(str(error))) from None
        if start.version > version:
            raise StatusError(status.version_too_large(start.version, version))
        at, after = None if start.version == pagination.INCONSISTENT else start.version, start.after
    place = storage, wanted, after
    objects = list_objects(*place) if at is None else list_objects_at(at, *place)
    if objects is None:
        again = pagination.encode(pagination.Start(pagination.INCONSISTENT, after))
        raise StatusError(status.continue_expired(again) if token else status.too_old(asked, version))

    def count(after: pagination.Key) -> int:
        return storage.count(wanted.resource, wanted.namespace or None, after)

    counted = at in (None, version) and not wanted.selects
    return pagination.page(
        objects, version if at is None else at, limit=limit, count=count if counted else None
    )


LIST_OPTIONS: Final = Resource(group="meta.k8s.io", kind="ListOptions", plural="listoptions")
EXACT: Final = "Exact"
NOT_OLDER: Final = "NotOlderThan"


def check_list_options(query: Mapping[str, str], *, watched: bool = False) -> None:
    """StatusError for versions that cannot be asked for so (``ValidateListOptions`` of apimachinery)."""
    match, version = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    field = "resourceVersionMatch"
    wrong = None
    if watched and query.get("sendInitialEvents") is not None and match != NOT_OLDER:
        wrong = forbidden(field, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}")
    elif watched and query.get("sendInitialEvents") is None and match:
        wrong = forbidden(field, f"{field} is forbidden for watch unless sendInitialEvents is provided")
    elif watched:
        return
    elif query.get("sendInitialEvents") is not None:
        wrong = forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")
    elif match and query.get("continue"):
        wrong = forbidden(field, f"{field} is forbidden when continue is provided")
    elif match and not version:
        wrong = forbidden(field, f"{field} is forbidden unless resourceVersion is provided")
    elif match and match not in (EXACT, NOT_OLDER):
        wrong = not_supported(field, match, (EXACT, NOT_OLDER, ""))
    elif match == EXACT and version == "0":
        wrong = forbidden(field, f'{field} "{match}" is forbidden for resourceVersion "0"')
    if wrong is not None:
        raise StatusError(status.invalid(LIST_OPTIONS, "", [wrong]))
    if query.get("continue") and version not in ("", "0"):
        raise StatusError(
            status.bad_request("specifying resource version is not allowed when using continue")
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
