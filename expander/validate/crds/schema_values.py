"""The values of a custom resource against its OpenAPI schema, as kube-openapi checks them.

Each validator of ``pkg/validation/validate`` is a function here: which of them apply depends on the value,
not on the type that the schema wants, so that one value can have several faults. Every check returns how many
of its parts were satisfied; of alternatives (``anyOf``, ``oneOf``) the faults of the one that satisfied
most are kept, as there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from expander.base.named_tuple import NamedTuple
from expander.kube.gofmt import general, quoted
from expander.kube.versions import Release
from expander.validate.cel.go_regex import compiled
from expander.validate.crds.correlation import old_entries, unchanged
from expander.validate.crds.paths import ROOT, Place, dotted
from expander.validate.crds.string_formats import supported
from expander.validate.crds.structural import ABSENT, Node
from expander.validate.finding import Finding, Reason
from expander.validate.rules.field import shown


class Fault(NamedTuple):
    """One error; ``place`` is None for those that kube-openapi does not place."""

    place: Place
    reason: Reason
    message: str


Faults: TypeAlias = list[Fault]
Check: TypeAlias = Callable[[Any, Any, Place, Faults], int]
"""value, its old value or ABSENT, place, faults to add to -> parts that were satisfied."""

NAMES = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array", dict: "object"}
GO_FORMATS = {int: "int64", float: "float64"}
MAX_JSON_INTEGER = 2**53 - 1
EPSILON = 1e-9


class SchemaCheck:
    """The check of values against the schema of ``node``; below ``prefix`` in the object."""

    def __init__(self, node: Node, release: Release, prefix: str = "") -> None:
        self._prefix = prefix
        self._release = release
        self._check = self._compile(node.schema, node)

    def __call__(self, value: Any, old: Any = ABSENT) -> list[Finding]:
        """What is wrong with ``value``. What is as it was in ``old`` may stay as it is."""
        faults: Faults = []
        self._check(value, old, None, faults)
        return [
            Finding(self._field(fault.place), fault.reason, fault.message) for fault in dict.fromkeys(faults)
        ]

    def _field(self, place: Place) -> str:
        return ".".join(filter(None, (self._prefix, dotted(place)))) or ROOT

    def _compile(self, schema: Mapping[str, Any], node: Node | None) -> Check:
        """The check of one schema; ``node`` is its place in the structural schema, None below it."""
        of_type = _type_check(schema, self._release)
        scalar = _scalar_check(schema, self._release)
        members = self._member_check(schema, node)
        alternatives = self._alternatives(schema)
        enum = _enum_check(schema.get("enum") or ())

        def check(value: Any, old: Any, place: Place, faults: Faults) -> int:
            matched = of_type(value, place, faults) + 3
            if enum is not None:
                enum(value, place, faults)
            if value is None:
                return matched
            if alternatives is not None:
                matched += alternatives(value, old, place, faults)
            if type(value) is dict or type(value) is list:
                if members is not None:
                    matched += members(value, old, place, faults)
            elif scalar is not None:
                matched += scalar(value, place, faults)
            return matched

        return check

    def _member_check(self, schema: Mapping[str, Any], node: Node | None) -> Check | None:
        """The check of what an object or a list holds."""
        of_object, of_list = self._object_check(schema, node), self._list_check(schema, node)
        if of_object is None and of_list is None:
            return None

        def check(value: Any, old: Any, place: Place, faults: Faults) -> int:
            chosen = of_object if type(value) is dict else of_list
            return 0 if chosen is None else chosen(value, old, place, faults)

        return check

    def _object_check(self, schema: Mapping[str, Any], node: Node | None) -> Check | None:
        properties = {
            name: (self._compile(below, inner := node and node.properties.get(name)), inner)
            for name, below in (schema.get("properties") or {}).items()
        }
        additional = None
        if isinstance(below := schema.get("additionalProperties"), Mapping):
            additional = (self._compile(below, inner := node and node.additional), inner)
        required: Sequence[str] = schema.get("required") or ()
        at_least, at_most = schema.get("minProperties"), schema.get("maxProperties")
        if not (properties or additional or required or at_least or at_most is not None):
            return None

        def check(value: Any, old: Any, place: Place, faults: Faults) -> int:
            if at_least is not None and len(value) < at_least:
                detail = f"{dotted(place)} in body should have at least {at_least} properties"
                faults.append(_invalid(place, len(value), detail))
                return 0
            if at_most is not None and len(value) > at_most:
                faults.append(_too_many(place, len(value), at_most))
                return 0
            matched = 0
            before = old if type(old) is dict else {}
            for name, each in value.items():
                found = properties.get(name, additional)
                if found is not None:
                    matched += _member(found, each, before.get(name, ABSENT), (place, name), faults)
            for name in required:
                if name not in value:
                    faults.append(Fault((place, name), Reason.REQUIRED, "Required value"))
            return matched

        return check

    def _list_check(self, schema: Mapping[str, Any], node: Node | None) -> Check | None:
        below = schema.get("items")
        inner = node and node.items
        items = (self._compile(below, inner), inner) if isinstance(below, Mapping) else None
        at_least, at_most = schema.get("minItems"), schema.get("maxItems")
        unique = schema.get("uniqueItems")
        if items is None and at_least is None and at_most is None and not unique:
            return None

        def check(value: Any, old: Any, place: Place, faults: Faults) -> int:
            matched = 1
            if items is not None:
                before = old_entries(node, value, old)
                for index, each in enumerate(value):
                    matched += _member(items, each, before(index), (place, index), faults)
            if at_least is not None and len(value) < at_least:
                detail = f"{dotted(place)} in body should have at least {at_least} items"
                faults.append(_invalid(place, len(value), detail))
            if at_most is not None and len(value) > at_most:
                faults.append(_too_many(place, len(value), at_most))
            if unique and len({json.dumps(each, sort_keys=True) for each in value}) < len(value):
                faults.append(_invalid(place, "", f"{dotted(place)} in body shouldn't contain duplicates"))
            return matched

        return check

    def _alternatives(self, schema: Mapping[str, Any]) -> Check | None:
        """The check of allOf, anyOf, oneOf and not."""
        any_of, one_of, all_of = (
            [self._compile(part, None) for part in schema.get(word) or ()]
            for word in ("anyOf", "oneOf", "allOf")
        )
        no = self._compile(schema["not"], None) if isinstance(schema.get("not"), Mapping) else None
        if not (any_of or one_of or all_of or no):
            return None

        def check(value: Any, old: Any, place: Place, faults: Faults) -> int:
            matched = 1
            words = f'"{dotted(place)}" must'
            if any_of:
                valid, found = _best(any_of, value, old, place, stop=True)
                if not valid:
                    faults.append(_unplaced(f"{words} validate at least one schema (anyOf)"))
                faults += found
            if one_of:
                valid, found = _best(one_of, value, old, place, stop=False)
                if valid != 1:
                    count = f"Found {valid} valid alternatives" if valid else "Found none valid"
                    faults.append(_unplaced(f"{words} validate one and only one schema (oneOf). {count}"))
                faults += found
            failed = 0
            for part in all_of:
                size = len(faults)
                matched += part(value, old, place, faults)
                failed += any(each.reason is not Reason.UNCHECKED for each in faults[size:])
            if failed:
                none = ". None validated" if failed == len(all_of) else ""
                faults.append(_unplaced(f"{words} validate all the schemas (allOf){none}"))
            if no is not None and _best([no], value, old, place, stop=True)[0]:
                faults.append(_unplaced(f"{words} not validate the schema (not)"))
            return matched

        return check


def _best(checks: Sequence[Check], value: Any, old: Any, place: Place, *, stop: bool) -> tuple[int, Faults]:
    """How many of ``checks`` accept the value, and the faults of the one that was nearest to it."""
    valid, best, most = 0, Faults(), -1
    doubtful: Faults = []
    for check in checks:
        faults: Faults = []
        matched = check(value, old, place, faults)
        unchecked = [each for each in faults if each.reason is Reason.UNCHECKED]
        if len(unchecked) == len(faults):
            valid += 1
            doubtful += unchecked
            if stop:
                break
        elif matched > most:
            best, most = faults, matched
    return valid, doubtful if valid else best


def _member(found: tuple[Check, Node | None], value: Any, old: Any, place: Place, faults: Faults) -> int:
    """The check of one field or entry; its faults are dropped when it was like that before."""
    check, node = found
    size = len(faults)
    matched = check(value, old, place, faults)
    if len(faults) > size and old is not ABSENT and node is not None and unchanged(node, value, old):
        del faults[size:]
    return matched


def _type_check(schema: Mapping[str, Any], release: Release) -> Callable[[Any, Place, Faults], int]:
    types = ["integer", "string"] if schema.get("x-kubernetes-int-or-string") else []
    types = types or ([schema["type"]] if schema.get("type") else [])
    form = supported(schema, release)
    if not types and not form:
        return lambda value, place, faults: 0
    whole, real = "integer" in types, "number" in types
    accepted = {kind for kind, name in NAMES.items() if name in types} | ({int} if real else set())
    nullable = bool(schema.get("nullable"))

    def check(value: Any, place: Place, faults: Faults) -> int:
        kind = type(value)
        if kind in accepted:
            return 2
        if value is None:
            if not types or nullable:
                return 2
            faults.append(_wrong_type(place, ",".join(types), "null"))
            return 1
        if kind is float and whole and is_json_integer(value):
            return 2
        if kind is not str and kind is not list and form:
            faults.append(_wrong_type(place, form, GO_FORMATS.get(kind, "")))
            return 1
        if form and not (whole or real):
            return 2
        faults.append(_wrong_type(place, ",".join(types), NAMES[kind]))
        return 1

    return check


def is_json_integer(value: float) -> bool:
    """Whether go-openapi takes a number with a fraction part for an integer."""
    if not math.isfinite(value) or abs(value) > MAX_JSON_INTEGER:
        return False
    whole = float(int(value))
    return value == whole or (bool(whole) and abs(value - whole) / (abs(value) + abs(whole)) < EPSILON)


def _enum_check(allowed: Sequence[Any]) -> Callable[[Any, Place, Faults], None] | None:
    if not allowed:
        return None
    texts = frozenset(each for each in allowed if isinstance(each, str))
    listed = ", ".join(
        quoted(each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)) for each in allowed
    )

    def check(value: Any, place: Place, faults: Faults) -> None:
        if type(value) is str and value in texts:
            return
        if any(_is_listed(value, each) for each in allowed):
            return
        message = f"Unsupported value: {_written(value)}: supported values: {listed}"
        faults.append(Fault(place, Reason.NOT_SUPPORTED, message))

    return check


def _is_listed(value: Any, allowed: Any) -> bool:
    """Whether Go finds ``value`` equal to an allowed one after converting it to that one's type."""
    kinds = type(value), type(allowed)
    if kinds == (int, str):
        return bool(0 <= value < 0x110000 and chr(value) == allowed)
    if kinds == (float, int):
        return math.isfinite(value) and int(value) == allowed
    if kinds == (int, float):
        return bool(float(value) == allowed)
    return kinds[0] is kinds[1] and bool(value == allowed)


