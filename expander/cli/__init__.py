"""The command line: flags, one call into the pipeline, an exit code. One file per command."""

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from expander.base.regex import lazy_patterns

COLLECT_AFTER = 100_000
"""The threshold of the garbage collector: a batch makes many objects and hardly any cycles.

It holds from here on, since loading click and the rest makes many too.
"""

gc.set_threshold(COLLECT_AFTER)

with lazy_patterns():  # click asks for it, by way of uuid, and nobody for what its patterns find
    import platform  # noqa: F401


class _LateInspect(ModuleType):
    """Stands for `inspect` until it is needed: it loads ast, dis and tokenize, a tenth of the smallest start.

    click needs one function of it, for the help of options, and `dataclasses` none for classes with a text.
    """

    @staticmethod
    def cleandoc(text: str) -> str:
        """The text without its indentation."""
        if "\n" in text:
            found: str = _inspect().cleandoc(text)
            return found
        return text.expandtabs().lstrip()

    def __getattr__(self, name: str) -> Any:
        return getattr(_inspect(), name)


def _inspect() -> Any:
    """The module itself."""
    if isinstance(sys.modules["inspect"], _LateInspect):
        del sys.modules["inspect"]
    return import_module("inspect")


if "inspect" not in sys.modules:
    sys.modules["inspect"] = _LateInspect("inspect")
