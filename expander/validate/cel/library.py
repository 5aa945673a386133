"""All functions and methods that expressions may call, by name and number of arguments.

The library is that of the API server (k8s.io/apiserver/pkg/cel/environment/base.go): the standard one of CEL
and the extensions that Kubernetes switches on. What is not here is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from expander.validate.cel.functions import (
    authorization,
    conversions,
    kubernetes,
    lists,
    network,
    optionals,
    strings,
    times,
)

Functions: TypeAlias = Mapping[tuple[str, int], Callable[..., Any]]

_MODULES: Final = (authorization, conversions, strings, times, lists, optionals, network, kubernetes)

FUNCTIONS: Final[Functions] = {name: call for module in _MODULES for name, call in module.FUNCTIONS.items()}
"""Global functions; the names of some are qualified, as ``ip.isCanonical``."""

METHODS: Final[Functions] = {name: call for module in _MODULES for name, call in module.METHODS.items()}
"""Methods; the number of arguments is without the target, which is the first argument of the function."""
