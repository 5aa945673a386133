"""Values that layout filters of Jinja2 templates (``tojson``, ``safe`` ...) write as text of the template.

Such a value is no placeholder that could be checked by its place. So the documents of an item are compared
with those of the same item with other values: with a word in place of each value that is not harmless, code
must not differ; a mark in place of each ``$`` tells where dollars of the item are, which the kubelet would
expand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any, Final

from jinja2 import nodes

from expander.render.commands import HARMLESS_VALUE, Path, changed_code
from expander.render.placeholder import Row

LAYOUT_FILTERS: Final = frozenset(["tojson", "to_json", "toyaml", "to_yaml", "indent", "safe"])


def writes_structure(parsed: nodes.Template) -> bool:
    """Whether a template has a layout filter, or includes texts that may have one."""
    kinds = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Filter)
    return any(
        not isinstance(each, nodes.Filter) or each.name in LAYOUT_FILTERS for each in parsed.find_all(kinds)
    )


def harmless(value: Any) -> Any:
    """A value with a word in place of each text that is not harmless; the same object if there is none."""
    return _with_texts(value, lambda text: text if re.fullmatch(HARMLESS_VALUE, text) else "x")


def with_mark(value: Any, mark: str) -> Any:
    """A value with ``mark`` in place of each ``$``; the same object if there is none."""
    return _with_texts(value, lambda text: text.replace("$", mark) if "$" in text else text)


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        changed = {key: _with_texts(each, change) for key, each in value.items()}
        return changed if any(changed[key] is not each for key, each in value.items()) else value
    if isinstance(value, list | tuple):
        items = [_with_texts(each, change) for each in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def marks(text: str) -> Iterator[str]:
    """Some characters that are not in ``text``, first those that YAML and JSON write as they write ``$``."""
    return islice((mark for mark in "~@+=%^Qqz\ue010\ue011" if mark not in text), 4)


def with_dollars(
    key: tuple[str, ...], row: Row, marked: tuple[str, ...], mark: str
) -> tuple[tuple[str, ...], Row] | None:
    """A document, as constant texts and the values between them, in which dollars of the item are values.

    ``marked`` are the constant texts with a mark in place of each; None when they differ in anything else.
    """
    if tuple(text.replace(mark, "$") for text in marked) != key:
        return None
    constants: list[str] = []
    values: list[Any] = []
    for number, (text, places) in enumerate(zip(key, marked, strict=True)):
        values += row[number - 1 : number] if number else ()
        begin = 0
        for at in (found.start() for found in re.finditer(re.escape(mark), places)):
            if text[at + 1 : at + 2] in ("$", "(", ""):  # no other begins anything
                constants.append(text[begin:at])
                values.append("$")
                begin = at + 1
        constants.append(text[begin:])
    return tuple(constants), tuple(values)


def first_changed_code(
    texts: Sequence[str], plain: Sequence[str], data_of: Callable[[str], list[Any]]
) -> Path | None:
    """Where code in ``texts`` is not what it is in ``plain``; None if it is the same everywhere.

    ``data_of`` gives the objects of a document.
    """
    for text, other in zip_longest(texts, plain, fillvalue=""):
        if text != other:
            for tree, constant in zip_longest(data_of(text), data_of(other)):
                path = changed_code(tree, constant)
                if path is not None:
                    return path
    return None
