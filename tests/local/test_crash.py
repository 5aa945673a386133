"""An executor that is killed at any moment loses nothing, completes nothing twice and leaves no process.

``EXPANDER_CRASH_ROUNDS`` says how often a batch is killed before it is let through (``50`` takes a minute).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from expander.group.known.summaries import summary_of
from expander.local.runtime.journal_recovery import recover
from expander.local.runtime.runtime import Exit
from expander.local.store.database import open_database
from expander.local.store.objects import ObjectStore

PROGRAM = Path(__file__).with_name("batch_program.py")
ITEMS = 200
PATIENCE = 60.0
LEAVING = 5.0
ROUNDS = int(os.environ.get("EXPANDER_CRASH_ROUNDS", "6"))


class Batch:
    """A batch, its folders, and what the supervisors' records said of it so far."""

    def __init__(self, folder: Path) -> None:
        self.state, self.out = folder / "state", folder / "out"
        self.out.mkdir(parents=True)
        self.ends: dict[str, Exit] = {}
        self.owners: dict[str, str] = {}
        """The Job of every pod that was ever seen, by uid."""

    def start(self) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, str(PROGRAM), str(self.state), str(self.out), str(ITEMS)]
        return subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])})

    def kill_after(self, seconds: float) -> bool:
        """Run the program, kill it after so many seconds; whether it was killed before its end."""
        program = self.start()
        try:
            program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
            return True
        assert program.returncode == 0
        return False

    def look(self) -> None:
        """Read what the supervisors recorded, which waits until they have ended, and what was stored."""
        for end in recover(self.state / "runs"):
            self.ends[end.key] = end
        if (self.state / "state.db").exists():
            for pod in self.stored("Pod"):
                metadata = pod["metadata"]
                self.owners[metadata["uid"]] = metadata["ownerReferences"][0]["name"]
            self.look_at_summaries()

    def look_at_summaries(self) -> int:
        """How many Jobs have a summary; each says what the Job and its pod say."""
        with closing(open_database(self.state / "state.db")) as database:
            store, query = ObjectStore(database), "SELECT uid, summary FROM objects WHERE summary IS NOT NULL"
            found = database.execute(query).fetchall()
            for uid, summary in found:
                assert summary == summary_of(store.by_uid(uid) or {}, partial(store.owned, uid))
            return len(found)

    def stored(self, kind: str) -> list[dict[str, Any]]:
        with closing(open_database(self.state / "state.db")) as database:
            return list(ObjectStore(database).of_kind(kind))

    def wait_until_nobody_is_left(self) -> None:
        """A supervisor that was still coming up when its program was killed has no record to wait for."""
        end = time.monotonic() + LEAVING
        while left := self.processes():
            assert time.monotonic() < end, left
            time.sleep(0.01)

    def processes(self) -> list[str]:
        """The processes on this machine that have to do with this batch."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                except OSError:
                    continue
                if str(self.out.parent).encode() in text and int(folder.name) != os.getpid():
                    found.append(text.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def check(self) -> None:
        """The batch is complete, and every item has come to its own end exactly once."""
        jobs = {job["metadata"]["name"]: job["status"] for job in self.stored("Job")}
        assert len(jobs) == ITEMS
        assert {status.get("succeeded") for status in jobs.values()} == {1}
        assert {status.get("failed") for status in jobs.values()} == {None}
        assert self.look_at_summaries() == ITEMS
        completed = {end.key.split("/")[0] for end in self.ends.values() if not end.lost}
        cut_short = {end.key.split("/")[0] for end in self.ends.values() if end.lost}
        done = [pod["metadata"]["uid"] for pod in self.stored("Pod")]
        assert set(done) == completed
        assert len(done) == ITEMS
        assert set(Counter(self.owners[uid] for uid in completed).values()) == {1}
        for item in range(ITEMS):
            written = (self.out / str(item)).read_text().split("\n")[:-1]
            ended = [uid for what, uid in map(str.split, written) if what == "end" and uid not in cut_short]
            assert len(ended) == 1, f"item {item}: {written}"
            assert self.owners[ended[0]] == f"item-{item}"
            assert len(set(written)) == len(written), f"item {item} ran twice as one pod: {written}"


def run(folder: Path, rounds: int, seed: int) -> int:
    """One batch with so many kills or fewer, if it ends before; how many there were."""
    moments = random.Random(seed)
    batch = Batch(folder)
    kills = 0
    killed = True
    while killed:
        moment = moments.choice((0.15, 0.6, 1.2)) * moments.random() + 0.02
        killed = batch.kill_after(moment if kills < rounds else PATIENCE)
        kills += killed
        assert kills <= rounds, "the batch does not end"
        batch.look()
        batch.wait_until_nobody_is_left()
    batch.check()
    return kills


def test_a_batch_that_is_killed_at_random_moments_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    kills = 0
    batches = 0
    while kills < ROUNDS:
        kills += run(tmp_path / f"batch-{batches}", ROUNDS - kills, seed=time.time_ns())
        batches += 1
