"""What an option of a run or submission may be, loaded when annotations are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.base.late_types import late_types

if TYPE_CHECKING:
    from expander.run.escalation import Escalation

    __all__ = ["Escalation"]
else:
    __getattr__ = late_types(__name__, {"Escalation": "expander.run.escalation"})
