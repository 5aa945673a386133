"""Which nodes, and which other pods' company, a pod seeks or avoids.

Where a pod may run, apart from affinity: tolerations, spreading, gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.rules import formats
from expander.validate.rules.field import (
    POSITIVE,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
)
from expander.validate.rules.metadata import check_label_key, check_label_selector, check_match_label_keys

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"

Term = Mapping[str, Any]


def check_affinity(affinity: Term, where: str, release: Release) -> Findings:
    """Affinity to nodes, to pods, and against pods."""
    if (nodes := affinity.get("nodeAffinity")) is not None:
        yield from _check_node_affinity(nodes, f"{where}.nodeAffinity", strict_values=release >= (1, 33))
    for field in ("podAffinity", "podAntiAffinity"):
        if (pods := affinity.get(field)) is not None:
            yield from _check_pod_affinity(pods, f"{where}.{field}")


def _check_node_affinity(affinity: Term, where: str, *, strict_values: bool) -> Findings:
    selector = affinity.get(_REQUIRED)
    if selector is not None:
        yield from check_node_selector(selector, f"{where}.{_REQUIRED}", strict_values=strict_values)
    for at, preferred in each(affinity.get(_PREFERRED), f"{where}.{_PREFERRED}"):
        yield from _check_weight(preferred, at)
        yield from _check_node_term(
            preferred.get("preference") or {}, f"{at}.preference", strict_values=False
        )


def check_node_selector(selector: Term, where: str, *, strict_values: bool) -> Findings:
    """Terms of which a node fulfils one."""
    terms, at = selector.get("nodeSelectorTerms"), f"{where}.nodeSelectorTerms"
    if not terms:
        yield required(at, "must have at least one node selector term")
    for term_at, term in each(terms, at):
        yield from _check_node_term(term, term_at, strict_values=strict_values)


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


_OPERATORS: Final = ("Equal", "Exists")
_COMPARISONS: Final = ("Lt", "Gt")  # known to the server, but behind a gate
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION: Final = ("Honor", "Ignore")


def check_tolerations(tolerations: Sequence[Any], where: str, release: Release) -> Findings:
    """Each toleration: a key unless all are meant, an operator that fits the value, a known effect."""
    for at, toleration in each(tolerations, where):
        name, effect = toleration.get("key") or "", toleration.get("effect") or ""
        operator = toleration.get("operator") or ""
        if name:
            yield from check_label_key(name, f"{at}.key")
        elif operator != "Exists":
            detail = (
                'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            )
            yield invalid(f"{at}.operator", operator, detail)
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            yield invalid(
                f"{at}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"
            )
        yield from _check_toleration_value(operator, toleration.get("value") or "", f"{at}.operator", release)
        if effect and effect not in _EFFECTS:
            yield not_supported(f"{at}.effect", effect, _EFFECTS)


def _check_toleration_value(operator: str, value: str, where: str, release: Release) -> Findings:
    if operator == "Exists":
        if value:
            yield invalid(where, value, "value must be empty when `operator` is 'Exists'")
    elif operator in ("", "Equal"):
        if wrong := formats.label_value(value):
            yield invalid(where, value, ";".join(wrong))
    elif operator in _COMPARISONS and release.stage("TaintTolerationComparisonOperators"):
        yield not_supported(where, operator, (*_OPERATORS, *_COMPARISONS))
    else:
        yield not_supported(where, operator, _OPERATORS)


def check_spread(constraints: Sequence[Any], where: str, release: Release) -> Findings:
    """``topologySpreadConstraints``: one for each topology and way to handle what cannot be satisfied."""
    pairs = [_pair(constraint or {}) for constraint in constraints]
    for index, (at, constraint) in enumerate(each(constraints, where)):
        skew, (topology, action) = constraint.get("maxSkew") or 0, pairs[index]
        if skew <= 0:
            yield invalid(f"{at}.maxSkew", skew, POSITIVE)
        if not topology:
            yield required(f"{at}.topologyKey", "can not be empty")
        if action not in _UNSATISFIABLE:
            yield not_supported(f"{at}.whenUnsatisfiable", action, _UNSATISFIABLE)
        if pairs[index] in pairs[index + 1 :]:
            yield duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{topology}, {action}}}")
        yield from _check_min_domains(constraint.get("minDomains"), action, f"{at}.minDomains")
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            policy = constraint.get(field)
            if policy is not None and policy not in _INCLUSION:
                yield not_supported(f"{at}.{field}", policy, _INCLUSION)
        if release.has("MatchLabelKeysInPodTopologySpreadSelectorMerge"):
            yield from check_match_label_keys(constraint, at)
        else:
            yield from _check_match_label_keys_apart(constraint, f"{at}.matchLabelKeys")
        yield from check_label_selector(constraint.get("labelSelector"), f"{at}.labelSelector")


def _check_match_label_keys_apart(constraint: Mapping[str, Any], where: str) -> Findings:
    """Where the server does not add the keys to the selector, they are not in it."""
    selector, names = constraint.get("labelSelector"), constraint.get("matchLabelKeys")
    if not names:
        return
    selected: set[str] = set()
    if selector is None:
        yield forbidden(where, "must not be specified when labelSelector is not set")
    else:
        selected.update(selector.get("matchLabels") or ())
        for _, expression in each(selector.get("matchExpressions"), where):
            selected.add(expression.get("key") or "")
    for at, name in texts(names, where):
        yield from check_label_key(name, at)
        if name in selected:
            yield invalid(at, name, "exists in both matchLabelKeys and labelSelector")


def _pair(constraint: Mapping[str, Any]) -> tuple[str, str]:
    return constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""


def _check_min_domains(count: int | None, action: str, where: str) -> Findings:
    if count is None:
        return
    if count <= 0:
        yield invalid(where, count, POSITIVE)
    if action != "DoNotSchedule":
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        yield invalid(where, count, detail)


def check_scheduling_gates(gates: Sequence[Any], where: str) -> Findings:
    """Gates are qualified names, each once."""
    seen: set[str] = set()
    for at, gate in each(gates, where):
        name = gate.get("name") or ""
        yield from check_label_key(name, at)
        if name in seen:
            yield duplicate(at, name)
        seen.add(name)


def check_readiness_gates(gates: Sequence[Any], where: str) -> Findings:
    """Types of conditions are qualified names."""
    for at, gate in each(gates, where):
        kind = gate.get("conditionType") or ""
        yield from invalid_each(f"{at}.conditionType", kind, formats.qualified_name(kind))


def check_resource_claims(claims: Sequence[Any], where: str) -> Findings:
    """``resourceClaims``: a name of its own for each, and one object it stands for."""
    seen: set[str] = set()
    for at, claim in each(claims, where):
        name = claim.get("name") or ""
        if not name:
            yield required(f"{at}.name")
        elif name in seen:
            yield duplicate(f"{at}.name", name)
        else:
            yield from invalid_each(f"{at}.name", name, formats.dns_label(name))
            seen.add(name)
        yield from _check_claim_object(claim, name, at)


def _check_claim_object(claim: Mapping[str, Any], name: str, where: str) -> Findings:
    fields = ("resourceClaimName", "resourceClaimTemplateName")
    objects = [claim.get(field) for field in fields]
    given = sum(value is not None for value in objects)
    if given != 1:
        whole = dict(
            zip(("Name", "ResourceClaimName", "ResourceClaimTemplateName"), (name, *objects), strict=True)
        )
        if given:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        else:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
        yield invalid(where, whole, detail)
    for field, value in zip(fields, objects, strict=True):
        if value is not None:
            yield from invalid_each(f"{where}.{field}", value, formats.dns_subdomain(value))
