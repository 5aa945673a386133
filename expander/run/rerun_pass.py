"""A run with ``--rerun all`` that ended early goes on with the same command, as every other run does."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from expander.base.state_dir import replace_file
from expander.kube.generated_names import created_at
from expander.kube.objects import Object
from expander.manifests.rerun_choice import Rerun

PASS_FILE: Final = "rerun-all"
"""In a state folder: when the run with ``--rerun all`` began that has not come to its end."""


class RerunPass:
    """What runs again by ``rerun``: ``all`` means once, until a run of the group has come to its end.

    ``folder`` is that of the group's state; without it each run is one of its own.
    """

    def __init__(self, rerun: Rerun | None, folder: Path | None = None) -> None:
        self._rerun = rerun
        self._path = None if folder is None else folder / PASS_FILE
        self._since: float | None = None
        if self._path is not None and rerun == "all":
            with suppress(OSError, ValueError):
                self._since = float(self._path.read_text())

    @property
    def is_of_all(self) -> bool:
        """Whether complete Jobs of the same manifest run again too."""
        return self._rerun == "all"

    def begin(self) -> None:
        """Remember that Jobs run again from now on; where that cannot be written it is not remembered."""
        if self._path is not None and self._rerun == "all" and self._since is None:
            with suppress(OSError):
                replace_file(self._path, repr(time.time()).encode())

    def has_made(self, there: Object) -> bool:
        """Whether an earlier command of the same pass has made an object."""
        made = None if self._since is None else created_at(there["metadata"])
        return made is not None and self._since is not None and made >= self._since

    def rule(self, there: Object) -> Rerun | None:
        """What of ``there`` runs again: if this pass has made it, only what failed or has changed."""
        return "changed" if self.has_made(there) else self._rerun

    def end(self) -> None:
        """Every Job of the run has ended: the next ``--rerun all`` runs them again."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
