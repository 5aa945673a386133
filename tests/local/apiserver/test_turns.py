"""A list is of one moment, whatever others change in the turns they have meanwhile."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.scheme import BY_KIND
from expander.local.apiserver import read
from expander.local.apiserver.read import ListSelector, list_selector
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.storage import ExecutorLoop, Storage

MAPS = BY_KIND["ConfigMap"]
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "remove"]), NAMES, st.booleans()), max_size=12)
ROUNDS = st.lists(CHANGES, max_size=8)


def change(storage: Storage, step: str, name: str, red: bool) -> None:
    """Create, replace or remove the ConfigMap of that name, if that can be."""
    old = storage.object(MAPS, "default", name)
    if step == "remove":
        if old is not None:
            storage.remove(MAPS, old, "Background", None)
        return
    metadata: dict[str, Any] = {"name": name, "namespace": "default", "labels": {"red": str(red).lower()}}
    if old is not None:
        storage.replace(MAPS, old, {**old, "metadata": {**old["metadata"], **metadata}})
        return
    metadata["uid"] = f"uid-{storage.version}"
    storage.create(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    storage.keep()


def seen(storage: Storage, wanted: ListSelector) -> list[Any]:
    """What is meant at this moment."""
    return [*filter(wanted.means, storage.objects(MAPS, "default"))]


@pytest.mark.parametrize("history", [0, 3, 1000])
@given(CHANGES, ROUNDS, st.sampled_from(["", "red=true", "red!=true"]), st.none() | st.integers(1, 4))
def test_a_list_is_of_the_version_it_says(
    history: int, before: list[Any], rounds: list[list[Any]], labels: str, most: int | None
) -> None:
    async def story(storage: Storage, later: Iterator[list[Any]]) -> None:
        backend = Backend(storage, ExecutorLoop(storage))
        for each in before:
            change(storage, *each)
        wanted = list_selector(Target(MAPS, "default", ""), {"labelSelector": labels})
        states = {storage.version: seen(storage, wanted)}
        listing = asyncio.ensure_future(read.list_objects(backend, wanted, most=most))
        while not listing.done():
            await asyncio.sleep(0)
            for each in next(later, ()):
                change(storage, *each)
                states[storage.version] = seen(storage, wanted)
        found = await listing
        assert found is not None
        assert found[0] == states[found[1]][:most]
        assert history != 1000 or found[1] == min(states)

    with (
        tempfile.TemporaryDirectory() as folder,
        Storage(Path(folder), runtime="process", shared=True, history=history) as storage,
        patch.object(time, "monotonic", count().__next__),
    ):
        asyncio.run(story(storage, iter(rounds)))
