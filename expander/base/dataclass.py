"""The standard library's ``dataclass``, without code that is compiled at import.

The decorator of the standard library compiles six functions for a frozen class, which was a tenth of the
start. Here ``__init__`` is compiled when the first object is made; the others are shared. Everything else is
the standard library's: fields, defaults, ``replace``, ``asdict``, and what a type checker sees.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, kw_only=False):
        """A class with the fields that its annotations name; the arguments are the standard library's."""

        def decorated(cls):
            make = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
            made = make(cls)
            shared = {"__repr__": _repr, "__init__": _first_init(made, frozen)}
            if eq:
                shared |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                shared |= _FROZEN
            for name, function in shared.items():
                if name not in vars(made):
                    setattr(made, name, function)
            return made

        return decorated if cls is None else decorated(cls)


def _first_init(cls: type, frozen: bool) -> Any:
    """``__init__`` until it is called: it puts the compiled one in its place."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init = _init(cls, frozen)
        type.__setattr__(cls, "__init__", init)
        init(self, *args, **kwargs)

    return __init__


def _init(cls: type, frozen: bool) -> Any:
    """``__init__`` for the fields of a class."""
    scope: dict[str, Any] = {"_set": object.__setattr__, "_made": _made}
    parameters, by_keyword, body = ["self"], list[str](), list[str]()
    write = "_set(self, {!r}, {})" if frozen else "self.{} = {}"
    for field in dataclasses.fields(cls):
        name = value = given = field.name
        if field.default is not dataclasses.MISSING:
            scope[f"_{name}_"] = field.default
            given = f"{name}=_{name}_"
        elif field.default_factory is not dataclasses.MISSING:
            scope[f"_{name}_"] = field.default_factory
            given = f"{name}=_made"
            value = f"_{name}_() if {name} is _made else {name}"
        if field.init:
            (by_keyword if field.kw_only else parameters).append(given)
            body.append(write.format(name, value))
    if by_keyword:
        parameters += ["*", *by_keyword]
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"]), scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return scope["__init__"]


_made = object()
"""The default of an argument whose value a factory makes."""


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__dataclass_fields__])


def _repr(self: Any) -> str:
    shown = [each.name for each in dataclasses.fields(self) if each.repr]
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _setattr(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _setstate(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN = {
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _values,
    "__setstate__": _setstate,
}
"""What makes a class immutable, and lets it be copied all the same."""