def _scalar_check(schema: Mapping[str, Any], release: Release) -> Callable[[Any, Place, Faults], int] | None:
    of_text, of_number = _text_check(schema, release), _number_check(schema)

    def check(value: Any, place: Place, faults: Faults) -> int:
        kind = type(value)
        if kind is str:
            return 0 if of_text is None else of_text(value, place, faults)
        if kind is bool or of_number is None:
            return 0
        return of_number(value, place, faults)

    return None if of_text is None and of_number is None else check


def _text_check(schema: Mapping[str, Any], release: Release) -> Callable[[str, Place, Faults], int] | None:
    at_most, at_least, pattern = (schema.get(word) for word in ("maxLength", "minLength", "pattern"))
    form = supported(schema, release)
    accepts = None if not form else _accepts(form)
    if at_most is None and not at_least and not pattern and accepts is None:
        return None
    search, why = _searched(pattern)

    def check(value: str, place: Place, faults: Faults) -> int:
        if at_most is not None and len(value) > at_most:
            message = f"Too long: may not be more than {at_most} bytes"
            faults.append(Fault(place, Reason.TOO_LONG, message))
        elif at_least and len(value) < at_least:
            detail = f"{dotted(place)} in body should be at least {at_least} chars long"
            faults.append(_invalid(place, value, detail))
        elif why:
            faults.append(Fault(place, Reason.UNCHECKED, f"pattern not checked: {why}"))
        elif search is not None and not search(value):
            faults.append(_invalid(place, value, f"{dotted(place)} in body should match '{pattern}'"))
        if accepts is not None and not accepts(value):
            faults.append(_wrong_type(place, str(form), value))
        return 2

    return check


