"""The group that was used last in a folder, and with which command: kept in the state folder.

``_used/HASH.json`` belongs to one working folder and has its groups, the last one first. It is a convenience:
where it cannot be written or read nothing is remembered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.digests import sha256
from expander.base.state_dir import make_private, replace_file, state_folder

FOLDER: Final = "_used"
MAX_GROUPS: Final = 20
"""Groups remembered for each working folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUse:
    """A command about a group, empty if all were dry runs.

    ``at`` is Unix seconds; the other fields are options of commands.
    """

    group: str
    local: bool
    namespace: str | None = None
    everywhere: bool = False
    kubeconfig: str | None = None
    context: str | None = None
    group_label: str = "jobgroup"
    command: str = ""
    at: float = 0.0

    @property
    def place(self) -> tuple[object, ...]:
        """What tells it from other groups of the same name."""
        if self.local:
            return self.group, True
        return self.group, False, self.namespace, self.everywhere, self.kubeconfig, self.context

    @property
    def where(self) -> str:
        """Where the group is, for people."""
        if self.local:
            return "local"
        parts = [f"context {self.context}" if self.context else "cluster"]
        parts += [f"namespace {self.namespace}"] if self.namespace else []
        return ", ".join(parts)


def remember(use: GroupUse, state: str | None = None) -> None:
    """Note ``use`` for the current folder; ``state`` is the state folder if it is not the default one.

    Without a command the one that is known stays.
    """
    with suppress(OSError, ValueError):
        path = _path(state)
        known = _read(path)
        if not use.command and (before := [each for each in known if each.place == use.place]):
            use = replace(use, command=before[0].command, at=before[0].at)
        found = [use, *(each for each in known if each.place != use.place)][:MAX_GROUPS]
        make_private(path.parent)
        text = json.dumps({"folder": os.getcwd(), "groups": [asdict(each) for each in found]})
        replace_file(path, text.encode("utf-8", "surrogatepass"))


def used_here(state: str | None = None) -> list[GroupUse]:
    """The groups of the current folder, the last used one first; local ones may be gone."""
    try:
        return _read(_path(state))
    except OSError:  # the folder itself is gone
        return []


def is_gone(use: GroupUse, state: str | None = None) -> bool:
    """Whether it is a local group whose state is there no more."""
    return use.local and not (state_folder(use.group, state) / "state.db").exists()


def used_anywhere(state: str | None = None) -> Iterator[GroupUse]:
    """What is remembered for all folders."""
    folder = state_folder(FOLDER, state)
    with suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            yield from _read(path)


def _path(state: str | None) -> Path:
    name = sha256(os.fsencode(os.getcwd())).hexdigest()[:16]
    return state_folder(FOLDER, state) / f"{name}.json"


def _read(path: Path) -> list[GroupUse]:
    try:
        groups: Any = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))["groups"]
        return [GroupUse(**each) for each in groups]
    except (OSError, ValueError, KeyError, TypeError):
        return []
