"""get and list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from aiohttp import web

from expander.base.dataclass import dataclass
from expander.kube import selectors
from expander.kube.api_resource import Resource
from expander.local.apiserver import codecs, field_selectors, pagination, status
from expander.local.apiserver.codecs import ResponseFormat
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.storage import Storage
from expander.local.apiserver.turns import Turns
from expander.local.store.database import Object
from expander.local.store.encoding import RestingObject
from expander.local.store.objects import Listed
from expander.validate.rules.field import forbidden, not_supported


def whole(obj: Listed) -> Object:
    """An object of a list as the store has it."""
    return obj.tree if isinstance(obj, RestingObject) else obj


def _as_listed(obj: Listed) -> Listed:
    return obj


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

    def means(self, obj: Listed) -> bool:
        """Whether an object of the resource is meant."""
        if isinstance(obj, RestingObject):
            namespace, labels = obj.namespace, obj.labels
        else:
            namespace, labels = obj["metadata"].get("namespace"), obj["metadata"].get("labels")
        if self.namespace and namespace != self.namespace:
            return False
        return not self.selects or (self.labels.matches(labels) and self.fields.matches(obj))


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


async def list_objects(
    backend: Backend,
    wanted: ListSelector,
    after: pagination.Key = ("", ""),
    *,
    at: int | None = None,
    most: int | None = None,
    item: Callable[[Listed], Any] = whole,
) -> tuple[list[Any], int] | None:
    """The objects that are meant, past ``after``, by namespace and name, and the version they are of.

    That is ``at``, the last one without it; None when it is not known any more what there was then. ``most``
    is how many are taken, ``item`` makes what is given of each. Others are answered meanwhile, and what they
    change does not show.
    """
    storage = backend.storage
    known = storage.version
    version = known if at is None else at
    objects = _candidates(storage, wanted, after, at)
    found: list[Any] = []
    turns = Turns()
    while objects is not None and len(found) != most:
        if (obj := next(objects, None)) is None:
            break
        if wanted.means(obj):
            found.append(item(obj))
        if await turns.give() and storage.version != known:
            known = storage.version
            objects = _candidates(storage, wanted, pagination.key(obj), version)
    if objects is not None:
        return found, version
    if at is not None:
        return None
    backend.loop.keep()  # more has changed meanwhile than is known: what is there now, without a turn
    now = _candidates(storage, wanted, after) or ()
    meant = islice(filter(wanted.means, now), most)
    return [*map(item, meant)], storage.version


def _candidates(
    storage: Storage, wanted: ListSelector, after: pagination.Key, at: int | None = None
) -> Iterator[Listed] | None:
    """Objects past ``after``, in order, among which are all that are meant, as they were at a version."""
    name, namespace = wanted.fields.value("metadata.name"), wanted.namespace or None
    fields = wanted.fields.values
    if at is not None:
        return storage.objects_at(at, wanted.resource, namespace, after, fields)
    if name is None or (namespace is None and wanted.resource.namespaced):
        return storage.objects(wanted.resource, namespace, after, fields)
    found = storage.object(wanted.resource, wanted.namespace, name)
    return iter([] if found is None or pagination.key(found) <= after else [found])


def get_response(backend: Backend, target: Target, query: Mapping[str, str], form: ResponseFormat) -> Object:
    """The answer to a request for one object."""
    obj = get_object(backend.storage, target)
    return codecs.encode_object(target.resource, obj, form, backend.clock(), include=include_object(query))


async def list_response(
    backend: Backend,
    target: Target,
    query: Mapping[str, str],
    form: ResponseFormat,
    headers: Mapping[str, str],
) -> web.Response:
    """The answer to a request for a collection; others are answered meanwhile."""
    item = codecs.list_item(form) or whole
    page = await list_page(backend, list_selector(target, query), query, item)
    place, now, include = (target.resource, page.items, page.metadata), backend.clock(), include_object(query)
    return codecs.list_response(*place, form, now, include=include, headers=headers)


async def list_page(
    backend: Backend,
    wanted: ListSelector,
    query: Mapping[str, str],
    item: Callable[[Listed], Any] = whole,
) -> pagination.Page:
    """As much of what is meant as the query asks for; StatusError for a query that cannot be answered.

    ``item`` makes the items of objects.
    """
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
    total = None
    if limit and at in (None, version) and not wanted.selects:
        total = storage.count(wanted.resource, wanted.namespace or None, after)
    most, made = (limit + 1, _as_listed) if limit else (None, item)
    found = await list_objects(backend, wanted, after, at=at, most=most, item=made)
    if found is None:
        again = pagination.encode(pagination.Start(pagination.INCONSISTENT, after))
        raise StatusError(status.continue_expired(again) if token else status.too_old(asked, version))
    page = pagination.page(*found, limit=limit, total=total)
    return replace(page, items=[*map(item, page.items)]) if limit else page


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
