"""Items by name: those that a user names, by key, item, Job or pod or a glob of these, and their order.

A name means one thing in the whole group: the items with this key, else the Jobs of this name, else the index
``NAME/INDEX``, else, if it has one of ``*?[`` in it, all that it matches as a glob. So an item can be named
whatever characters its key has, and whatever other items are called.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from fnmatch import translate
from itertools import chain
from typing import Any, Final

from expander.base.errors import suggest
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.base.text import NaturalOrder, natural
from expander.kube.objects import Object
from expander.kube.workloads import WORKLOADS
from expander.manifests.rerun import place_of
from expander.run.chunk_log import chunk_items

_KINDS: Final = ("job", "jobs", *(each.title for each in WORKLOADS))
"""What may stand in front of the name of a Job."""

_GLOB: Final = regex(r"[*?[]")


class ItemNames(NamedTuple):
    """All that an item can be called by, in the order in which it counts."""

    keys: tuple[str, ...]
    jobs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, key: str, item: str, job: str, index: int | None = None) -> ItemNames:
        """The names of an item: its key and text, its Job, also as kubectl writes it, an index of these."""
        keys = tuple(dict.fromkeys(filter(None, (key, item))))
        parts = () if index is None else tuple(f"{name}/{index}" for name in dict.fromkeys((*keys, job)))
        return cls(keys, (job, *(f"{kind}/{job}" for kind in _KINDS)), parts)


class NameSelection:
    """The items that ``wanted`` means; `decide` says what each name means, and none is a glob before that."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._found = dict.fromkeys(wanted, False)
        self._globs = {text: re.compile(translate(text)) for text in wanted if _GLOB.search(text)}
        self._meaning: dict[str, int] = {}
        """The place in `ItemNames` of the names that are exactly those of an item."""

    def __bool__(self) -> bool:
        return bool(self._found)

    def decide(self, group: Iterable[ItemNames]) -> None:
        """Decide by the names of the whole group; what has matched before keeps its meaning."""
        if not self:
            return
        for names in group:
            for place, texts in enumerate(names):
                for text in texts:
                    if not self._found.get(text, True):
                        self._meaning[text] = min(place, self._meaning.get(text, place))

    def matches(self, names: ItemNames) -> bool:
        """Whether one of ``names`` is meant."""
        found = False
        for place, texts in enumerate(names):
            for text in texts:
                if text in self._found and self._meaning.get(text, place) == place:
                    self._found[text] = found = True
        for text, glob in self._globs.items():
            if text not in self._meaning and any(glob.match(name) for texts in names for name in texts):
                self._found[text] = found = True
        return found

    @property
    def unknown(self) -> list[str]:
        """The wanted names that have matched nothing so far."""
        return [name for name, found in self._found.items() if not found]


def name_hint(name: str, jobs: Iterable[Object], known: Iterable[ItemNames]) -> str | None:
    """What to say of a ``name`` that is none of the ``known`` ones: that it is an item of a chunk, or the
    nearest name."""
    for job in jobs:
        if name in chunk_items(job):
            chunk = job["metadata"]["name"]
            return f"it is one of the items of Job {chunk}, which are done together: name {chunk}"
    text = name.strip("*").lower()
    every = [(*names.keys, *names.jobs[:1]) for names in known]
    holding = [texts[0] for texts in every if text and any(text in each.lower() for each in texts)]
    close = min(holding, key=len, default=None) or suggest(name, chain.from_iterable(every))
    if close and (pattern := _value_pattern(text, close)) and len(holding) > 1:
        return f"did you mean {close}, or all of {shlex.quote(pattern)}?"
    return f"did you mean {close}?" if close else None


def _value_pattern(value: str, key: str) -> str | None:
    """The pattern of the keys that have ``value`` in the column in which ``key`` has it, if it does."""
    parts = key.split(",")
    found = [part.partition("=")[2].lower() == value for part in parts]
    if len(parts) < 2 or sum(found) != 1:
        return None
    at = found.index(True)
    return f"{'*,' if at else ''}{parts[at]}{'' if at == len(parts) - 1 else ',*'}"


def job_order(job: Object, sort: str = "input") -> tuple[Any, ...]:
    """A key that sorts Jobs as their items were given (``input``), or by ``name`` with numbers as numbers.

    Items were given in the order in which they were submitted or their Jobs created; where a server tells
    only the second of that, the name decides.
    """
    metadata = job["metadata"]
    if sort == "input":
        return str(metadata.get("namespace")), place_of(job), NaturalOrder(metadata["name"])
    return str(metadata.get("namespace")), "", natural(metadata["name"])
