"""The template's own YAML, comments and key order kept, with tokens where the placeholders are.

ruamel.yaml keeps what a person wrote, but readers of YAML disagree about some scalars (``on``, ``0o10``,
``12:30``, dates). The text is used only when kubectl's rules and PyYAML find exactly the wanted tree in it.
"""

from __future__ import annotations

import io
import re
from typing import Any

import yaml

from expander.base.errors import YamlError
from expander.base.yaml import load_documents

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def commented_text(source: str, wanted: Any, prefix: str) -> str | None:
    """``source`` changed as little as needed to say ``wanted``; None when that cannot be done exactly.

    Tokens in ``wanted`` begin with ``prefix``; a comment behind one is not kept in its column.
    """
    from ruamel.yaml import YAML

    ruamel = YAML()
    ruamel.preserve_quotes = True
    ruamel.width = 1 << 30
    ruamel.allow_duplicate_keys = True
    offset = _sequence_offset(source)
    ruamel.indent(mapping=2, sequence=offset + 2, offset=offset)
    try:
        tree = ruamel.load(source)
        if not _sync(tree, wanted):
            return None
        text = _dumped(ruamel, tree)
        read = yaml.load(text, _Loader)
        if not _same(read, wanted):
            if not _agree(tree, read, wanted):
                return None
            text = _dumped(ruamel, tree)
    except Exception:  # both libraries leak errors of any type on odd YAML; there is another way to write it
        return None
    tidy = re.sub(rf"(?m)^(.*{prefix}h[0-9]+.*?) {{2,}}#", r"\1  #", text)
    return next((form for form in (tidy, text) if says(form, wanted)), None)


def says(text: str, wanted: Any) -> bool:
    """Whether ``text`` is one document that says ``wanted``, to kubectl and to PyYAML."""
    try:
        documents = list(load_documents(text, "<template>"))
        other = yaml.load(text, _Loader)
    except (YamlError, yaml.YAMLError, ValueError):
        return False
    return (
        text.endswith("\n")
        and len(documents) == 1
        and _same(documents[0].data, wanted)
        and _same(other, wanted)
    )


def _dumped(ruamel: Any, tree: Any) -> str:
    out = io.StringIO()
    ruamel.dump(tree, out)
    return out.getvalue().removesuffix("...\n")


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
        _set(parent, key, wanted)
    return True


def _agree(tree: Any, read: Any, wanted: Any) -> bool:
    """Quote or spell out in ``tree`` what PyYAML, which gave ``read``, takes for something else."""
    if isinstance(wanted, dict):
        if not isinstance(read, dict) or list(read) != list(wanted):
            return False
        return all(_agree_at(tree, key, read[key], value) for key, value in wanted.items())
    if not isinstance(read, list) or len(read) != len(wanted):
        return False
    return all(_agree_at(tree, number, read[number], value) for number, value in enumerate(wanted))


def _agree_at(parent: Any, key: Any, read: Any, wanted: Any) -> bool:
    if isinstance(wanted, (dict, list)):
        return _agree(parent[key], read, wanted)
    if not _same(read, wanted):
        _set(parent, key, wanted, quote=True)
    return True


def _set(parent: Any, key: Any, wanted: Any, quote: bool = False) -> None:
    """Put a scalar in the place of another, whose style it does not inherit."""
    from ruamel.yaml.scalarstring import (
        DoubleQuotedScalarString,
        FoldedScalarString,
        LiteralScalarString,
        PlainScalarString,
    )

    block = isinstance(wanted, str) and "\n" in wanted
    if isinstance(parent[key], (LiteralScalarString, FoldedScalarString)) and not block:
        _end_block(parent, key)
    if isinstance(wanted, str):
        style = LiteralScalarString if block else DoubleQuotedScalarString if quote else PlainScalarString
        wanted = style(wanted)
    parent[key] = wanted


def _end_block(parent: Any, key: Any) -> None:
    """Move comments of a block scalar (behind its header, below it) to where those of a plain one are."""
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    found = parent.ca.items.get(key)
    if not found:
        return
    below, header = (2, 3) if isinstance(parent, dict) else (0, 1)
    parts = [*found, None, None, None, None][:4]
    text = "".join(parts[header] or ()).strip()
    after = parts[below]
    if after is not None:
        start = after.value if after.value.startswith("\n") else " " * after.start_mark.column + after.value
        text += start if start.startswith("\n") else f"\n{start}"
    parts[header] = None
    parts[below] = CommentToken(text or "\n", CommentMark(0), None)
    parent.ca.items[key] = parts


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
