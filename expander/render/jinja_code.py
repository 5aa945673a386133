"""Code in Jinja2 templates whose layout filters (`tojson`, `safe` ...) write values as text of the template.

Such a value is no placeholder that could be checked by its place. So the documents of an item are compared
with those of the same item with a word in place of each value that is not harmless: code must not differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from jinja2 import nodes

from expander.render.commands import HARMLESS_VALUE, Path, changed_code

LAYOUT_FILTERS: Final = frozenset(["tojson", "to_json", "toyaml", "to_yaml", "indent", "safe"])


def writes_structure(parsed: nodes.Template) -> bool:
    """Whether a template has a layout filter, or includes texts that may have one."""
    includes = any(
        True for _ in parsed.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))
    )
    return includes or any(each.name in LAYOUT_FILTERS for each in parsed.find_all(nodes.Filter))


def harmless(value: Any) -> Any:
    """A value with a word in place of each text that is not harmless; the same object if there is none."""
    if isinstance(value, str):
        return value if re.fullmatch(HARMLESS_VALUE, value) else "x"
    if isinstance(value, Mapping):
        changed = {key: harmless(each) for key, each in value.items()}
        return changed if any(changed[key] is not each for key, each in value.items()) else value
    if isinstance(value, list | tuple):
        items = [harmless(each) for each in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


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
