"""One ValidatingAdmissionPolicy at work: conditions, variables, validations, audit annotations.

``validating/validator.go`` of apiserver decides what they make of a request; what an expression costs is not
counted. What cannot be evaluated without a server is an outcome of its own, and never taken for passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.validate.cel.program import UnsupportedError
from expander.validate.cel.values import CelError, TypedMap, UncheckedError, type_name
from expander.validate.policies.expressions import VARIABLES, compiled, names_at
from expander.validate.policies.matching import Constraints

Object = Mapping[str, Any]
Values = Mapping[str, Any]

MAX_MESSAGE_BYTES: Final = 5 * 1024


class Outcome(NamedTuple):
    """What a policy has against a request.

    ``denied``: the binding's actions are taken. ``failed``: the request is denied whatever they are.
    ``audited``: an annotation for the audit log. ``unchecked``: nobody knows without a server.
    """

    type: Literal["denied", "failed", "audited", "unchecked"]
    message: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression, and what gives its value; ``fault`` is why there is no such thing here."""

    text: str
    run: Callable[[Values], Any]


def _expression(text: str, place: str, spec: Object) -> _Expression:
    names = names_at(place, spec)
    try:
        program = compiled(text, names)
    except UnsupportedError as error:
        fault = UncheckedError(str(error))

        def fail(values: Values) -> Any:
            raise fault

        return _Expression(text, fail)

    def run(values: Values) -> Any:
        try:
            return program(*[values.get(name) for name in names])
        except (ArithmeticError, RecursionError, ValueError) as error:
            raise UncheckedError(f"{type(error).__name__}: {error}") from None

    return _Expression(text, run)


class Policy:
    """A policy that a server would have; ``spec`` has its defaults."""

    def __init__(self, name: str, spec: Object) -> None:
        self.name = name
        self.spec = spec
        self.constraints = Constraints(spec.get("matchConstraints") or {})
        self.param_kind: Object | None = spec.get("paramKind")
        self.ignores_errors = spec.get("failurePolicy") == "Ignore"
        self._conditions = self._all("matchConditions", "expression")
        self._variables = {
            each["name"]: _expression(each["expression"], "variables", spec)
            for each in spec.get("variables") or ()
        }
        self._validations = self._all("validations", "expression")
        self._annotations = self._all("auditAnnotations", "valueExpression")
        self._messages = [
            _expression(text, "messageExpression", spec) if (text := rule.get("messageExpression")) else None
            for rule in spec.get("validations") or ()
        ]

    def _all(self, place: str, field: str) -> list[_Expression]:
        return [_expression(each[field], place, self.spec) for each in self.spec.get(place) or ()]

    def outcomes(self, given: Values) -> Iterator[Outcome]:
        """What the policy has against the request that ``given`` describes, ``params`` among it."""
        values = {**given, VARIABLES: self._lazy(given)}
        stopped = self._stopped(values)
        if stopped is not None:
            yield from stopped
            return
        for number, expression in enumerate(self._validations):
            yield from self._validated(number, expression, values)
        for annotation, expression in zip(
            self.spec.get("auditAnnotations") or (), self._annotations, strict=True
        ):
            yield from self._annotated(annotation["key"], expression, values)

    def _lazy(self, given: Values) -> TypedMap:
        """The variables of the policy, each evaluated when it is first asked for."""
        known: dict[str, Any] = {}
        names = dict.fromkeys(self._variables, "")
        found = TypedMap(names, {})
        values = {**given, VARIABLES: found}

        def of(name: str) -> Callable[[Any], Any]:
            def value(_: Any) -> Any:
                if name not in known:
                    try:
                        known[name] = self._variables[name].run(values)
                    except CelError as error:
                        known[name] = error
                result = known[name]
                if isinstance(result, UncheckedError):
                    raise result
                if isinstance(result, CelError):
                    raise CelError(f'composited variable "{name}" fails to evaluate: {result}')
                return result

            return value

        found.fields = {name: of(name) for name in names}
        return found

    def _stopped(self, values: Values) -> Sequence[Outcome] | None:
        """What is to say when the match conditions do not all hold; None when they do."""
        failed: list[str] = []
        unchecked: list[Outcome] = []
        for expression in self._conditions:
            try:
                if expression.run(values) is False:
                    return ()
            except UncheckedError as error:
                unchecked.append(_unchecked(expression, error))
            except CelError as error:
                failed.append(_failure(expression, error))
        if unchecked:
            return unchecked
        if not failed:
            return None
        if self.ignores_errors:
            return ()
        words = failed[0] if len(failed) == 1 else f"[{', '.join(failed)}]"
        return (Outcome("denied", words),)

    def _validated(self, number: int, expression: _Expression, values: Values) -> Iterator[Outcome]:
        try:
            if expression.run(values) is True:
                return
        except UncheckedError as error:
            yield _unchecked(expression, error)
            return
        except CelError as error:
            if not self.ignores_errors:
                yield Outcome("denied", _failure(expression, error))
            return
        rule = self.spec["validations"][number]
        yield Outcome("denied", self._message(number, rule, values), rule.get("reason") or "Invalid")

    def _message(self, number: int, rule: Object, values: Values) -> str:
        """The message: that of the expression where it gives one line of text."""
        expression = self._messages[number]
        text = ""
        if expression is not None:
            try:
                found = expression.run(values)
            except CelError:
                found = None
            text = found.strip() if isinstance(found, str) else ""
            if "\n" in text or len(text.encode()) > MAX_MESSAGE_BYTES:
                text = ""
        own = (rule.get("message") or "").strip()
        return text or own or f"failed expression: {rule['expression'].strip()}"

    def _annotated(self, key: str, expression: _Expression, values: Values) -> Iterator[Outcome]:
        try:
            found = expression.run(values)
        except UncheckedError as error:
            yield _unchecked(expression, error)
            return
        except CelError as error:
            if not self.ignores_errors:
                yield Outcome("failed", _failure(expression, error))
            return
        if isinstance(found, str):
            if found.strip():
                yield Outcome("audited", f"{key}: {found.strip()}")
        elif found is not None:
            words = (
                f"valueExpression '{expression.text}' resulted in unsupported return type: "
                f"{type_name(found)}. Return type must be either string or null."
            )
            yield Outcome("failed", words)


def _failure(expression: _Expression, error: CelError) -> str:
    return f"expression '{expression.text}' resulted in error: {error}"


def _unchecked(expression: _Expression, error: UncheckedError) -> Outcome:
    return Outcome("unchecked", f"{expression.text.strip()}: {error}")
