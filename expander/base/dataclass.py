"""The standard library's ``dataclass``, without what it does at import.

The decorator of the standard library compiles six functions for a frozen class, which was a tenth of the
start, and looks long at each field. Here ``__init__`` is compiled once some objects have been made, and the
other functions are shared. What the standard library's ``replace``, ``asdict`` and ``fields`` use is its own,
made when one of them asks. There is no ``InitVar`` and no ``KW_ONLY``.
"""

from __future__ import annotations

import dataclasses
from _thread import RLock
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

MISSING: Final = dataclasses.MISSING

INTERPRETED_CALLS: Final = 16
"""Objects of a class that are made before its ``__init__`` is compiled, which takes as long as 40 of them."""

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, kw_only=False):
        """A class with the fields that its annotations name; the arguments are the standard library's."""

        def decorated(cls):
            fields = _Fields(cls, kw_only)
            shared = {"__repr__": _repr, "__replace__": _replace, "__init__": _LateInit(fields, frozen)}
            if eq:
                shared |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                shared |= _FROZEN
            scope = {name: function for name, function in shared.items() if name not in vars(cls)}
            scope["__field_names__"] = tuple(fields.names)
            scope["__match_args__"] = tuple(fields.positional)
            scope["__dataclass_fields__"] = fields
            if slots:
                fields.owner = _slotted(cls, fields.names, scope)
            else:
                fields.leave_class()
                for name, value in scope.items():
                    setattr(cls, name, value)
            return fields.owner

        return decorated if cls is None else decorated(cls)


_one_at_a_time = RLock()
"""Held while fields are described, those of parents in between."""


class _Fields:
    """The fields of a class with its parents'; as ``__dataclass_fields__``, those of the standard library."""

    def __init__(self, cls: type, kw_only: bool) -> None:
        self.owner: Any = cls
        self._given: Any = cls
        self._kw_only = kw_only
        self._standard: dict[str, dataclasses.Field[Any]] | None = None
        self.names: dict[str, None] = {}
        self.arguments: dict[str, tuple[Any, Any, bool]] = {}
        """For each argument its default, what makes one (else `MISSING`), and whether it is keyword-only."""
        for parent in reversed(cls.__mro__[1:]):
            if isinstance(found := vars(parent).get("__dataclass_fields__"), _Fields):
                self.names |= found.names
                self.arguments |= found.arguments
        scope = vars(cls)
        for name, kind in scope.get("__annotations__", {}).items():
            if not str(kind).startswith("ClassVar"):
                self._add(name, scope.get(name, MISSING))
        self.positional = [name for name, (_, _, by_keyword) in self.arguments.items() if not by_keyword]

    def _add(self, name: str, default: Any) -> None:
        factory: Any = MISSING
        self.names[name] = None
        if isinstance(default, dataclasses.Field):
            if not default.init:
                return
            default, factory = default.default, default.default_factory
        self.arguments[name] = (default, factory, self._kw_only)

    def __get__(self, instance: object, owner: type | None = None) -> dict[str, dataclasses.Field[Any]]:
        return self.standard()

    def standard(self) -> dict[str, dataclasses.Field[Any]]:
        """The fields as the standard library describes them."""
        if self._standard is None:
            with _one_at_a_time:
                if self._standard is None:
                    self._standard = self._described()
        return self._standard

    def _described(self) -> dict[str, dataclasses.Field[Any]]:
        make = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=self._kw_only)
        made: Any = make(self._given)
        self.owner.__dataclass_params__ = made.__dataclass_params__
        fields: dict[str, dataclasses.Field[Any]] = made.__dataclass_fields__
        return fields

    def leave_class(self) -> None:
        """Leave only defaults in the class; a copy of it keeps what describes the fields."""
        cls = self.owner
        scope = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        self._given = type(cls)(cls.__name__, cls.__bases__, scope)
        for name, value in scope.items():
            if isinstance(value, dataclasses.Field):
                if value.default is MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, value.default)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """The values of the fields of an object with these arguments; None for wrong ones."""
        values = dict(zip(self.positional, args, strict=False))
        if len(values) < len(args) or not values.keys().isdisjoint(kwargs):
            return None
        values |= kwargs
        for name, (default, factory, _) in self.arguments.items():
            if name not in values:
                if default is factory:
                    return None
                values[name] = default if factory is MISSING else factory()
        return values if len(values) == len(self.arguments) else None


def _slotted(cls: type, names: Iterable[str], more: Mapping[str, Any]) -> type:
    """The same class with slots for its fields, and with ``more`` in it."""
    inherited = {slot for parent in cls.__mro__[1:] for slot in vars(parent).get("__slots__", ())}
    left_out = {*names, "__dict__", "__weakref__"}
    scope: dict[str, Any] = {name: value for name, value in vars(cls).items() if name not in left_out}
    scope |= more
    scope["__slots__"] = tuple([name for name in names if name not in inherited])
    made = type(cls)(cls.__name__, cls.__bases__, scope)
    made.__qualname__ = cls.__qualname__
    return made


class _LateInit:
    """``__init__`` for the first objects, and until somebody asks for its signature; then one is compiled."""

    def __init__(self, fields: _Fields, frozen: bool) -> None:
        self._fields = fields
        self._frozen = frozen
        self._calls = 0

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        self._calls += 1
        if instance is None or self._calls > INTERPRETED_CALLS:
            return self._compiled().__get__(instance, owner)
        return partial(self._fill, instance)

    def _compiled(self) -> Any:
        init = _init(self._fields, self._frozen)
        type.__setattr__(self._fields.owner, "__init__", init)
        return init

    def _fill(self, made: Any, /, *args: Any, **kwargs: Any) -> None:
        values = self._fields.bind(args, kwargs)
        if values is None:
            self._compiled()(made, *args, **kwargs)
            return
        put = object.__setattr__ if self._frozen else setattr
        for name, value in values.items():
            put(made, name, value)
        if hasattr(self._fields.owner, "__post_init__"):
            made.__post_init__()


def _init(fields: _Fields, frozen: bool) -> Any:
    """``__init__`` for the fields of a class."""
    cls = fields.owner
    scope: dict[str, Any] = {"_set": object.__setattr__, "_made": _made}
    parameters, by_keyword, body = ["self"], list[str](), list[str]()
    write = "_set(self, {!r}, {})" if frozen else "self.{} = {}"
    for name, (default, factory, only_by_keyword) in fields.arguments.items():
        value = given = name
        if factory is not MISSING:
            scope[f"_{name}_"] = factory
            given = f"{name}=_made"
            value = f"_{name}_() if {name} is _made else {name}"
        elif default is not MISSING:
            scope[f"_{name}_"] = default
            given = f"{name}=_{name}_"
        (by_keyword if only_by_keyword else parameters).append(given)
        body.append(write.format(name, value))
    if by_keyword:
        parameters += ["*", *by_keyword]
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"]), scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return scope["__init__"]


class _Made:
    """The default of a field that is made for each object, in signatures."""

    def __repr__(self) -> str:
        return "<factory>"


_made: Final = _Made()
"""The default of an argument whose value a factory makes."""


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__field_names__])


def _replace(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


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
    for name, value in zip(self.__field_names__, state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN = {
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _values,
    "__setstate__": _setstate,
}
"""What makes a class immutable, and lets it be copied all the same."""
