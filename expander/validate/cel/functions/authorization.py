"""What rules ask the authorizer (``cel/library/authz.go`` of apiserver): only a server can answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from expander.validate.cel.values import UncheckedError


def _ask(*_: Any) -> NoReturn:
    raise UncheckedError("only the server's authorizer knows")


FUNCTIONS: Final[Mapping[tuple[str, int], Callable[..., Any]]] = {}
METHODS: Final[Mapping[tuple[str, int], Callable[..., Any]]] = {
    ("allowed", 0): _ask,
    ("check", 1): _ask,
    ("error", 0): _ask,
    ("errored", 0): _ask,
    ("fieldSelector", 1): _ask,
    ("group", 1): _ask,
    ("labelSelector", 1): _ask,
    ("name", 1): _ask,
    ("namespace", 1): _ask,
    ("path", 1): _ask,
    ("reason", 0): _ask,
    ("resource", 1): _ask,
    ("serviceAccount", 2): _ask,
    ("subresource", 1): _ask,
}
