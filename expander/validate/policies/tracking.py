"""Values of which it is noted that they were read.

The manifests of a template differ in their placeholders only. A placeholder stands in the object as a `Leaf`,
whose value is that of the row that is looked at; an expression that never reads one has the same result for
every item. What only a server knows is an `Unknown`: whoever reads it gets an `UncheckedError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from expander.base.dataclass import dataclass
from expander.validate.cel.values import Convert, TypedList, TypedMap, UncheckedError

Path: TypeAlias = tuple[str | int, ...]
Row: TypeAlias = tuple[Any, ...]

_NO_FIELDS: Final[Mapping[str, Convert]] = {}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that ``columns`` of the row decide: ``of`` gives it, ``first`` is that of the first row."""

    of: Callable[[Row], Any]
    columns: tuple[int, ...]
    first: Any = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not known without a server, and why."""

    why: str


class Reader:
    """Gives the values of a row to expressions; ``columns`` are those that were read."""

    def __init__(self, row: Row = ()) -> None:
        self.row = row
        self.columns: set[int] = set()

    def __call__(self, value: Any) -> Any:
        """JSON data as a value of CEL. Raises UncheckedError for what is not known."""
        kind = type(value)
        if kind is dict:
            return TypedMap(value, _NO_FIELDS, self)
        if kind is list:
            return TypedList(value, self)
        if kind is Leaf:
            self.columns.update(value.columns)
            return value.of(self.row)
        if kind is Unknown:
            raise UncheckedError(value.why)
        return value


class Labels(dict[str, Any]):
    """Labels whose values are read one by one."""

    def __init__(self, labels: Mapping[str, Any], reader: Reader, others: Unknown | None = None) -> None:
        """``others`` says why further labels are not known."""
        super().__init__(labels)
        self._reader = reader
        self._others = others

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a label."""
        found = super().get(name, default if self._others is None else self._others)
        return self._reader(found)

    def __bool__(self) -> bool:
        return True


def marked(tree: Any, leaves: Mapping[Path, Leaf]) -> tuple[Any, bool]:
    """``tree`` with leaves at their paths, and whether it has all these paths.

    What is on the way is copied, the rest is shared.
    """
    complete = True
    for path, leaf in leaves.items():
        found = _replaced(tree, path, leaf)
        complete = complete and found is not None
        tree = tree if found is None else found
    return tree, complete


def _replaced(tree: Any, path: Sequence[str | int], leaf: Leaf) -> Any:
    """A copy of ``tree`` with ``leaf`` at ``path``; None when there is no such place."""
    if not path:
        return Leaf(leaf.of, leaf.columns, tree)
    step = path[0]
    fits = isinstance(tree, dict) and step in tree
    if not fits and not (isinstance(tree, list) and isinstance(step, int) and step < len(tree)):
        return None
    below = _replaced(tree[step], path[1:], leaf)
    if below is None:
        return None
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[step] = below  # type: ignore[index]
    return copy


def plain(value: Any) -> Any:
    """The data of the first row; what is not known is left out."""
    kind = type(value)
    if kind is dict:
        return {key: plain(each) for key, each in value.items() if type(each) is not Unknown}
    if kind is list:
        return [plain(each) for each in value]
    return value.first if kind is Leaf else value
