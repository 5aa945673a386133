"""ValidatingAdmissionPolicies and their bindings (pkg/apis/admissionregistration/validation decides)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.policies.expressions import check_expressions, is_identifier
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
    too_many,
)
from expander.validate.rules.metadata import check_label_selector, check_metadata

Object = Mapping[str, Any]

ACTIONS: Final = ("Audit", "Deny", "Warn")
OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
SCOPES: Final = ("*", "Cluster", "Namespaced")
MAX_CONDITIONS: Final = 64
MAX_ANNOTATIONS: Final = 20
_EITHER: Final = "name and selector are mutually exclusive"
_EMPTY_TEXT: Final = "must be non-empty if specified"


def fill_policy(policy: dict[str, Any]) -> None:
    """Fill in the defaults of a policy."""
    policy["spec"].setdefault("failurePolicy", "Fail")
    _fill_match(policy["spec"].get("matchConstraints"))


def fill_binding(binding: dict[str, Any]) -> None:
    """Fill in the defaults of a binding."""
    _fill_match(binding["spec"].get("matchResources"))


def _fill_match(match: dict[str, Any] | None) -> None:
    if match is None:
        return
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    for field in ("resourceRules", "excludeResourceRules"):
        for rule in match.get(field) or ():
            rule.setdefault("scope", "*")


def check_policy(policy: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new ValidatingAdmissionPolicy."""
    spec = policy.get("spec") or EMPTY
    found = check_metadata(policy.get("metadata") or EMPTY, namespaced=False)
    found += _check_choice("spec.failurePolicy", spec.get("failurePolicy"), ("Fail", "Ignore"))
    if spec.get("paramKind") is not None:
        found += _check_param_kind(spec["paramKind"], "spec.paramKind")
    match = spec.get("matchConstraints")
    if match is None:
        found.append(required("spec.matchConstraints"))
    else:
        found += _check_match(match, "spec.matchConstraints")
        if not match.get("resourceRules"):
            found.append(required("spec.matchConstraints.resourceRules"))
    found += _check_conditions(spec.get("matchConditions") or ())
    found += _check_variables(spec.get("variables") or ())
    found += _check_validations(spec)
    found += check_expressions(spec)
    return found


def _check_choice(where: str, value: str | None, choices: Sequence[str]) -> Findings:
    if not value:
        yield required(where)
    elif value not in choices:
        yield not_supported(where, value, choices)


def _check_param_kind(kind: Object, where: str) -> Findings:
    api_version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    if not api_version:
        yield required(f"{where}.apiVersion")
    elif api_version.count("/") > 1:
        yield invalid(f"{where}.apiVersion", api_version, f"unexpected GroupVersion string: {api_version}")
    if not name:
        yield required(f"{where}.kind")
    else:
        yield from invalid_each(f"{where}.kind", name, formats.dns_1035_label(name.lower()))


def _check_conditions(conditions: Sequence[Object]) -> Findings:
    names: set[str] = set()
    if len(conditions) > MAX_CONDITIONS:
        yield too_many("spec.matchConditions", len(conditions), MAX_CONDITIONS)
    for at, condition in each(conditions, "spec.matchConditions"):
        if not (condition.get("expression") or "").strip():
            yield required(f"{at}.expression")
        yield from _check_name(f"{at}.name", condition.get("name") or "", names)


def _check_name(where: str, name: str, names: set[str]) -> Findings:
    """Of what is called by qualified names, each another; ``names`` are those before, and get this one."""
    if not name:
        yield required(where)
    elif name in names:
        yield duplicate(where, name)
    else:
        yield from invalid_each(where, name, formats.qualified_name(name))
    names.add(name)


def _check_variables(variables: Sequence[Object]) -> Findings:
    names: set[str] = set()
    for at, variable in each(variables, "spec.variables"):
        name = variable.get("name") or ""
        if not name:
            yield required(f"{at}.name", "name is not specified")
        elif not is_identifier(name):
            yield invalid(f"{at}.name", name, "name is not a valid CEL identifier")
        elif name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        if not (variable.get("expression") or "").strip():
            yield required(f"{at}.expression", "expression is not specified")


def _check_validations(spec: Object) -> Findings:
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        for field in ("validations", "auditAnnotations"):
            yield required(f"spec.{field}", "validations or auditAnnotations must contain at least one item")
    for at, rule in each(validations, "spec.validations"):
        yield from _check_validation(rule, at)
    if len(annotations) > MAX_ANNOTATIONS:
        detail = f"must not have more than {MAX_ANNOTATIONS} auditAnnotations"
        yield invalid("spec.auditAnnotations", annotations, detail)
    keys: set[str] = set()
    for at, annotation in each(annotations, "spec.auditAnnotations"):
        yield from _check_name(f"{at}.key", annotation.get("key") or "", keys)
        if not (annotation.get("valueExpression") or "").strip():
            yield required(f"{at}.valueExpression", "valueExpression is not specified")


