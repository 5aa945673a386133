"""References of the form ``$(NAME)`` in commands, arguments and environment values.

The rules are those of third_party/forked/golang/expansion, which the kubelet uses: ``$$`` stands for one
``$``, a name that is not defined leaves its reference as written, and a single ``$`` means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_each_reference = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``text`` with each reference to one of ``variables`` replaced by its value."""
    if "$" not in text:
        return text
    return _each_reference.sub(
        lambda found: "$" if found[1] is None else variables.get(found[1], found[0]), text
    )


def first_missing(text: str, variables: Mapping[str, str]) -> str | None:
    """The first name that ``text`` refers to and ``variables`` lacks; None when there is none."""
    for found in _each_reference.finditer(text):
        if found[1] is not None and found[1] not in variables:
            return str(found[1])
    return None
