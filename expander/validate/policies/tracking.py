"""Values of which it is noted that they were read.

The manifests of a template differ in their placeholders only. A placeholder's value stands in the object as a
`Leaf`; an expression that never reads one has the same result for every item. What only a server knows is an
`Unknown`: whoever reads it gets an `UncheckedError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.validate.cel.values import Convert, TypedList, TypedMap, UncheckedError

Path = tuple[str | int, ...]

_NO_FIELDS: Final[Mapping[str, Convert]] = {}


@dataclass(frozen=True, slots=True)
class Leaf:
    """The value of a placeholder, and the columns that it depends on."""

    value: Any
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not known without a server, and why."""

    why: str


class Reader:
    """Gives values to expressions; ``columns`` are those that were read."""

    def __init__(self) -> None:
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
            return self(value.value)
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


def marked(tree: Any, leaves: Mapping[Path, tuple[int, ...]]) -> tuple[Any, frozenset[int]]:
    """``tree`` with a `Leaf` at each of these paths, and the columns of paths that it does not have.

    What is on the way is copied, the rest is shared.
    """
    missing: set[int] = set()
    for path, columns in leaves.items():
        found = _replaced(tree, path, columns)
        if found is None:
            missing.update(columns)
        else:
            tree = found
    return tree, frozenset(missing)


def _replaced(tree: Any, path: Sequence[str | int], columns: tuple[int, ...]) -> Any:
    """A copy of ``tree`` with the value at ``path`` as a leaf; None when there is none."""
    if not path:
        known = tree.columns if type(tree) is Leaf else ()
        return Leaf(tree.value if type(tree) is Leaf else tree, (*known, *columns))
    step = path[0]
    fits = isinstance(tree, dict) and step in tree
    if not fits and not (isinstance(tree, list) and isinstance(step, int) and step < len(tree)):
        return None
    below = _replaced(tree[step], path[1:], columns)
    if below is None:
        return None
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[step] = below  # type: ignore[index]
    return copy


def plain(value: Any) -> Any:
    """The data without its leaves; what is not known is left out."""
    kind = type(value)
    if kind is dict:
        return {key: plain(each) for key, each in value.items() if type(each) is not Unknown}
    if kind is list:
        return [plain(each) for each in value]
    return plain(value.value) if kind is Leaf else value