def _check_validation(rule: Object, where: str) -> Findings:
    expression, message = rule.get("expression") or "", rule.get("message") or ""
    if not expression.strip():
        yield required(f"{where}.expression", "expression is not specified")
    if rule.get("messageExpression") and not rule["messageExpression"].strip():
        yield invalid(f"{where}.messageExpression", rule["messageExpression"], _EMPTY_TEXT)
    if message and not message.strip():
        yield invalid(f"{where}.message", message, f"message {_EMPTY_TEXT}")
    elif "\n" in message.strip():
        yield invalid(f"{where}.message", message, "message must not contain line breaks")
    elif "\n" in expression.strip() and not message:
        detail = "message must be specified if expression contains line breaks"
        yield required(f"{where}.message", detail)
    if rule.get("reason") and rule["reason"] not in REASONS:
        yield not_supported(f"{where}.reason", rule["reason"], REASONS)


def _check_match(match: Object, where: str) -> Findings:
    yield from _check_choice(f"{where}.matchPolicy", match.get("matchPolicy"), ("Equivalent", "Exact"))
    for field in ("namespaceSelector", "objectSelector"):
        yield from check_label_selector(match.get(field), f"{where}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for at, rule in each(match.get(field), f"{where}.{field}"):
            yield from _check_rule(rule, at)


def _check_rule(rule: Object, where: str) -> Findings:
    for field, noun in (("apiGroups", "API groups"), ("apiVersions", "API versions"), ("resources", "")):
        values = rule.get(field) or ()
        if not values:
            yield required(f"{where}.{field}")
        elif noun and "*" in values and len(values) > 1:
            yield invalid(
                f"{where}.{field}", list(values), f"if '*' is present, must not specify other {noun}"
            )
    operations = rule.get("operations") or ()
    if not operations:
        yield required(f"{where}.operations")
    elif "*" in operations and len(operations) > 1:
        detail = "if '*' is present, must not specify other operations"
        yield invalid(f"{where}.operations", list(operations), detail)
    for number, operation in enumerate(operations):
        if operation not in OPERATIONS:
            yield not_supported(f"{where}.operations[{number}]", operation, OPERATIONS)
    if rule.get("scope") not in SCOPES:
        yield not_supported(f"{where}.scope", rule.get("scope"), SCOPES)
    names: set[str] = set()
    for number, name in enumerate(rule.get("resourceNames") or ()):
        if name in names:
            yield duplicate(f"{where}.resourceNames[{number}]", name)
        names.add(name)


def check_binding(binding: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new ValidatingAdmissionPolicyBinding."""
    spec = binding.get("spec") or EMPTY
    found = check_metadata(binding.get("metadata") or EMPTY, namespaced=False)
    policy = spec.get("policyName") or ""
    if not policy:
        found.append(required("spec.policyName"))
    else:
        found += invalid_each("spec.policyName", policy, formats.dns_subdomain(policy))
    if spec.get("paramRef") is not None:
        found += _check_param_ref(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        found += _check_match(spec["matchResources"], "spec.matchResources")
    found += _check_actions(spec.get("validationActions") or (), "spec.validationActions")
    return found


def _check_param_ref(ref: Object, where: str) -> Findings:
    name, selector = ref.get("name") or "", ref.get("selector")
    if name:
        yield from invalid_each(f"{where}.name", name, formats.dns_subdomain(name))
        if selector is not None:
            yield forbidden(f"{where}.name", _EITHER)
    if selector is not None:
        yield from check_label_selector(selector, f"{where}.selector")
        if name:
            yield forbidden(f"{where}.selector", _EITHER)
    elif not name:
        yield required(where, "one of name or selector must be specified")
    yield from _check_choice(
        f"{where}.parameterNotFoundAction", ref.get("parameterNotFoundAction"), ("Allow", "Deny")
    )


def _check_actions(actions: Sequence[str], where: str) -> Findings:
    if not actions:
        yield required(where)
    for number, action in enumerate(actions):
        if action not in ACTIONS:
            yield not_supported(f"{where}[{number}]", action, ACTIONS)
        elif action in actions[:number]:
            yield duplicate(f"{where}[{number}]", action)
    if "Deny" in actions and "Warn" in actions:
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the "
            "API response and headers serves no purpose)"
        )
        yield invalid(where, list(actions), detail)
