"""What of an earlier run or submission runs again: the rule of ``--rerun``. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from expander.base.errors import UsageError

Rerun = Literal["failed", "changed", "all"]
"""What runs again beside changed Jobs that failed or have not ended: what failed; also complete Jobs whose
manifest has changed; everything."""

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"


def parse_rerun(text: str | None) -> Rerun | None:
    """Raises UsageError for another word than ``failed``, ``changed`` and ``all``."""
    if text is not None and text not in get_args(Rerun):
        raise UsageError(f"rerun: found {text!r}, expected failed, changed or all")
    return text  # type: ignore[return-value]


def runs_again(state: str, *, changed: bool, rerun: Rerun | None) -> bool:
    """Whether a Job in ``state`` (`SUCCEEDED`, `FAILED`, or any other) is made anew.

    ``changed`` says that its manifest has changed.
    """
    if rerun == "all":
        return changed or state in (SUCCEEDED, FAILED)
    if state == SUCCEEDED:
        return changed and rerun == "changed"
    return changed or (state == FAILED and rerun is not None)
