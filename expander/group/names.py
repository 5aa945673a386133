"""Items by name: those that a user names, by key, item, Job or pod or a glob of these, and their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Any, Final

from expander.base.regex import regex
from expander.base.text import natural
from expander.kube.objects import Object
from expander.manifests.rerun import first_created

_GLOB: Final = regex(r"[*?[]")


class NameSelection:
    """The names in ``wanted``; each of them is also a glob if it has one of ``*?[`` in it."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = dict.fromkeys(wanted, False)
        self._globs = {text: re.compile(translate(text)) for text in wanted if _GLOB.search(text)}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def matches(self, names: Iterable[str]) -> bool:
        """Whether one of ``names`` is meant."""
        found = False
        for name in names:
            if name in self._wanted:
                self._wanted[name] = found = True
            for text, glob in self._globs.items():
                if glob.match(name):
                    self._wanted[text] = found = True
        return found

    @property
    def unknown(self) -> list[str]:
        """The wanted names that have matched nothing so far."""
        return [name for name, found in self._wanted.items() if not found]


def job_order(job: Object, sort: str = "input") -> tuple[Any, ...]:
    """A key that sorts Jobs as their items were given (``input``), or by ``name`` with numbers as numbers.

    Items were given in the order in which their Jobs were created; where a server tells only the second of
    that, the name decides.
    """
    metadata = job["metadata"]
    created = first_created(job) if sort == "input" else 0.0
    return str(metadata.get("namespace")), created, natural(metadata["name"])
