"""How a template is compiled, loaded when annotations are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.base.late_types import late_types

if TYPE_CHECKING:
    from expander.render.compile import Rules, Shell

    __all__ = ["Rules", "Shell"]
else:
    __getattr__ = late_types(__name__, dict.fromkeys(("Rules", "Shell"), "expander.render.compile"))
