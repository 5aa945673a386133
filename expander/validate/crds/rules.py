"""The rules in CEL of a schema (``x-kubernetes-validations``; ``schema/cel`` of apiextensions-apiserver).

A rule that cannot be evaluated here is a finding of its own kind, `Reason.UNCHECKED`, wherever the server
would have evaluated it. What rules cost is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from expander.base.named_tuple import NamedTuple
from expander.kube.gofmt import quoted
from expander.kube.versions import Release
from expander.validate.cel.program import Program, UnsupportedError
from expander.validate.cel.values import ABSENT as NOTHING
from expander.validate.cel.values import NONE, CelError, Optional, UncheckedError
from expander.validate.crds.cel_values import converter
from expander.validate.crds.correlation import keyed, map_key, old_entries, unchanged
from expander.validate.crds.paths import Key, Place, field
from expander.validate.crds.structural import ABSENT, Node
from expander.validate.finding import Finding, Reason
from expander.validate.rules.field import shown

VARIABLES: Final = ("self", "oldSelf")
MAX_MESSAGE_BYTES: Final = 5 * 1024
REASONS: Final = {
    "FieldValueForbidden": (Reason.FORBIDDEN, "Forbidden"),
    "FieldValueRequired": (Reason.REQUIRED, "Required value"),
    "FieldValueDuplicate": (Reason.DUPLICATE, "Duplicate value"),
}

Holds: TypeAlias = Callable[[Any], bool]
"""Whether all rules hold in a value. Raises as a `Program`."""

ERRORS: Final = (CelError, ArithmeticError, RecursionError, ValueError)
"""What a `Program` raises."""

Correlated: TypeAlias = "tuple[Node, Any, Any] | None"
"""A node, its value, and the old value that corresponds to it."""


class RuleCheck:
    """The check of all rules at and below the root of a schema."""

    def __init__(self, root: Node, release: Release) -> None:
        self._checker = _node_rules(root, release)
        self.is_empty = self._checker is None
        is_supported = not any(rule.unsupported for rule in (self._checker.all() if self._checker else ()))
        self._holds = self._checker.compiled() if self._checker and is_supported else None

    def __call__(self, value: Any, old: Any = ABSENT) -> list[Finding]:
        """What the rules have against ``value``, in place of ``old`` when that is given."""
        found: list[Finding] = []
        if self._checker is not None and not (old is ABSENT and self._all_hold(value)):
            self._checker.check(value, NEW if old is ABSENT else _Before(old, old, None), None, found)
        return found

    def _all_hold(self, value: Any) -> bool:
        """Whether all rules hold in a new value; False says nothing."""
        try:
            return self._holds is not None and self._holds(value)
        except ERRORS:
            return False


class _Before(NamedTuple):
    """What was there before: for rules about transitions, for ratcheting, and the nearest part above it."""

    value: Any
    correlated: Any
    above: Correlated


NEW: Final = _Before(ABSENT, ABSENT, None)
"""Nothing was there: the object is created."""


def _nothing(key: str) -> _Before:
    return NEW


class _NodeRules:
    """The rules of a node and of those below it that have any."""

    def __init__(self, node: Node, rules: Sequence[_Rule], below: Mapping[str, _NodeRules]) -> None:
        self.node = node
        self.rules = rules
        self.below = below
        self.items = below.get("items")
        self.additional = below.get("additionalProperties")
        self.properties = {name[1:]: each for name, each in below.items() if name.startswith(".")}
        self.convert = converter(node)

    def all(self) -> Iterator[_Rule]:
        """The rules of the node and those below it."""
        yield from self.rules
        for each in self.below.values():
            yield from each.all()

    def compiled(self) -> Holds:
        """The check of new values that only says whether all rules hold."""
        programs = [each.program for each in self.rules if each.program and each.is_for_new]
        convert = self.convert
        fields = [(name, each.compiled()) for name, each in self.properties.items()]
        items = None if self.items is None else self.items.compiled()
        additional = None if self.additional is None else self.additional.compiled()

        def holds(value: Any) -> bool:
            if value is None:
                return True
            if programs:
                current = convert(value)
                for program in programs:
                    if program(current, NONE) is not True:
                        return False
            if type(value) is dict:
                for name, below in fields:
                    if name in value and not below(value[name]):
                        return False
                return additional is None or all(map(additional, value.values()))
            return items is None or type(value) is not list or all(map(items, value))

        return holds

    def check(self, value: Any, before: _Before, place: Place, found: list[Finding]) -> None:
        if value is None:
            return
        if self.rules:
            self._evaluate(value, before, place, found)
        if type(value) is list:
            if self.items is not None:
                self._check_list(self.items, value, before, place, found)
        elif type(value) is dict:
            below = self._below(value, before)
            if self.additional is not None:
                for key, each in value.items():
                    self.additional.check(each, below(key), (place, Key(key)), found)
            for key, checker in self.properties.items():
                if key in value:
                    checker.check(value[key], below(key), (place, key), found)

    def _below(self, value: Any, before: _Before) -> Callable[[str], _Before]:
        """What was there before of each field."""
        if before is NEW:
            return _nothing
        old = before.value if type(before.value) is dict else {}
        was = before.correlated if type(before.correlated) is dict else {}
        above = self._above(value, before)
        return lambda key: _Before(old.get(key, ABSENT), was.get(key, ABSENT), above)

    def _check_list(
        self, items: _NodeRules, value: list[Any], before: _Before, place: Place, found: list[Finding]
    ) -> None:
        if before is NEW:
            for index, each in enumerate(value):
                items.check(each, NEW, (place, index), found)
            return
        node = self.node
        is_map = node.list_type == "map" and type(before.value) is list
        old = keyed(node.map_keys, before.value) if is_map else {}
        was = old_entries(node, value, before.correlated)
        above = self._above(value, before)
        for index, each in enumerate(value):
            known = old.get(map_key(node.map_keys, each), ABSENT) if is_map else ABSENT
            items.check(each, _Before(known, was(index), above), (place, index), found)

    def _above(self, value: Any, before: _Before) -> Correlated:
        return before.above if before.correlated is ABSENT else (self.node, value, before.correlated)

    def _evaluate(self, value: Any, before: _Before, place: Place, found: list[Finding]) -> None:
        failure: CelError | None = None
        try:
            current = self.convert(value)
        except CelError as error:
            current, failure = None, error
        old: Any = NOTHING
        if before.value is not ABSENT and before.value is not None:
            try:
                old = self.convert(before.value)
            except CelError as error:
                failure = failure or error
        for rule in self.rules:
            finding = rule.finding(self.node, value, current, old, place, failure)
            if finding is None:
                continue
            evaluated = finding.reason is not Reason.UNCHECKED and not rule.failed
            if not (evaluated and not rule.uses_old and self._is_ratcheted(value, before)):
                found.append(finding)

    def _is_ratcheted(self, value: Any, before: _Before) -> bool:
        """Whether the value, or the nearest part above it that was there, is as it was."""
        if before.correlated is not ABSENT:
            return unchanged(self.node, value, before.correlated)
        return before.above is not None and unchanged(*before.above)


class _Rule:
    """One rule, compiled; ``failed`` says whether its last evaluation ended in an error."""

    def __init__(self, rule: Mapping[str, Any], release: Release) -> None:
        self.optional_old = bool(rule.get("optionalOldSelf"))
        self.reason, self.head = REASONS.get(rule.get("reason") or "", (Reason.INVALID, "Invalid value"))
        self.text = (rule.get("message") or "").strip() or (rule.get("rule") or "").strip()
        self.message = self.text if (rule.get("message") or "") else f"failed rule: {self.text}"
        self.steps = _steps(rule.get("fieldPath") or "")
        self.names_type = release < (1, 34)
        self.failed = False
        self.unsupported = ""
        self.program = self.message_program = None
        try:
            self.program = Program(rule["rule"], VARIABLES)
        except UnsupportedError as error:
            self.unsupported = str(error)
        try:
            if rule.get("messageExpression"):
                self.message_program = Program(rule["messageExpression"], VARIABLES)
        except UnsupportedError as error:
            self.unsupported = self.unsupported or f"messageExpression: {error}"
        programs = [each for each in (self.program, self.message_program) if each is not None]
        self.uses_old = any("oldSelf" in each.uses for each in programs)
        self.is_for_new = self.optional_old or not self.uses_old

    def finding(
        self, node: Node, value: Any, current: Any, old: Any, place: Place, failure: CelError | None
    ) -> Finding | None:
        """What the rule has against a value; None when it holds or is not about this request."""
        self.failed = False
        if old is NOTHING and not self.is_for_new:
            return None
        if self.program is None or (self.unsupported and self.message_program is None):
            return _unchecked(place, self.text, self.unsupported)
        try:
            if failure is not None:
                raise failure
            given = (NONE if old is NOTHING else Optional(old)) if self.optional_old else old
            if self.program(current, given) is True:
                return None
        except UncheckedError as error:
            return _unchecked(place, self.text, str(error))
        except CelError as error:
            self.failed = True
            return Finding(
                field(place), Reason.INVALID, f"Invalid value: {quoted(node.type)}: {self._error(error)}"
            )
        except (ArithmeticError, RecursionError, ValueError) as error:
            return _unchecked(place, self.text, f"{type(error).__name__}: {error}")
        for step in self.steps:
            place = (place, step)
        return Finding(field(place), self.reason, self._refusal(node, value, self._detail(current, old)))

    def _error(self, error: CelError) -> str:
        if str(error).startswith("no such overload"):
            return (
                f"'{error}': call arguments did not match a supported operator, function or macro signature "
                f"for rule: {self.text}"
            )
        return f"{error} evaluating rule: {self.text}"

    def _detail(self, current: Any, old: Any) -> str:
        """The message: that of the expression where it can be evaluated to one line of text."""
        if self.message_program is None:
            return self.message
        try:
            found = self.message_program(current, old)
        except ERRORS:
            return self.message
        text = found.strip() if type(found) is str else ""
        return text if text and "\n" not in text and len(text.encode()) <= MAX_MESSAGE_BYTES else self.message

    def _refusal(self, node: Node, value: Any, detail: str) -> str:
        if self.reason is Reason.FORBIDDEN or self.reason is Reason.REQUIRED:
            return f"{self.head}: {detail}"
        if self.names_type:
            written = quoted(node.type)
        else:
            written = "" if node.type in ("object", "array") else shown(value)
        parts = (self.head, written) if self.reason is Reason.DUPLICATE else (self.head, written, detail)
        return ": ".join(filter(None, parts))


def _unchecked(place: Place, text: str, why: str) -> Finding:
    return Finding(field(place), Reason.UNCHECKED, f"rule not checked: {text}: {why}")


def _node_rules(node: Node, release: Release) -> _NodeRules | None:
    """The rules at and below ``node``; None when there are none."""
    parts = [(f".{name}", each) for name, each in node.properties.items()]
    parts += [("items", each) for each in [node.items] if each is not None]
    parts += [("additionalProperties", each) for each in [node.additional] if each is not None]
    below = {name: made for name, each in parts if (made := _node_rules(each, release)) is not None}
    rules = [_Rule(each, release) for each in node.rules if (each.get("rule") or "").strip()]
    return _NodeRules(node, rules, below) if rules or below else None


def _steps(path: str) -> list[str | Key]:
    """The steps of a rule's ``fieldPath``: ``.spec['a.b']``."""
    from expander.base.regex import regex

    steps: list[str | Key] = []
    for name, key in regex(r"\.([^.\[]+)|\['((?:[^'\\]|\\.)*)'\]").findall(path):
        steps.append(name or regex(r"\\(.)").sub(r"\1", key))
    return steps
