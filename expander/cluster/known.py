"""What a cluster has of a batch already: by the journal, and by the label of the group."""

from __future__ import annotations

from collections.abc import Callable

from expander.cluster.asking import Asking, ClusterError
from expander.cluster.journal import Journal, mark
from expander.cluster.wire import DIGEST, Prepared


class Known:
    """Marks of the items that need not be sent.

    Objects of each namespace, kind and group are listed when the first item of them is asked about; a list
    that fails costs a question for each item instead, and one line to ``say``.
    """

    def __init__(
        self, journal: Journal, asking: Asking, group_label: str, say: Callable[[str], None]
    ) -> None:
        self._marks = journal.delivered()
        self._asking = asking
        self._group_label = group_label
        self._say = say
        self._asked: set[tuple[str, str]] = set()
        if journal.is_new:
            say(
                "there is no journal of this group and cluster here: what the cluster holds is left as it "
                "is, but a Job that has finished and was deleted would be made again"
            )

    def has(self, item: Prepared) -> bool:
        """Whether the item was delivered: the same object with the same content."""
        if mark(item.key) in self._marks:
            return True
        if (item.collection, item.group) not in self._asked:
            self._asked.add((item.collection, item.group))
            self._learn(item)
        return mark(item.key) in self._marks

    def _learn(self, like: Prepared) -> None:
        if not like.group:
            return
        try:
            for page in self._asking.pages(like.collection, f"{self._group_label}={like.group}"):
                for found in page["items"]:
                    metadata = found["metadata"]
                    digest = (metadata.get("annotations") or {}).get(DIGEST)
                    if digest is not None:
                        self._marks.add(mark(f"{like.collection}/{metadata['name']} {digest}"))
        except ClusterError as error:
            self._say(f"warning: {error}; each item is asked for instead")
