"""Classes with fields behave as those of the standard library."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, field, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.dataclass import INTERPRETED_CALLS, dataclass
from tests.base.test_named_tuple import said


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


def test_copy_replace_of_newer_pythons_and_signatures_know_the_fields() -> None:
    made: Any = Point(1, 3)
    assert made.__replace__(y=4) == Point(1, 4)
    assert str(inspect.signature(Point)) == "(x, y=2, tags=<factory>)"


def test_a_signature_is_right_before_there_is_an_object() -> None:
    @dataclass(slots=True, kw_only=True)
    class New:
        x: int
        y: int = 2

    assert str(inspect.signature(New)) == "(*, x, y=2)"


def test_threads_that_ask_for_fields_at_once_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, slots=True)
    class New:
        x: int = 1

    together, describe, described = threading.Barrier(2), dataclasses.dataclass, list[Any]()

    def describe_together(**kwargs: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.1)
        described.append(kwargs)
        return describe(**kwargs)

    monkeypatch.setattr(dataclasses, "dataclass", describe_together)
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(dataclasses.asdict, [New(), New()])] == [{"x": 1}, {"x": 1}]
    assert len(described) == 1


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


def mixed(decorator: Any) -> Any:
    """A class of each kind of field, and one that adds to it."""

    @decorator(slots=True)
    class Parent:
        kind: ClassVar[str] = "any"
        first: int
        second: int = 2
        third: list[int] = field(default_factory=list)
        fourth: int = field(default=4, repr=False)

    @decorator(slots=True, kw_only=True)
    class Mixed(Parent):
        second: int = 5
        sixth: int = 6
        last: int

    return Mixed


NAMES = ["first", "second", "third", "fourth", "sixth", "last", "kind"]


@given(st.lists(st.integers(), max_size=6), st.dictionaries(st.sampled_from(NAMES), st.integers()))
def test_any_call_has_the_result_of_the_standard_library(args: list[int], kwargs: dict[str, int]) -> None:
    ours, theirs = mixed(dataclass), mixed(dataclasses.dataclass)
    calls = [said(ours, args, kwargs) for _ in range(INTERPRETED_CALLS + 2)]
    assert {*calls} == {said(theirs, args, kwargs)}


def test_a_class_without_slots_has_the_defaults_of_its_fields_and_nothing_else() -> None:
    @dataclass
    class Plain:
        first: int
        second: list[int] = field(default_factory=list)
        third: int = field(default=3, repr=False)

    assert (hasattr(Plain, "first"), hasattr(Plain, "second"), Plain.third) == (False, False, 3)
    assert (
        repr(Plain(1))
        == "test_a_class_without_slots_has_the_defaults_of_its_fields_and_nothing_else.<locals>.Plain(first=1, second=[])"
    )
    assert dataclasses.asdict(replace(Plain(1), third=4)) == {"first": 1, "second": [], "third": 4}


def test_fields_and_patterns_of_a_child_are_those_of_the_standard_library() -> None:
    ours, theirs = mixed(dataclass), mixed(dataclasses.dataclass)
    assert [(each.name, each.kw_only) for each in dataclasses.fields(ours)] == [
        (each.name, each.kw_only) for each in dataclasses.fields(theirs)
    ]
    assert (ours.__match_args__, ours.__slots__) == (theirs.__match_args__, theirs.__slots__)
    assert replace(ours(1, last=2), sixth=7).sixth == 7
