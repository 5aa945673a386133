"""Labels, annotations and label selectors, as apimachinery checks them wherever they appear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules import formats
from expander.validate.rules.checks import (
    Findings,
    each,
    forbidden,
    invalid,
    invalid_each,
    required,
    texts,
    too_long,
)

MAX_ANNOTATION_BYTES: Final = 256 * 1024  # of all keys and values together


def check_labels(labels: Mapping[str, Any], where: str) -> Findings:
    """Keys are qualified names, values label values; all findings are at the path of the map."""
    for name, value in labels.items():
        yield from invalid_each(where, name, formats.qualified_name(name))
        yield from invalid_each(where, value or "", formats.label_value(value or ""))


def check_annotations(annotations: Mapping[str, Any], where: str) -> Findings:
    """Keys are qualified names, in any case of letters; the map has a greatest size in bytes."""
    size = 0
    for name, value in annotations.items():
        yield from invalid_each(where, name, formats.qualified_name(name.lower()))
        size += formats.byte_length(name) + formats.byte_length(value or "")
    if size > MAX_ANNOTATION_BYTES:
        yield too_long(where, MAX_ANNOTATION_BYTES)


def check_label_key(name: str, where: str) -> Findings:
    """A label key on its own is a qualified name."""
    yield from invalid_each(where, name, formats.qualified_name(name))


def check_label_selector(selector: Mapping[str, Any] | None, where: str) -> Findings:
    """``matchLabels`` are labels; each of ``matchExpressions`` has an operator and the values it wants."""
    if selector is None:
        return
    yield from check_labels(selector.get("matchLabels") or {}, f"{where}.matchLabels")
    for at, expression in each(selector.get("matchExpressions"), f"{where}.matchExpressions"):
        yield from _check_expression(expression, at)


def check_match_label_keys(term: Mapping[str, Any], where: str) -> Findings:
    """``matchLabelKeys`` and ``mismatchLabelKeys`` of a term: keys whose values the pod itself gives.

    They need a selector to add to, are in one of the lists, and are selected on once.
    """
    selector = term.get("labelSelector")
    wanted: Sequence[str] = term.get("matchLabelKeys") or ()
    unwanted: Sequence[str] = term.get("mismatchLabelKeys") or ()
    for field, names in (("matchLabelKeys", wanted), ("mismatchLabelKeys", unwanted)):
        if names and selector is None:
            yield forbidden(f"{where}.{field}", "must not be specified when labelSelector is not set")
        elif names:
            for at, name in texts(names, f"{where}.{field}"):
                yield from check_label_key(name, at)
    if selector is not None:
        selected = set(selector.get("matchLabels") or ())
        places = {name: index for index, name in enumerate(wanted)}
        for _, expression in each(selector.get("matchExpressions"), where):
            name = expression.get("key") or ""
            if name in places and name in selected:
                detail = "exists in both matchLabelKeys and labelSelector"
                yield invalid(f"{where}[{places[name]}]", name, detail)
            selected.add(name)
    for at, name in texts(wanted, f"{where}.matchLabelKeys"):
        if name in unwanted:
            yield invalid(at, name, "exists in both matchLabelKeys and mismatchLabelKeys")


def _check_expression(expression: Mapping[str, Any], where: str) -> Findings:
    operator, values = expression.get("operator") or "", expression.get("values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(f"{where}.values", detail)
    else:
        yield invalid(f"{where}.operator", operator, "not a valid selector operator")
    yield from check_label_key(expression.get("key") or "", f"{where}.key")
    for at, value in texts(values, f"{where}.values"):
        yield from invalid_each(at, value, formats.label_value(value))
