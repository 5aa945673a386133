"""The calls that follow a group, as methods of what knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, Unpack

from expander.api.cleanup import cleanup as _cleanup
from expander.api.logs import logs as _logs
from expander.api.place import GroupKeywords, Selected, Which, selector_of
from expander.api.report import report as _report
from expander.api.results import results as _results
from expander.api.retry import retry as _retry
from expander.api.status import status as _status
from expander.api.suspension import resume as _resume
from expander.api.suspension import suspend as _suspend
from expander.api.wait import outcomes as _outcomes
from expander.api.wait import wait as _wait
from expander.group.open import GroupSelector

P = ParamSpec("P")
T = TypeVar("T")


def _method(call: Callable[Concatenate[Which, P], T]) -> Callable[Concatenate[Selected, P], T]:
    """``call`` as it is: a function whose first argument is known is a method."""
    return call


class Followed(Selected):
    """Has the calls that follow a group as methods: their first argument is known then."""

    __slots__ = ()
    status = _method(_status)
    wait = _method(_wait)
    outcomes = _method(_outcomes)
    suspend = _method(_suspend)
    resume = _method(_resume)
    report = _method(_report)
    logs = _method(_logs)
    results = _method(_results)
    retry = _method(_retry)
    cleanup = _method(_cleanup)


class Group(Followed):
    """A group that exists, in a cluster or on this machine, with the calls that follow it as methods.

    ``place`` says which it is and where. Nothing is asked before a method is called.
    """

    __slots__ = ("place",)
    place: GroupSelector

    def __init__(self, place: GroupSelector) -> None:
        self.place = place

    def __repr__(self) -> str:
        where = "local" if self.place.is_local else self.place.context or "the current context"
        return f"<Group {self.place} ({where})>"


def group(name: str | None = None, **where: Unpack[GroupKeywords]) -> Group:
    """The group of that name, for calls that follow it: ``expander.group("night").status()``.

    Keywords say where it is, or select it by labels; see `status`. Nothing is asked yet.
    """
    return Group(selector_of("group", name, where))
