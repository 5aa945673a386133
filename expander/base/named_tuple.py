"""The standard library's ``NamedTuple``, without code that is compiled at import.

That of the standard library compiles ``__new__`` and each annotation of a class. Here the annotations stay
as they are, and ``__new__`` is compiled when names or defaults have been used a few times.
"""

from __future__ import annotations

TYPE_CHECKING = False  # also of use where `typing` is not loaded
if TYPE_CHECKING:
    from typing import Any, Final
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

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
            made.__new__ = staticmethod(_first_new(made, fields, defaults))
            return made

    class NamedTuple(metaclass=_Maker):
        """A tuple with the names and defaults that the annotations of a class give."""


INTERPRETED_CALLS: Final = 16
"""Objects that are made with names or defaults before ``__new__`` is compiled."""

_new: Final = tuple.__new__


def _first_new(made: Any, fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """``__new__`` of a class until it is compiled: after some calls, or for wrong arguments."""
    count, calls = len(fields), 0

    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        nonlocal calls
        if len(args) == count and not kwargs:
            return _new(cls, args)
        calls += 1
        missing, values = fields[len(args) :], defaults | kwargs
        if calls <= INTERPRETED_CALLS and missing and kwargs.keys() <= {*missing} <= values.keys():
            return _new(cls, (*args, *map(values.__getitem__, missing)))
        new = _compiled_new(made.__qualname__, fields, defaults)
        made.__new__ = staticmethod(new)
        return new(cls, *args, **kwargs)

    return __new__


def _compiled_new(name: str, fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    arguments = ", ".join(fields)
    new = eval(f"lambda _cls, {arguments}: _new(_cls, ({arguments}{',' * bool(fields)}))", {"_new": _new})
    new.__name__, new.__qualname__ = "__new__", f"{name}.__new__"
    new.__defaults__ = tuple(defaults.values())
    return new


class _Signature:
    """``__signature__``: the arguments by name, as `help` and completion show them."""

    def __get__(self, _: object, owner: Any) -> Any:
        from inspect import Parameter, Signature

        defaults, kind = owner._field_defaults, Parameter.POSITIONAL_OR_KEYWORD
        return Signature(
            [
                Parameter(name, kind, default=defaults.get(name, Parameter.empty), annotation=annotation)
                for name, annotation in owner.__annotations__.items()
            ]
        )


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
    "__signature__": _Signature(),
}
"""What every class has unless it has its own."""
