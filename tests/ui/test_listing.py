"""The list of groups, made for many readers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from expander.group.open import GroupSelector
from expander.ui.listing import GroupListing
from expander.ui.places import Places


class ClusterOfNames(Places):
    """Places in which a cluster has the groups ``names``."""

    def __init__(self, *, local: bool = False) -> None:
        super().__init__(GroupSelector(local=local))
        self.names: list[str] = []
        self.asked = 0
        self.answer: Callable[[], object] = bool
        self._known: list[str] = []

    def list_cluster(self) -> None:
        self.asked += 1
        there = [*self.names]
        self.answer()
        self._known = there
        self._due = float("inf")

    def listing(self) -> dict[str, Any]:
        return {"groups": self._known}


def test_a_page_that_is_opened_shows_what_was_submitted_just_before() -> None:
    places = ClusterOfNames()

    async def opened() -> None:
        listing = GroupListing(places)
        for names in (["a"], ["a", "b"]):
            places.names = names
            while json.loads(await listing.text(anew=True))["groups"] != names:
                await listing.wait(0.01)

    asyncio.run(asyncio.wait_for(opened(), 50))


def test_a_page_that_is_opened_while_the_cluster_is_listed_shows_what_came_meanwhile() -> None:
    places, begun, answered = ClusterOfNames(), threading.Event(), threading.Event()

    def answer() -> None:
        begun.set()
        answered.wait()

    places.answer = answer

    async def opened() -> None:
        listing = GroupListing(places)
        await listing.text(anew=True)
        await asyncio.to_thread(begun.wait)
        places.names = ["a"]
        await listing.text(anew=True)
        asyncio.get_running_loop().call_later(0.01, answered.set)
        while json.loads(await listing.text())["groups"] != ["a"]:
            await listing.wait(600)

    asyncio.run(asyncio.wait_for(opened(), 50))
    assert places.asked == 2


def test_a_reader_waits_no_longer_than_the_cluster_takes_to_answer() -> None:
    places, answered = ClusterOfNames(), threading.Event()
    places.answer = answered.wait

    async def opened() -> str:
        listing = GroupListing(places)
        places.names = ["a"]
        assert json.loads(await listing.text(anew=True))["groups"] == []  # it has not answered yet
        asyncio.get_running_loop().call_later(0.01, answered.set)
        await listing.wait(600)
        return await listing.text()

    assert json.loads(asyncio.run(asyncio.wait_for(opened(), 50)))["groups"] == ["a"]


@pytest.mark.parametrize(("local", "asked"), [(False, 1), (True, 0)])
def test_many_pages_opened_at_once_ask_the_cluster_once_if_there_is_one(local: bool, asked: int) -> None:
    places = ClusterOfNames(local=local)

    async def opened() -> None:
        listing = GroupListing(places)
        await asyncio.gather(*(listing.text(anew=True) for _ in range(20)))
        await listing.wait(0.01)

    asyncio.run(opened())
    assert places.asked == asked
