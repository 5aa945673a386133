"""Which group a call means, and where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from expander.base.errors import UsageError
from expander.group.open import GroupSelector

if TYPE_CHECKING:
    from expander.group.open import AnySource


class GroupKeywords(TypedDict, total=False):
    """Where a group is; see `GroupSelector` for what the names mean."""

    selector: str | None
    namespace: str | None
    everywhere: bool
    local: bool
    state: str | os.PathLike[str] | None
    kubeconfig: str | os.PathLike[str] | None
    context: str | None
    group_label: str


class Selected:
    """What knows the group it belongs to; None if it has none, as a dry run."""

    __slots__ = ()
    place: GroupSelector | None


Which: TypeAlias = str | Selected | None
"""A group by name, or what belongs to it; None is for keywords that select it, such as ``selector``."""


def selector_of(call: str, group: Which, where: GroupKeywords) -> GroupSelector:
    """The group that the arguments of a call mean. Raises UsageError for what has no group, TypeError for
    a keyword that there is not."""
    if unknown := where.keys() - GroupKeywords.__annotations__.keys():
        raise TypeError(f"expander.{call}() got an unexpected keyword argument {min(unknown)!r}")
    if isinstance(group, Selected):
        if where:
            raise UsageError(f"{min(where)} cannot be used here: the group is known")
        if group.place is None:
            raise UsageError("nothing was created, so there is no group to ask about")
        return group.place
    given: Any = {name: os.fspath(value) for name, value in where.items() if isinstance(value, os.PathLike)}
    return GroupSelector(group, **{**where, **given})


@contextmanager
def opened(
    call: str, group: Which, where: GroupKeywords, **options: Unpack[SourceKeywords]
) -> Iterator[tuple[AnySource, GroupSelector]]:
    """The source of the group that a call means; the keywords are those of `open_source`."""
    from expander.group.open import open_source

    wanted = selector_of(call, group, where)
    with closing(open_source(wanted, **options)) as source:
        yield source, wanted


class SourceKeywords(TypedDict, total=False):
    """See `open_source`."""

    awaited: bool
    collected: bool
