"""The items of a run that became no manifest, which the group remembers until its next run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from expander.base.state_dir import replace_file
from expander.base.text import ItemNumbers, counted

if TYPE_CHECKING:
    from pathlib import Path

REFUSED_FILE: Final = "refused"
"""The file in the state of a group."""


def keep_refused(folder: Path, refused: ItemNumbers) -> None:
    """Remember the items that a run refused in the state folder of its group, in place of those before.

    Where that cannot be written nothing is remembered.
    """
    path = folder / REFUSED_FILE
    with suppress(OSError):
        if refused.count:
            was = "was" if refused.count == 1 else "were"
            words = f"{counted(refused.count, 'item')} {was} refused by the last run: {refused}"
            replace_file(path, words.encode())
        else:
            path.unlink(missing_ok=True)


def refused_before(folder: Path) -> str:
    """What there is to say of the items that the last run of a group refused; empty if it refused none."""
    try:
        return (folder / REFUSED_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
