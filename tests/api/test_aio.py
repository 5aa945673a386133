"""`expander.aio`: calls that do not block a loop, and stop when they are cancelled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import expander
from expander import aio
from tests.api.batches import LONG, TEMPLATE, check_cancelled, ran, template

ALIVE = TEMPLATE.replace("""'echo "got $WORD"; test "$WORD" != bad'""", "'echo $$$$; exec sleep 600'")


def test_calls_have_the_names_and_words_of_the_package() -> None:
    calls = [name for name in dir(aio) if name in expander.__all__]
    assert sorted(calls) == sorted(
        "cleanup diff expand groups logs outcomes plan report results resume retry run status submit suspend validate wait".split()
    )
    assert all(getattr(aio, name).__doc__ == getattr(expander, name).__doc__ for name in calls)
    assert expander.aio is aio


def test_a_batch_is_run_and_followed_while_the_loop_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        manifests = [each.name async for each in aio.expand(template(), ["a"])]
        assert manifests == ["w-a"]
        work = asyncio.create_task(aio.run(template(), ["good", "bad"], runtime="process", state=tmp_path))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 1
        batch = await work
        assert [each.state async for each in aio.outcomes(batch)] == ["Complete", "Failed"]
        assert [line.text async for line in aio.logs(batch)] == ["got good", "got bad"]
        both = await asyncio.gather(aio.status(batch), aio.results("words", state=tmp_path))
        assert [len(each) for each in both] == [2, 2]
        with pytest.raises(expander.InputError, match="no group nothing"):
            await aio.status("nothing", state=tmp_path)

    asyncio.run(main())


def test_a_cancelled_run_has_stopped_its_pods(tmp_path: Path) -> None:
    options: Any = {"runtime": "process", "state": tmp_path, "grace": 0}
    check_cancelled(lambda heard: aio.run(template(ALIVE), ["a"], on_output=heard, **options))


def test_a_wait_that_is_cancelled_or_left_ends(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["a"], LONG, timeout=0.2)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aio.wait(batch), 0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aio.outcomes(batch)), 0.1)
        with pytest.raises(expander.TimedOut):
            await aio.wait(batch, timeout=0.1)

    asyncio.run(main())