def _searched(pattern: str | None) -> tuple[Callable[[str], object] | None, str]:
    """The search for a pattern, or why there can be none."""
    try:
        return compiled(pattern).search if pattern else None, ""
    except ValueError as error:
        return None, str(error)


def _accepts(form: str) -> Callable[[str], bool] | None:
    from expander.validate.crds.string_formats import FORMATS

    return FORMATS.get(form.replace("-", ""))


def _number_check(schema: Mapping[str, Any]) -> Callable[[Any, Place, Faults], int] | None:
    whole = schema.get("type") == "integer"
    form = schema.get("format") or ""
    form = form if form in ("int32", "int64") else ""
    bits = 32 if form == "int32" else 64
    words = f"with format {form}" if form else "(default format)"
    bounds = [(word, schema[word]) for word in ("maximum", "minimum", "multipleOf") if word in schema]
    exclusive = {"maximum": schema.get("exclusiveMaximum"), "minimum": schema.get("exclusiveMinimum")}
    if not whole and not bounds:
        return None
    edge = 1 << (bits - 1)

    def check(value: Any, place: Place, faults: Faults) -> int:
        if whole and not ((type(value) is int or value == int(value)) and -edge <= value < edge):
            faults.append(_unplaced(f"Checked value must be of type integer {words} in {dotted(place)}"))
        for word, bound in bounds:
            detail = _bound_fault(word, value, bound, bool(exclusive.get(word)))
            if detail:
                faults.append(_invalid(place, value, f"{dotted(place)} in body {detail}"))
        return 2

    return check


