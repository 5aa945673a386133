"""The errors of YAML syntax, in words a user can act on."""

from __future__ import annotations

import re
from typing import Any

from expander.base.errors import YamlError
from expander.base.positions import Position
from expander.base.yaml.nodes import ScalarNode

_HINTS = {
    "mapping values are not allowed": 'a value that contains ": " needs quotes',
    "cannot start any token": "indent with spaces; a value that begins with @, ` or % needs quotes",
    "control characters are not allowed": 'write it as an escape in double quotes, such as "\\x07"',
    "special characters are not allowed": 'write it as an escape in double quotes, such as "\\x07"',
    "found unexpected end of stream": "a quote is not closed; a line --- ends a document even inside quotes",
    "did not find expected key": "look at the quotes and the indentation of the lines before",
    "could not find expected ':'": "look at the quotes and the indentation of the lines before",
    "did not find expected <document start>": "documents are separated by a line ---",
    "block sequence entries are not allowed": 'a value that begins with "- " needs quotes',
}
_ESCAPES = re.compile(r"\\.", re.DOTALL)


def not_yaml(error: Any, source: str, first_line: int) -> YamlError:
    """The error for text that libyaml or PyYAML's own parser refuses."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        message = str(error.problem)
        if error.context and not error.context.startswith("while scanning for"):
            message += f" {error.context}"
        where = Position(source, first_line + mark.line, mark.column + 1)
    else:
        message = str(getattr(error, "reason", None) or error)
        where = Position(source, first_line)
    hint = next((hint for words, hint in _HINTS.items() if words in message), None)
    return YamlError(f"not YAML: {message}", where=where, hint=hint)


def bad_escape(raw: str, node: ScalarNode) -> None:
    r"""Raise YamlError for ``\/`` in a double-quoted scalar: libyaml knows it, kubectl does not."""
    if "\\/" in _ESCAPES.findall(raw):
        raise YamlError("not YAML: \\/ is no escape that kubectl knows", where=node.position, hint="write /")
