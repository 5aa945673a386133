"""The expressions of a ValidatingAdmissionPolicy: which variables each has, and whether it compiles.

``pkg/admission/plugin/cel`` of apiserver decides. Values of ``object``, ``oldObject`` and ``params`` have no
type, so that a field that is not there is an error of evaluation, not of the expression.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from expander.base.regex import regex
from expander.validate.cel.program import InvalidExpressionError, Program, UnsupportedError
from expander.validate.cel.syntax import RESERVED, Ident, ListOf, Literal, MapOf, Select, parse
from expander.validate.finding import Finding, Reason
from expander.validate.rules.field import Findings, each, invalid

Object = Mapping[str, Any]

GIVEN: Final = ("object", "oldObject", "request", "namespaceObject")
PARAMS: Final = "params"
VARIABLES: Final = "variables"
AUTHORIZER: Final = "authorizer"
IDENTIFIER: Final = regex("[A-Za-z_][A-Za-z0-9_]*")

SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "matchConditions": (AUTHORIZER,),
    "variables": (VARIABLES, AUTHORIZER),
    "validations": (VARIABLES, AUTHORIZER),
    "messageExpression": (VARIABLES,),
    "auditAnnotations": (VARIABLES,),
}
"""What expressions at each place may use beside what all have."""


RESULTS: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    "matchConditions": ("bool", (bool,)),
    "validations": ("bool", (bool,)),
    "messageExpression": ("string", (str,)),
    "auditAnnotations": ("one of [string null_type]", (str, type(None))),
}
"""What expressions evaluate to, and the types of constants that they may be."""


def names_at(place: str, spec: Object) -> tuple[str, ...]:
    """The variables of expressions at ``place``, a key of `SCOPES`, of a policy with this spec."""
    return (*GIVEN, *((PARAMS,) if spec.get("paramKind") else ()), *SCOPES[place])


@lru_cache(maxsize=4096)
def compiled(text: str, names: tuple[str, ...]) -> Program:
    """The program of an expression. Raises UnsupportedError, and InvalidExpressionError where servers do."""
    return Program(text, names)


def check_expressions(spec: Object) -> Findings:
    """What the API server would refuse since it does not compile; what is not known here is unchecked."""
    defined: list[str] = []
    for at, variable in each(spec.get("variables"), "spec.variables"):
        yield from _check(variable.get("expression"), f"{at}.expression", "variables", spec, defined)
        defined.append(variable.get("name") or "")
    for at, condition in each(spec.get("matchConditions"), "spec.matchConditions"):
        yield from _check(condition.get("expression"), f"{at}.expression", "matchConditions", spec, ())
    for at, rule in each(spec.get("validations"), "spec.validations"):
        yield from _check(rule.get("expression"), f"{at}.expression", "validations", spec, defined)
        message = rule.get("messageExpression")
        yield from _check(message, f"{at}.messageExpression", "messageExpression", spec, defined)
    for at, annotation in each(spec.get("auditAnnotations"), "spec.auditAnnotations"):
        value = annotation.get("valueExpression")
        yield from _check(value, f"{at}.valueExpression", "auditAnnotations", spec, defined)


def _check(text: str | None, where: str, place: str, spec: Object, defined: Collection[str]) -> Findings:
    if not (text or "").strip():
        return
    assert text is not None
    try:
        compiled(text, names_at(place, spec))
        tree = parse(text)
        wanted, types = RESULTS.get(place, ("", ()))
        is_other = isinstance(tree, Literal) and type(tree.value) not in types
        if wanted and (is_other or isinstance(tree, ListOf | MapOf)):
            yield invalid(where, text, f"compilation failed: must evaluate to {wanted}")
        for name in _used(tree):
            if name not in defined:
                yield invalid(where, text, f"compilation failed: undefined field '{name}'")
    except InvalidExpressionError as error:
        yield invalid(where, text, f"compilation failed: {error}")
    except UnsupportedError as error:
        yield Finding(where, Reason.UNCHECKED, f"expression not checked: {error}")


def _used(node: Any) -> Iterator[str]:
    """The names of the policy's variables that an expression selects."""
    if isinstance(node, Select) and node.target == Ident(VARIABLES):
        yield node.field
    elif isinstance(node, tuple):
        for part in node:
            yield from _used(part)


def is_identifier(name: str) -> bool:
    """Whether a name can be that of a variable."""
    return (
        bool(IDENTIFIER.fullmatch(name))
        and name not in RESERVED
        and name not in ("true", "false", "null", "in")
    )
