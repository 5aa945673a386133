"""A collection is deleted in turns of a certain time, between which others are answered."""

import asyncio
import time
from itertools import count
from pathlib import Path

import pytest

from expander.kube.scheme import BY_KIND
from expander.local.apiserver import delete
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.storage import ExecutorLoop, Storage
from expander.local.apiserver.turns import TURN_ROUNDS

MAPS = BY_KIND["ConfigMap"]
MANY = 30


@pytest.mark.parametrize(("clock", "turns"), [(lambda: 0.0, 1), (count().__next__, 2 * MANY * TURN_ROUNDS)])
def test_others_have_a_turn_when_it_has_taken_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: object, turns: int
) -> None:
    monkeypatch.setattr(time, "monotonic", clock)

    async def story(storage: Storage) -> tuple[int, int]:
        backend = Backend(storage, ExecutorLoop(storage))
        for number in range(MANY):
            metadata = {"name": f"c{number}", "namespace": "default", "uid": f"u{number}"}
            storage.create(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        backend.loop.start()
        deleting = asyncio.ensure_future(delete.collection(backend, Target(MAPS, "default", ""), None, {}))
        answered = 0
        while not deleting.done():
            answered += 1
            await asyncio.sleep(0)
        backend.loop.stop()
        return answered, len([*storage.objects(MAPS, "default")])

    with Storage(tmp_path, runtime="process", shared=True) as storage:
        answered, left = asyncio.run(story(storage))
    assert left == 0
    assert abs(answered - turns) <= 3
