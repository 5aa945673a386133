"""`expander.groups`: the batches that ran on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable

from expander.api.arguments import raise_error
from expander.base.errors import ExpanderError
from expander.group.known.listing import KnownGroup


def groups(
    *, state: str | os.PathLike[str] | None = None, on_error: Callable[[ExpanderError], None] | None = None
) -> list[KnownGroup]:
    """The batches that ran on this machine, as ``expander groups`` lists them, by name.

    ``state`` is the state folder, by default that of the command. Raises ExpanderError for the first group
    whose state cannot be read; with ``on_error`` that function gets the errors and the others are listed.
    """
    from expander.base.state_dir import state_folder
    from expander.group.known.listing import local_groups
    from expander.manifests.edits import GROUP_LABEL

    root = state_folder("any", None if state is None else os.fspath(state)).parent
    return [*local_groups(root, GROUP_LABEL, on_error or raise_error)]
