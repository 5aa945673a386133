"""What values of Python become as items: rows of data frames, records, and scalars of other libraries.

Libraries are known by what their objects can do; none is imported.
"""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.errors import InputError, SourceLocation
from expander.base.regex import regex
from expander.items.item import MAX_DEPTH

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_MISSING: Final = frozenset({"NAType", "NaTType", "NaT"})
"""The types of what pandas has in place of a missing value."""

_TEXTS: Final = frozenset({("decimal", "Decimal"), ("uuid", "UUID")})
"""Types whose values are written as their text."""

_INDEX: Final = regex(r"__index_level_[0-9]+__")
"""The column that pandas makes of an index without a name, which is no column of the frame."""


def frame_rows(values: Any) -> Iterator[dict[str, Any]] | None:
    """The rows of a data frame of pandas or polars, or of an Arrow table; None for anything else.

    A missing cell (None, NaN, NaT, NA) is an empty text, as an empty field of CSV is. Raises InputError for
    columns of one name.
    """
    if isinstance(values, type):
        return None
    if hasattr(values, "itertuples") and hasattr(values, "columns"):  # pandas
        names = [str(name) for name in values.columns]
        _check_names(names)
        return _named(names, values.itertuples(index=False, name=None))
    if hasattr(values, "iter_rows") and hasattr(values, "columns"):  # polars
        return _named(list(values.columns), values.iter_rows())
    if hasattr(values, "to_pylist") and hasattr(values, "column_names"):  # a table of Arrow
        batches = values.to_batches() if hasattr(values, "to_batches") else [values]
        return arrow_rows(values.column_names, (batch.to_pylist() for batch in batches))
    return None


def named_index(values: Any) -> list[str]:
    """The names of the index of a data frame of pandas, which are no columns; empty for anything else."""
    if not (hasattr(values, "itertuples") and hasattr(values, "index")):
        return []
    names = [name for name in values.index.names if name is not None]
    return [str(name) for name in names if name not in values.columns]


def arrow_rows(
    names: Iterable[str], batches: Iterable[Iterable[Mapping[str, Any]]], where: SourceLocation | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of ``batches`` of Arrow that have the columns ``names``, as those of a data frame.

    Raises InputError at once for columns of one name; ``where`` is the file.
    """
    own = [name for name in names if not _INDEX.fullmatch(name)]
    _check_names(own, where)
    return _named(own, ([row[name] for name in own] for rows in batches for row in rows))


def _check_names(names: Sequence[str], where: SourceLocation | None = None) -> None:
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"several columns are named {twice!r}", where=where)


def _named(names: list[str], rows: Iterable[Iterable[Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {name: _cell(value) for name, value in zip(names, row, strict=True)}


def _cell(value: Any) -> Any:
    if value is None or type(value).__name__ in _MISSING:
        return ""
    return "" if isinstance(value, float) and value != value else value


def is_plain(value: object) -> bool:
    """Whether ``value`` is a scalar of Python or a dict, as most items are: no frame, and no other record."""
    return type(value) in _PLAIN or type(value) is dict


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as what an item can hold, or as it is where it cannot become that.

    Records (data classes, named tuples) are their fields by name, in columns lists and tuples are lists.
    Enums are their values, paths and UUIDs texts, dates and times texts of ISO 8601, decimals texts;
    scalars of numpy and Arrow are those of Python.
    """
    if type(value) in _PLAIN or depth > MAX_DEPTH:
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name), depth + 1) for each in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(part, depth + 1) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return _parts(value, {name: plain(part, depth + 1) for name, part in value.items()})
    if isinstance(value, list) or (depth and isinstance(value, tuple)):
        return [plain(part, depth + 1) for part in value]
    return _scalar(value, depth)


def _parts(value: Mapping[Any, Any], parts: dict[Any, Any]) -> Mapping[Any, Any]:
    """``value`` itself if it is a dict that has ``parts``."""
    return (
        value if type(value) is dict and all(parts[name] is part for name, part in value.items()) else parts
    )


def _scalar(value: Any, depth: int) -> Any:
    if type(value).__name__ in _MISSING or hasattr(value, "total_seconds"):  # the latter are durations
        return value
    if hasattr(value, "isoformat"):  # dates and times
        return value.isoformat()
    if (type(value).__module__, type(value).__name__) in _TEXTS:
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "as_py"):  # of Arrow
        return plain(value.as_py(), depth + 1)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # of numpy; an array is a list
        if getattr(value.dtype, "kind", "") in "mM":  # dates and durations
            return str(value) if value.dtype.kind == "M" and not value.shape else value
        return plain(value.tolist(), depth + 1)
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value
