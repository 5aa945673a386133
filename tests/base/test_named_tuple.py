"""Named tuples behave as those of the standard library."""

from __future__ import annotations

import collections
import copy
import inspect
import pickle
import typing
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.named_tuple import NamedTuple

Key = TypeVar("Key")


class Point(NamedTuple):
    """A place."""

    x: int
    y: int = 2
    z: int = 3

    def total(self) -> int:
        return self.x + self.y

    @classmethod
    def origin(cls) -> Point:
        return cls(0, 0)


class Answer(NamedTuple, Generic[Key]):
    key: Key
    text: str = ""

    def __repr__(self) -> str:
        return "answer"


class Nothing(NamedTuple):
    pass


class Child(Point):
    pass


def point() -> Any:
    """A new class."""

    class Point(NamedTuple):
        x: int
        y: int = 2
        z: int = 3

    return Point


THEIRS: Any = collections.namedtuple("Point", ["x", "y", "z"], defaults=(2, 3))  # type: ignore[name-match]
THEIRS.__new__.__qualname__ = "point.<locals>.Point.__new__"


def said(make: Any, args: list[int], kwargs: dict[str, int]) -> str:
    """What comes of a call: the object or the error."""
    try:
        return repr(make(*args, **kwargs))
    except TypeError as error:
        return str(error)


@given(
    st.lists(st.integers(), max_size=4),
    st.dictionaries(st.sampled_from(["x", "y", "z", "other"]), st.integers()),
)
def test_any_call_has_the_result_of_the_standard_library(args: list[int], kwargs: dict[str, int]) -> None:
    ours = point()
    calls = {said(ours, args, kwargs) for _ in range(2)}
    assert calls == {said(THEIRS, args, kwargs)}


def test_an_object_is_a_tuple_with_names() -> None:
    made: Any = Point(1)
    assert (made, made.x, made.y, made[2]) == ((1, 2, 3), 1, 2, 3)
    assert (made._asdict(), Point._fields) == ({"x": 1, "y": 2, "z": 3}, ("x", "y", "z"))
    assert Point._make([4, 5, 6]) == made._replace(x=4, y=5, z=6) == (4, 5, 6)
    assert made.__replace__(x=4) == (4, 2, 3)  # what `copy.replace` of Python 3.13 asks for
    assert (repr(made), made.total(), Point.origin()) == ("Point(x=1, y=2, z=3)", 3, (0, 0, 3))
    assert not hasattr(made, "__dict__")
    with pytest.raises(AttributeError):
        made.x = 2


def test_a_pattern_matches_by_place_and_by_name() -> None:
    match Point(1):
        case Point(x, y=found):
            assert (x, found) == (1, 2)


def test_wrong_values_and_names_are_refused() -> None:
    with pytest.raises(TypeError, match="Expected 3 arguments, got 1"):
        Point._make([1])
    with pytest.raises(ValueError, match=r"unexpected field names: \['w'\]"):
        Point(1)._replace(w=1)  # type: ignore[call-arg]


def test_own_methods_generic_classes_children_and_no_fields_work() -> None:
    assert repr(Answer[int](1)) == "answer"
    assert Answer(1, text="a") == (1, "a")
    assert Nothing() == ()
    assert repr(Child(1)) == "Child(x=1, y=2, z=3)"
    assert isinstance(Child(1)._replace(x=3), Child)


def test_objects_are_copied_and_pickled() -> None:
    made = Point(1, z=4)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (other, type(other)) == (made, Point)


def test_the_signature_names_the_arguments() -> None:
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 2, z: 'int' = 3)"
    assert typing.get_type_hints(Point) == {"x": int, "y": int, "z": int}
    for name in ("_make", "_replace", "_asdict", "__repr__"):
        assert "return" in typing.get_type_hints(getattr(Point, name)), name
