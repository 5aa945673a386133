"""How many items a batch has, for the time that is left."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from expander.base.errors import ExpanderError


class ItemCount:
    """Counts in a thread of its own when it is first asked; None until then, and when it cannot be known.

    Items of standard input can be read only once, and files of manifests are not counted.
    """

    def __init__(self, arguments: tuple[str, ...], flags: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._flags = flags
        self._found: int | None = None
        self._begun = False

    def __call__(self) -> int | None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._count, daemon=True).start()
        return self._found

    def _count(self) -> None:
        from expander.batch.load import is_template
        from expander.cli.selection import spec_of
        from expander.items import items

        flags = self._flags
        if any(source.rpartition(":")[2].rpartition("=")[2] == "-" for source in flags["sources"]):
            return
        try:
            if is_template(self._arguments, bool(flags["sources"] or flags["include"])):
                spec = spec_of(self._arguments[1:], flags)
                self._found = 1 if spec is None else sum(1 for _ in items(spec))
        except ExpanderError:
            return  # whoever reads the batch says what is wrong
