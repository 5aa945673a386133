"""The standard library's ``NamedTuple``, without code that is compiled at import.

That of the standard library compiles ``__new__`` and each annotation of a class. Here the annotations stay
as they are, and ``__new__`` is compiled when it is asked for.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # also of use where `typing` is not loaded
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

    Any = object  # for `typing.get_type_hints` of what every class has

    class _Maker(type):
        def __new__(mcs, name, bases, scope):
            if not bases:
                return super().__new__(mcs, name, bases, scope)
            fields = tuple(scope.get("__annotations__", ()))
            defaults = {field: scope.pop(field) for field in fields if field in scope}
            for place, field in enumerate(fields):
                scope[field] = _tuplegetter(place, None)
            scope |= {
                "__slots__": (),
                "_fields": fields,
                "_field_defaults": defaults,
                "__match_args__": fields,
            }
            for function, own in _SHARED.items():
                scope.setdefault(function, own)
            made = type(name, tuple([tuple if base is NamedTuple else base for base in bases]), scope)
            made.__new__ = _LateNew(made, defaults)
            return made

    class NamedTuple(metaclass=_Maker):
        """A tuple with the names and defaults that the annotations of a class give."""


_new: Final = tuple.__new__


class _LateNew:
    """``__new__`` of a class until somebody asks for it; then it is compiled and takes the place of this."""

    def __init__(self, made: Any, defaults: Mapping[str, Any]) -> None:
        self._made = made
        self._defaults = defaults

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        made, names = self._made, ", ".join(self._made._fields)
        make = f"lambda _new: lambda _cls, {names}: _new(_cls, ({names}{',' * bool(names)}))"
        new = eval(make, vars(sys.modules[made.__module__]))(_new)  # where the names of annotations are
        new.__name__, new.__qualname__ = "__new__", f"{made.__qualname__}.__new__"
        new.__defaults__, new.__annotations__ = tuple(self._defaults.values()), made.__annotations__
        made.__new__ = staticmethod(new)
        return new


def _make(cls: Any, values: Any) -> Any:
    made = _new(cls, values)
    if len(made) != len(cls._fields):
        raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
    return made


def _replace(self: Any, /, **kwargs: Any) -> Any:
    made = self._make(map(kwargs.pop, self._fields, self))
    if kwargs:
        raise ValueError(f"Got unexpected field names: {[*kwargs]!r}")
    return made


def _asdict(self: Any) -> dict[str, Any]:
    return dict(zip(self._fields, self, strict=True))


def _repr(self: Any) -> str:
    values = ", ".join([f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)])
    return f"{type(self).__name__}({values})"


_SHARED: Final = {
    "_make": classmethod(_make),
    "_replace": _replace,
    "__replace__": _replace,
    "_asdict": _asdict,
    "__repr__": _repr,
    "__getnewargs__": lambda self: tuple(self),
}
"""What every class has unless it has its own."""
