"""Field selectors: ``status.phase!=Running,spec.nodeName=local``.

The grammar is that of apimachinery's ``fields`` package. Which fields a kind can be selected by, and the
words for one it cannot, are decided by the field label conversions of each API group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.regex import regex
from expander.kube.api_resource import Resource
from expander.kube.scheme import load

Object = Mapping[str, Any]
Reader = Callable[[Object], str]

_EMPTY: Final[Mapping[str, Any]] = {}
_term = regex(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL).finditer
_parts = regex(r"((?:[^\\!=]|\\.|!(?!=))*)(!=|==|=)(.*)", re.DOTALL).fullmatch
_piece = regex(r"\\(.?)|([,=])|([^\\,=]+)", re.DOTALL).finditer


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the value of a field is, or is not, this text."""

    field: str
    value: str
    equal: bool
    read: Reader

    def matches(self, obj: Object) -> bool:
        """Whether the condition holds; a field an object has not is the empty text."""
        return (self.read(obj) == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions that must all hold; without any it means every object, and is false as a truth value."""

    terms: tuple[Term, ...] = ()

    def matches(self, obj: Object) -> bool:
        """Whether an object of the kind the selector was made for is meant."""
        return all(term.matches(obj) for term in self.terms)

    def value(self, field: str) -> str | None:
        """The value the field must have, such as the one name that ``metadata.name=x`` means; None if any."""
        return self.values.get(field)

    @property
    def values(self) -> dict[str, str]:
        """The values that fields must have."""
        return {term.field: term.value for term in self.terms if term.equal}

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse(resource: Resource, text: str) -> FieldSelector:
    """The selector that ``text`` means for objects of ``resource``; an empty text means all of them.

    Raises ValueError in the words of the API, which answers 400 with them.
    """
    terms = []
    for found in _term(text):
        parts = _parts(found[0])
        if parts is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{found[0]}'")
        value = _unescaped(parts[3])
        field, read = _reader(resource, parts[1])
        terms.append(Term(field, value, parts[2] != "!=", read))
    return FieldSelector(tuple(terms))


def _unescaped(text: str) -> str:
    value = []
    for found in _piece(text):
        escaped, sign, plain = found.groups()
        if sign:
            raise ValueError(f"invalid field selector: unescaped character in value: {ord(sign)}")
        if plain is None and escaped not in ("\\", ",", "="):
            raise ValueError(f"invalid field selector: invalid escape sequence: {found[0]}")
        value.append(plain or escaped)
    return "".join(value)


def _at(path: str) -> Reader:
    """Reads the text at a path of mappings."""
    *above, last = path.split(".")

    def read(obj: Object) -> str:
        for step in above:
            obj = obj.get(step) or _EMPTY
        value = obj.get(last)
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    return read


def _flag(path: str) -> Reader:
    """Reads a boolean that is false when it is absent."""
    read = _at(path)
    return lambda obj: read(obj) or "false"


def _number(path: str) -> Reader:
    """Reads a number that is 0 when it is absent."""
    read = _at(path)
    return lambda obj: read(obj) or "0"


def _source(event: Object) -> str:
    source = event.get("source") or _EMPTY
    return source.get("component") or event.get("reportingComponent") or ""


def _plain(*paths: str) -> dict[str, Reader]:
    return {path: _at(path) for path in paths}


NAMED: Final = _plain("metadata.name", "metadata.namespace")
POD: Final = NAMED | {
    **_plain("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
    **_plain("status.phase", "status.podIP", "status.nominatedNodeName"),
    "spec.hostNetwork": _flag("spec.hostNetwork"),
    "status.podIPs": lambda pod: ",".join(each["ip"] for each in _below(pod, "status", "podIPs")),
}
EVENT: Final = NAMED | {
    **_plain(*(f"involvedObject.{key}" for key in ("kind", "namespace", "name", "uid", "apiVersion"))),
    **_plain("involvedObject.resourceVersion", "involvedObject.fieldPath"),
    **_plain("reason", "reportingComponent", "type"),
    "source": _source,
}
EVENT_OF_GROUP: Final = NAMED | {
    **_plain(*(f"regarding.{key}" for key in ("kind", "namespace", "name", "uid", "apiVersion"))),
    **_plain("regarding.resourceVersion", "regarding.fieldPath"),
    **_plain("reason", "reportingController", "type"),
}
JOB: Final = NAMED | {"status.successful": _number("status.succeeded")}
SECRET: Final = NAMED | _plain("type")
SERVICE: Final = NAMED | _plain("spec.clusterIP", "spec.type")
NAMESPACE: Final = _plain("metadata.name", "status.phase")
NODE: Final = {**_plain("metadata.name"), "spec.unschedulable": _flag("spec.unschedulable")}

_OLD_NAMES: Final = {("Pod", "spec.host"): "spec.nodeName"}


def _reader(resource: Resource, field: str) -> tuple[str, Reader]:
    field = _OLD_NAMES.get((resource.stored_kind, field), field)
    known: Mapping[str, Reader] = load(resource.field_labels)
    if field in known:
        return field, known[field]
    if field in resource.selectable:
        return field, _at(field)
    if known is JOB:
        raise ValueError(f'field label "{field}" not supported for Job')
    if known is not NAMED or resource.stored_as:
        raise ValueError(f"field label not supported: {field}")
    raise ValueError(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _below(obj: Object, *path: str) -> Iterator[Any]:
    for step in path:
        obj = obj.get(step) or _EMPTY
    yield from obj
