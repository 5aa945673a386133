"""What a cluster has of a batch already: by the journal, and by the label of the group."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from expander.client.client import Asking, ClusterError
from expander.cluster.journal import Journal, mark
from expander.cluster.wire import DIGEST, Prepared

HEAD_START: Final = 2.0
"""Seconds in which a list may be read before items are sent that it may tell of."""

MISSES: Final = 100
"""Items that were found in the cluster and not in the journal, after which a list costs less than asking."""


class Known:
    """Marks of the items that need not be sent.

    A journal misses only what was under way when its process ended. So the cluster's objects are listed, for
    each namespace, kind and group, only when the journal is new or turned out to miss more. Sending does not
    wait for a list that takes long: what it has not told of yet is asked for item by item.
    """

    def __init__(
        self, journal: Journal, asking: Asking, group_label: str, say: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._marks = journal.delivered()
        self._there: set[bytes] = set()
        self._is_new = journal.is_new
        self._asking = asking
        self._group_label = group_label
        self._say = say
        self._listed: set[tuple[str, str]] = set()
        self._missed: Counter[tuple[str, str]] = Counter()
        if journal.is_new:
            say(
                "there is no journal of this group and cluster here: what the cluster holds is left as it "
                "is, but a Job that has finished and was deleted would be made again"
            )

    def has(self, item: Prepared) -> bool:
        """Whether the item was delivered: the same object with the same content.

        Raises OutputError when the journal cannot be told of what a list told.
        """
        sought = mark(item.key)
        if sought in self._marks:
            return True
        lister = self._list(item) if self._is_new else None
        if lister is not None:
            lister.join(HEAD_START)
        if sought not in self._there:
            return False
        self._journal.add(item.key, "unchanged")
        self._marks.add(sought)
        return True

    def found(self, item: Prepared) -> None:
        """The item was sent, and was there already."""
        scope = (item.collection, item.group)
        self._missed[scope] += 1
        if self._missed[scope] >= MISSES:
            self._list(item)

    def _list(self, like: Prepared) -> threading.Thread | None:
        """Begin the list that tells of the item, once; None when it was begun before, or there is none."""
        scope = (like.collection, like.group)
        if not like.group or scope in self._listed:
            return None
        self._listed.add(scope)
        lister = threading.Thread(target=self._learn, args=(like,), daemon=True)
        lister.start()
        return lister

    def _learn(self, like: Prepared) -> None:
        try:
            for page in self._asking.pages(like.collection, f"{self._group_label}={like.group}"):
                for found in page["items"]:
                    metadata = found["metadata"]
                    digest = (metadata.get("annotations") or {}).get(DIGEST)
                    if digest is not None:
                        self._there.add(mark(f"{like.collection}/{metadata['name']} {digest}"))
        except ClusterError as error:
            self._say(f"warning: {error}; each item is asked for instead")
