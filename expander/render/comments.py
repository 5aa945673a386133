"""The template's own YAML, comments and key order kept, with tokens where the placeholders are.

ruamel.yaml keeps what a person wrote, but reads some scalars otherwise than kubectl does: its text is used
only when our own reader finds exactly the wanted tree in it.
"""

from __future__ import annotations

import io
import re
from typing import Any

from expander.base.errors import YamlError
from expander.base.yaml import load_documents


def commented_text(source: str, wanted: Any, prefix: str) -> str | None:
    """``source`` changed as little as needed to say ``wanted``; None when that cannot be done exactly.

    Tokens in ``wanted`` begin with ``prefix``; a comment behind one is not kept in its column.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLStreamError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 30
    yaml.allow_duplicate_keys = True
    offset = _sequence_offset(source)
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    out = io.StringIO()
    try:
        tree = yaml.load(source)
        if not _sync(tree, wanted):
            return None
        yaml.dump(tree, out)
    except (MarkedYAMLError, YAMLStreamError, ValueError, TypeError, NotImplementedError):
        return None
    text = out.getvalue().removesuffix("...\n")
    tidy = re.sub(rf"(?m)^(.*{prefix}h[0-9]+.*?) {{2,}}#", r"\1  #", text)
    return next((form for form in (tidy, text) if _says(form, wanted)), None)


def _says(text: str, wanted: Any) -> bool:
    try:
        documents = list(load_documents(text, "<template>"))
    except YamlError:
        return False
    return text.endswith("\n") and len(documents) == 1 and _same(documents[0].data, wanted)


def _sync(tree: Any, wanted: Any) -> bool:
    """Make ``tree`` say ``wanted``, touching only what differs; False when the shapes cannot be matched."""
    if isinstance(wanted, dict):
        if not isinstance(tree, dict) or any(key not in wanted for key in tree):
            return False
        for number, (key, value) in enumerate(wanted.items()):
            if key not in tree:
                tree.insert(number, key, value)  # type: ignore[attr-defined]
            elif not _replace(tree, key, value):
                return False
        return True
    if not isinstance(tree, list) or len(tree) != len(wanted):
        return False
    return all(_replace(tree, number, value) for number, value in enumerate(wanted))


def _replace(parent: Any, key: Any, wanted: Any) -> bool:
    present = parent[key]
    if isinstance(wanted, (dict, list)):
        if isinstance(present, (dict, list)):
            return _sync(present, wanted)
        parent[key] = wanted
        return True
    if isinstance(present, (dict, list)):
        return False
    if not _same(present, wanted):
        from ruamel.yaml.scalarstring import LiteralScalarString

        many = isinstance(wanted, str) and "\n" in wanted
        parent[key] = LiteralScalarString(wanted) if many else wanted
    return True


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _sequence_offset(source: str) -> int:
    """How far the template indents a list below its key: 0 or 2 as a rule."""
    match = re.search(
        r"(?m)^( *)(?:- )?[^\s#:][^\n#]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", source
    )
    return min(max(len(match[2]) - len(match[1]), 0), 4) if match else 0
