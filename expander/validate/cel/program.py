"""Expressions compiled to Python functions.

Each part of an expression becomes a function of the frame, a list with a slot for every variable. What a name
means is settled once: a variable, a type, a macro or a function. A function that is not known here is
an `UnsupportedError`, so that nobody takes a rule for checked that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from expander.validate.cel import macros
from expander.validate.cel.operators import BINARY, negate
from expander.validate.cel.selection import Frame, Run, select_field, select_index
from expander.validate.cel.syntax import (
    Call,
    CelSyntaxError,
    Expr,
    Ident,
    Index,
    ListOf,
    Literal,
    MapOf,
    Select,
    parse,
)
from expander.validate.cel.values import (
    ABSENT,
    LISTS,
    TYPES,
    CelError,
    Optional,
    Type,
    TypedMap,
    equals,
    more_telling,
    no_overload,
    truth,
)

TYPE_NAMES: Final = {name: Type(name) for name in TYPES.values()}


class UnsupportedError(ValueError):
    """An expression that cannot be evaluated here, and why."""


class InvalidExpressionError(UnsupportedError):
    """An expression that no API server compiles either."""


class Program:
    """One expression. ``uses`` are the names of its variables."""

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        """Raises UnsupportedError."""
        compiler = Compiler(variables)
        try:
            self._run = compiler.compile(parse(text))
        except CelSyntaxError as error:
            raise InvalidExpressionError(str(error)) from None
        except RecursionError:
            raise UnsupportedError("the expression is nested too deep") from None
        self.uses = frozenset(compiler.used)
        self._rest = [None] * (compiler.slots - len(variables))

    def __call__(self, *values: Any) -> Any:
        """The value for ``values`` of the variables, in their order. Raises CelError."""
        return self._run([*values, *self._rest])


class Compiler:
    """From a tree to functions; ``scope`` says which slot a name has."""

    def __init__(self, variables: Sequence[str]) -> None:
        self.scope = {name: slot for slot, name in enumerate(variables)}
        self.slots = self.given = len(variables)
        self.used: set[str] = set()

    def compile(self, node: Expr) -> Run:
        """The function of one part."""
        match node:
            case Literal(value):
                return lambda frame: value
            case Ident(name):
                return self._name(name)
            case Select():
                return self._select(node)
            case Index(target, key, optional):
                return select_index(self.compile(target), self.compile(key), optional)
            case Call():
                return self._call(node)
            case ListOf(entries):
                return _list([(self.compile(each), optional) for each, optional in entries])
            case MapOf(pairs):
                return _map([(self.compile(key), self.compile(value), o) for key, value, o in pairs])

    def variable(self, node: Expr) -> tuple[int, str]:
        """A new slot for the variable that ``node``, an argument of a macro, names."""
        if not isinstance(node, Ident):
            raise UnsupportedError("the variable of a macro must be a name")
        self.slots += 1
        return self.slots - 1, node.name

    def within(self, variables: Sequence[tuple[int, str]], node: Expr) -> Run:
        """The function of a part in which there are more variables."""
        outer = self.scope
        self.scope = {**outer, **{name: slot for slot, name in variables}}
        try:
            return self.compile(node)
        finally:
            self.scope = outer

    def _name(self, name: str) -> Run:
        if name in self.scope:
            slot = self.scope[name]
            if slot < self.given:
                self.used.add(name)
            return itemgetter(slot)
        if name in TYPE_NAMES:
            found = TYPE_NAMES[name]
            return lambda frame: found
        raise InvalidExpressionError(f"undeclared reference to '{name}'")

    def _select(self, node: Select) -> Run:
        qualified = self.qualified(node)
        if qualified in TYPE_NAMES:
            return lambda frame: TYPE_NAMES[str(qualified)]
        return select_field(self.compile(node.target), node.field, node.optional)

    def qualified(self, node: Expr | None) -> str | None:
        """The dotted name that ``node`` is, unless it begins with a variable."""
        if isinstance(node, Ident):
            return None if node.name in self.scope else node.name
        if isinstance(node, Select) and not node.optional:
            head = self.qualified(node.target)
            return head and f"{head}.{node.field}"
        return None

    def _call(self, node: Call) -> Run:
        from expander.validate.cel.library import FUNCTIONS, METHODS

        if node.name in BINARY and len(node.args) == 2 and node.target is None:
            return _binary(node.name, self.compile(node.args[0]), self.compile(node.args[1]))
        if node.target is None and node.name in _LOGIC:
            return _LOGIC[node.name](*map(self.compile, node.args))
        if (macro := macros.find(self, node)) is not None:
            return macro
        head = self.qualified(node.target)
        name = f"{head}.{node.name}" if head else node.name
        if node.target is None or (head is not None and (name, len(node.args)) in FUNCTIONS):
            known, parts = FUNCTIONS, node.args
        else:
            known, parts, name = METHODS, (node.target, *node.args), node.name
        function = known.get((name, len(node.args)))
        if function is None:
            raise UnsupportedError(f"undeclared reference to '{name}' with {len(node.args)} arguments")
        return _apply(function, [self.compile(each) for each in parts])


def _apply(function: Callable[..., Any], parts: list[Run]) -> Run:
    if len(parts) == 1:
        one = parts[0]
        return lambda frame: function(one(frame))
    if len(parts) == 2:
        one, two = parts
        return lambda frame: function(one(frame), two(frame))
    return lambda frame: function(*[each(frame) for each in parts])


def _binary(sign: str, left: Run, right: Run) -> Run:
    function = BINARY[sign]
    if sign in ("==", "!="):
        wanted = sign == "=="
        return lambda frame: equals(left(frame), right(frame)) is wanted
    return lambda frame: function(left(frame), right(frame))


def _list(parts: list[tuple[Run, bool]]) -> Run:
    def run(frame: Frame) -> list[Any]:
        found = []
        for part, optional in parts:
            value = part(frame)
            if not optional:
                found.append(value)
            elif type(value) is not Optional:
                no_overload()
            elif value.value is not ABSENT:
                found.append(value.value)
        return found

    return run


def _map(parts: list[tuple[Run, Run, bool]]) -> Run:
    def run(frame: Frame) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_of, part, optional in parts:
            key, value = key_of(frame), part(frame)
            if type(key) in LISTS or type(key) in (dict, TypedMap, float):
                raise CelError("unsupported key type")
            if key in found:
                raise CelError(f"Failed with repeated key: {key}")
            if not optional:
                found[key] = value
            elif type(value) is not Optional:
                no_overload()
            elif value.value is not ABSENT:
                found[key] = value.value
        return found

    return run


def _both(left: Run, right: Run) -> Run:
    return _logic(left, right, decisive=False)


def _either(left: Run, right: Run) -> Run:
    return _logic(left, right, decisive=True)


def _logic(left: Run, right: Run, *, decisive: bool) -> Run:
    """``&&`` and ``||``: one side that decides is enough, whatever error the other has."""

    def run(frame: Frame) -> bool:
        try:
            first = truth(left(frame))
        except CelError as error:
            try:
                second = truth(right(frame))
            except CelError as other:
                raise more_telling(error, other) from None
            if second is decisive:
                return decisive
            raise
        return decisive if first is decisive else truth(right(frame))

    return run


def _choice(condition: Run, yes: Run, no: Run) -> Run:
    def run(frame: Frame) -> Any:
        return yes(frame) if truth(condition(frame)) else no(frame)

    return run


def _not(part: Run) -> Run:
    return lambda frame: not truth(part(frame))


def _minus(part: Run) -> Run:
    return lambda frame: negate(part(frame))


_LOGIC: Final[dict[str, Callable[..., Run]]] = {
    "&&": _both,
    "||": _either,
    "?:": _choice,
    "!": _not,
    "-": _minus,
}
