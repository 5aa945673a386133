"""The list of groups, made once for all who read it."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from expander.ui.places import Places

GROUPS_SECONDS: Final = 1.0
"""Seconds between two lists of groups, at least."""

COST_FACTOR: Final = 5.0
"""A list of groups is followed by a pause of so many times the time that it took."""


class GroupListing:
    """Lists groups when they are asked for, and no more often than is due."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._text = ""
        self._due = 0.0
        self._here: asyncio.Future[None] | None = None
        self._in_cluster: asyncio.Future[None] | None = None
        self._is_owed = False
        """Whether the cluster is to be listed once more: who asks may know of what this list began before."""

    async def text(self, *, anew: bool = False) -> str:
        """The groups there are, as JSON; those of a moment ago while they are listed anew.

        ``anew`` lists the cluster even if that is not due. Raises what kept the groups from being listed.
        """
        is_due = self._places.is_due or (anew and self._places.has_cluster)
        if is_due and not self._is_cluster_asked:
            self._in_cluster = asyncio.ensure_future(self._list_cluster())
        elif is_due and anew:
            self._is_owed = True
        now = asyncio.get_running_loop().time()
        before = self._here
        if before is None or (before.done() and now >= self._due):
            self._here = asyncio.ensure_future(self._list())
            if before is not None:
                before.result()
        if not self._text and self._here is not None:
            await asyncio.shield(self._here)
        return self._text

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until the groups of the cluster are there if it is being asked for them."""
        if self._in_cluster is not None and self._is_cluster_asked:
            await asyncio.wait({self._in_cluster}, timeout=seconds)
        else:
            await asyncio.sleep(seconds)

    @property
    def _is_cluster_asked(self) -> bool:
        return self._in_cluster is not None and not self._in_cluster.done()

    async def _list_cluster(self) -> None:
        self._is_owed = False
        await asyncio.to_thread(self._places.list_cluster)
        if self._here is not None:
            await asyncio.wait({self._here})
        self._here = asyncio.ensure_future(self._list())
        await asyncio.wait({self._here})
        if self._is_owed:
            self._in_cluster = asyncio.ensure_future(self._list_cluster())

    async def _list(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        found = await asyncio.to_thread(self._places.listing)
        self._text = json.dumps(found, separators=(",", ":"))
        self._due = loop.time() + max(COST_FACTOR * (loop.time() - begun), GROUPS_SECONDS)
