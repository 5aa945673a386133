"""Classes with fields behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from expander.base.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cell:
    value: int
    double: int = field(init=False)

    def __post_init__(self) -> None:
        self.double = 2 * self.value


@dataclass(frozen=True, kw_only=True)
class Options:
    needed: str
    other: int = 0

    def __repr__(self) -> str:
        return "Options"


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


class Child(Cell):
    pass


THEIRS = dataclasses.make_dataclass(
    "Point", [("x", int), ("y", int, 2), ("tags", list, field(default_factory=list))]
)


@pytest.mark.parametrize("make", [Point, THEIRS])
def test_fields_defaults_and_words_are_those_of_the_standard_library(make: Any) -> None:
    assert repr(make(1)) == "Point(x=1, y=2, tags=[])"
    assert make(1) == make(1, 2, []) != make(2)
    assert replace(make(1), y=5) == make(1, y=5)
    assert dataclasses.asdict(make(1)) == {"x": 1, "y": 2, "tags": []}
    assert make(1).tags is not make(1).tags
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        make()


def test_a_frozen_object_is_not_changed_and_hashes_by_its_fields() -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert hash(Options(needed="a")) == hash(Options(needed="a"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Cell(1))


def test_objects_are_copied_and_pickled() -> None:
    point = Point(1, 3, ["a"])
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point


def test_own_methods_keywords_and_later_fields_stay() -> None:
    assert repr(Options(needed="a")) == "Options"
    assert Cell(2).double == 4
    assert Nothing() == Nothing()
    assert Point(1) != THEIRS(1)
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        Options("a")  # type: ignore[call-arg]


def test_a_field_that_is_no_argument_is_set_afterwards_also_in_a_child() -> None:
    assert Child(3).double == Cell(value=3).double == 6
    with pytest.raises(TypeError, match="takes 2 positional arguments"):
        Cell(1, 2)  # type: ignore[call-arg]
