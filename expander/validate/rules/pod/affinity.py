"""Which nodes, and which other pods' company, a pod seeks or avoids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.rules import formats
from expander.validate.rules.checks import Findings, each, forbidden, invalid, invalid_each, required, texts
from expander.validate.rules.labels import check_label_key, check_label_selector, check_match_label_keys

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"

Term = Mapping[str, Any]


def check_affinity(affinity: Term, where: str) -> Findings:
    """Affinity to nodes, to pods, and against pods."""
    if (nodes := affinity.get("nodeAffinity")) is not None:
        yield from _check_node_affinity(nodes, f"{where}.nodeAffinity")
    for field in ("podAffinity", "podAntiAffinity"):
        if (pods := affinity.get(field)) is not None:
            yield from _check_pod_affinity(pods, f"{where}.{field}")


def _check_node_affinity(affinity: Term, where: str) -> Findings:
    selector = affinity.get(_REQUIRED)
    if selector is not None:
        terms, at = selector.get("nodeSelectorTerms"), f"{where}.{_REQUIRED}.nodeSelectorTerms"
        if not terms:
            yield required(at, "must have at least one node selector term")
        for term_at, term in each(terms, at):
            yield from _check_node_term(term, term_at, strict_values=True)
    for at, preferred in each(affinity.get(_PREFERRED), f"{where}.{_PREFERRED}"):
        yield from _check_weight(preferred, at)
        yield from _check_node_term(
            preferred.get("preference") or {}, f"{at}.preference", strict_values=False
        )


def _check_node_term(term: Term, where: str, *, strict_values: bool) -> Findings:
    for at, requirement in each(term.get("matchExpressions"), f"{where}.matchExpressions"):
        yield from _check_node_labels(requirement, at, strict_values=strict_values)
    for at, requirement in each(term.get("matchFields"), f"{where}.matchFields"):
        yield from _check_node_fields(requirement, at)


def _check_node_labels(requirement: Term, where: str, *, strict_values: bool) -> Findings:
    """A label key, an operator and the values it wants; preferences may hold values no label can have."""
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    at = f"{where}.values"
    if operator in ("In", "NotIn"):
        if not values:
            yield required(at, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid(f"{where}.operator", operator, "not a valid selector operator")
    yield from check_label_key(requirement.get("key") or "", f"{where}.key")
    if strict_values:
        for value_at, value in texts(values, at):
            yield from invalid_each(value_at, value, formats.label_value(value))


def _check_node_fields(requirement: Term, where: str) -> Findings:
    """The one field of a node that can be selected is its name."""
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    field = requirement.get("key") or ""
    if operator not in ("In", "NotIn"):
        yield invalid(f"{where}.operator", operator, "not a valid selector operator")
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{where}.values", detail)
    if field != "metadata.name":
        yield invalid(f"{where}.key", field, "not a valid field selector key")
        return
    for at, value in texts(values, f"{where}.values"):
        yield from invalid_each(at, value, formats.dns_subdomain(value))


def _check_pod_affinity(affinity: Term, where: str) -> Findings:
    for at, term in each(affinity.get(_REQUIRED), f"{where}.{_REQUIRED}"):
        yield from _check_pod_term(term, at)
    for at, preferred in each(affinity.get(_PREFERRED), f"{where}.{_PREFERRED}"):
        yield from _check_weight(preferred, at)
        yield from _check_pod_term(preferred.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")


def _check_pod_term(term: Term, where: str) -> Findings:
    """Pods by their labels and namespaces, and the label of nodes that says what is near."""
    for field in ("labelSelector", "namespaceSelector"):
        yield from check_label_selector(term.get(field), f"{where}.{field}")
    for namespace in term.get("namespaces") or ():
        namespace = namespace or ""
        yield from invalid_each(f"{where}.namespace", namespace, formats.dns_label(namespace))
    yield from check_match_label_keys(term, where)
    topology = term.get("topologyKey") or ""
    if not topology:
        yield required(f"{where}.topologyKey", "can not be empty")
    yield from check_label_key(topology, f"{where}.topologyKey")


def _check_weight(preferred: Term, where: str) -> Findings:
    weight = preferred.get("weight") or 0
    if not 1 <= weight <= 100:
        yield invalid(f"{where}.weight", weight, "must be in the range 1-100")
