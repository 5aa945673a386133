"""Changes to what local runs left in a state folder: objects, and the files of pods.

The folder is taken for the time of the changes, so that none is made while an expander is at work in it.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from expander.base import selectors
from expander.base.errors import ExpanderError
from expander.local.kubelet.folders import Folders
from expander.local.state import State
from expander.local.store.objects import Store
from expander.local.submission import submit
from expander.manifests.selection import Selection

Object = Mapping[str, Any]

OTHERS: Final = ("ConfigMap", "Secret", "Service")


class LocalWrites:
    """Writes to the state in ``folder``; use it as a context manager, or `close` it.

    Raises ExpanderError when an expander is at work in the folder.
    """

    def __init__(self, folder: Path, selection: Selection) -> None:
        self.folder = folder
        self._selection = selection
        self._state = State(folder)
        self._store = Store(self._state.database)
        self._folders = Folders(folder)
        self._logs = _logs_by_pod(folder / "logs")

    def create(self, manifest: Object) -> Object:
        """Make the object; gives it as it was stored. An object of its name is an error."""
        made, told = submit(self._store, manifest, time.time(), admit=lambda new: new)
        if told.outcome != "created":
            raise ExpanderError(f"there is a {told.kind} {told.namespace}/{told.name} already")
        self._store.commit()
        return made

    def delete(self, kind: str, object: Object, *, propagation: str = "Background") -> bool:
        """Delete the object with all that belongs to it; False when it is not there any more."""
        found = self._remove(object["metadata"]["uid"])
        self._store.commit()
        return found

    def delete_each(self, kind: str, objects: Iterable[Object]) -> Iterator[Object]:
        """Delete each of the objects; gives those that are gone now."""
        for obj in objects:
            self._remove(obj["metadata"]["uid"])
            yield obj
        self._store.commit()

    def delete_all(self, kind: str, selection: Selection, *, propagation: str = "Background") -> int:
        """Delete every object of ``kind`` that ``selection`` means; how many there were."""
        return sum(1 for _ in self.delete_each(kind, [*self._found(kind, selection)]))

    def labelled(self, kind: str) -> Iterator[Object]:
        """The objects of a kind that bear the labels of the selection themselves."""
        return self._found(kind, self._selection)

    def others(self) -> Iterator[Object]:
        """What else belongs to the selection: its ConfigMaps, Secrets and Services."""
        for kind in OTHERS:
            yield from self._found(kind, self._selection)

    @property
    def is_empty(self) -> bool:
        """Whether there is no Job and no pod left, of this selection or any other."""
        return not any(next(self._store.states(kind), None) for kind in ("Job", "Pod"))

    def close(self) -> None:
        """Give the folder back."""
        self._store.commit()
        self._state.close()

    def _found(self, kind: str, selection: Selection) -> Iterator[Object]:
        wanted = selectors.parse(selection.selector)
        for obj in self._store.of_kind(kind, selection.namespace):
            if wanted.matches(obj["metadata"].get("labels")):
                yield obj

    def _remove(self, uid: str) -> bool:
        obj = self._store.by_uid(uid)
        if obj is None:
            return False
        for dependent in self._store.owned(uid):
            self._remove(dependent["metadata"]["uid"])
        if obj["kind"] == "Pod":
            for path in self._logs.pop(uid, ()):
                os.unlink(path)
            self._folders.of(obj).remove_volumes()
        self._store.remove(obj)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _logs_by_pod(folder: Path) -> dict[str, list[str]]:
    """The files of each pod, by its uid: the third of the parts that `Folders` makes names of."""
    found: dict[str, list[str]] = defaultdict(list)
    if folder.is_dir():
        for name in os.listdir(folder):
            parts = name.split("_", 3)
            if len(parts) == 4:
                found[parts[2]].append(os.path.join(folder, name))
    return found
