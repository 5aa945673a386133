"""The macros of CEL: comprehensions, ``has``, those of optional values (cel-go ``parser``, ``ext``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from expander.validate.cel.selection import Frame, Run, has_field
from expander.validate.cel.syntax import Call, Expr, Select
from expander.validate.cel.values import (
    ABSENT,
    MAPS,
    NONE,
    CelError,
    Optional,
    compare,
    entries,
    more_telling,
    no_overload,
    pairs,
    truth,
)


class Compiling(Protocol):
    """What macros need of the compiler."""

    def compile(self, node: Expr) -> Run:
        """The function of a part."""

    def variable(self, node: Expr) -> tuple[int, str]:
        """A new slot for the variable that ``node`` names."""

    def within(self, variables: Sequence[tuple[int, str]], node: Expr) -> Run:
        """The function of a part in which there are more variables."""

    def qualified(self, node: Expr | None) -> str | None:
        """The dotted name that ``node`` is, unless it begins with a variable."""


def find(compiler: Compiling, call: Call) -> Run | None:
    """The function of a call that is a macro; None for any other."""
    if call.target is None:
        if call.name != "has" or len(call.args) != 1 or not isinstance(call.args[0], Select):
            return None
        return has_field(compiler.compile(call.args[0].target), call.args[0].field)
    if call.name == "bind" and compiler.qualified(call.target) == "cel" and len(call.args) == 3:
        return _bind(compiler, call.args)
    make = _MACROS.get((call.name, len(call.args)))
    return None if make is None else make(compiler, call.target, call.args)


def _bind(compiler: Compiling, args: Sequence[Expr]) -> Run:
    value = compiler.compile(args[1])
    variable = compiler.variable(args[0])
    body = compiler.within([variable], args[2])
    slot = variable[0]

    def run(frame: Frame) -> Any:
        frame[slot] = value(frame)
        return body(frame)

    return run


def _looped(
    compiler: Compiling, target: Expr, names: Sequence[Expr], bodies: Sequence[Expr]
) -> tuple[Callable[[Frame], Any], list[Run]]:
    """The function that goes through the target, setting the variables, and those of the bodies."""
    over = compiler.compile(target)
    variables = [compiler.variable(each) for each in names]
    runs = [compiler.within(variables, each) for each in bodies]
    if len(variables) == 1:
        slot = variables[0][0]

        def one(frame: Frame) -> Any:
            for each in entries(over(frame)):
                frame[slot] = each
                yield each

        return one, runs
    first, second = variables[0][0], variables[1][0]

    def two(frame: Frame) -> Any:
        for key, value in pairs(over(frame)):
            frame[first], frame[second] = key, value
            yield key

    return two, runs


def _quantifier(decisive: bool) -> Callable[[Compiling, Expr, Sequence[Expr]], Run]:
    """``all`` and ``exists``: one entry that decides is enough, whatever errors the others have."""

    def make(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
        loop, (condition,) = _looped(compiler, target, args[:-1], args[-1:])

        def run(frame: Frame) -> bool:
            failed: CelError | None = None
            for _ in loop(frame):
                try:
                    if truth(condition(frame)) is decisive:
                        return decisive
                except CelError as error:
                    failed = more_telling(failed or error, error)
            if failed is not None:
                raise failed
            return not decisive

        return run

    return make


def _exists_one(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, (condition,) = _looped(compiler, target, args[:-1], args[-1:])
    return lambda frame: sum(truth(condition(frame)) for _ in loop(frame)) == 1


def _filter(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, (condition,) = _looped(compiler, target, args[:1], args[1:])
    return lambda frame: [each for each in loop(frame) if truth(condition(frame))]


def _map(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, bodies = _looped(compiler, target, args[:1], args[1:])
    return _collected(loop, bodies)


def _transform_list(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, bodies = _looped(compiler, target, args[:2], args[2:])
    return _collected(loop, bodies)


def _collected(loop: Callable[[Frame], Any], bodies: list[Run]) -> Run:
    body = bodies[-1]
    if len(bodies) == 1:
        return lambda frame: [body(frame) for _ in loop(frame)]
    condition = bodies[0]
    return lambda frame: [body(frame) for _ in loop(frame) if truth(condition(frame))]


def _transform_map(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, bodies = _looped(compiler, target, args[:2], args[2:])
    body = bodies[-1]

    def run(frame: Frame) -> dict[Any, Any]:
        return {key: body(frame) for key in loop(frame) if len(bodies) == 1 or truth(bodies[0](frame))}

    return run


def _transform_map_entry(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    loop, bodies = _looped(compiler, target, args[:2], args[2:])

    def run(frame: Frame) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for _ in loop(frame):
            if len(bodies) == 2 and not truth(bodies[0](frame)):
                continue
            for key, value in pairs(_map_of(bodies[-1](frame))):
                if key in found:
                    raise CelError(f"insert failed: key {key} already exists")
                found[key] = value
        return found

    return run


def _map_of(value: Any) -> Any:
    return value if type(value) in MAPS else no_overload()


def _sort_by(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
    from functools import cmp_to_key

    loop, (key,) = _looped(compiler, target, args[:1], args[1:])

    def run(frame: Frame) -> list[Any]:
        keyed = [(key(frame), each) for each in loop(frame)]
        keyed.sort(key=cmp_to_key(_by_key))
        return [each for _, each in keyed]

    return run


def _by_key(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    return compare(one[0], other[0])


def _opt_map(flat: bool) -> Callable[[Compiling, Expr, Sequence[Expr]], Run]:
    def make(compiler: Compiling, target: Expr, args: Sequence[Expr]) -> Run:
        over = compiler.compile(target)
        variable = compiler.variable(args[0])
        body = compiler.within([variable], args[1])
        slot = variable[0]

        def run(frame: Frame) -> Any:
            optional = over(frame)
            if type(optional) is not Optional:
                return no_overload()
            if optional.value is ABSENT:
                return NONE
            frame[slot] = optional.value
            return body(frame) if flat else Optional(body(frame))

        return run

    return make


_MACROS: Final[dict[tuple[str, int], Callable[[Compiling, Expr, Sequence[Expr]], Run]]] = {
    ("all", 2): _quantifier(False),
    ("all", 3): _quantifier(False),
    ("exists", 2): _quantifier(True),
    ("exists", 3): _quantifier(True),
    ("exists_one", 2): _exists_one,
    ("existsOne", 2): _exists_one,
    ("existsOne", 3): _exists_one,
    ("filter", 2): _filter,
    ("map", 2): _map,
    ("map", 3): _map,
    ("optFlatMap", 2): _opt_map(flat=True),
    ("optMap", 2): _opt_map(flat=False),
    ("sortBy", 2): _sort_by,
    ("transformList", 3): _transform_list,
    ("transformList", 4): _transform_list,
    ("transformMap", 3): _transform_map,
    ("transformMap", 4): _transform_map,
    ("transformMapEntry", 3): _transform_map_entry,
    ("transformMapEntry", 4): _transform_map_entry,
}