def _bound_fault(word: str, value: Any, bound: float, exclusive: bool) -> str | None:
    """What a number lacks that has to keep to ``bound``."""
    if type(value) is int:
        bound = int(bound)
    written = general(bound)
    if word == "maximum":
        if value > bound or (exclusive and value == bound):
            return f"should be less than {'' if exclusive else 'or equal to '}{written}"
    elif word == "minimum":
        if value < bound or (exclusive and value == bound):
            return f"should be greater than {'' if exclusive else 'or equal to '}{written}"
    elif bound and not is_json_integer(1 / bound * value if bound < 1 else value / bound):
        return f"should be a multiple of {written}"
    return None


def _invalid(place: Place, value: Any, detail: str) -> Fault:
    return Fault(place, Reason.INVALID, f"Invalid value: {_written(value)}: {detail}")


def _unplaced(detail: str) -> Fault:
    return Fault(None, Reason.INVALID, f'Invalid value: "": {detail}')


def _wrong_type(place: Place, wanted: str, given: str) -> Fault:
    detail = f"{dotted(place)} in body must be of type {wanted}: {quoted(given)}"
    return Fault(place, Reason.TYPE_INVALID, f"Invalid value: {quoted(given)}: {detail}")


def _too_many(place: Place, count: int, limit: int) -> Fault:
    return Fault(place, Reason.TOO_MANY, f"Too many: {count}: must have at most {limit} items")


def _written(value: Any) -> str:
    """A value as the server's messages have it."""
    return general(value) if isinstance(value, int | float) and not isinstance(value, bool) else shown(value)
