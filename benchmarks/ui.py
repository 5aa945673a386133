"""How soon the live page shows a large group and what changes in it, in Chromium and for many readers.

    python -m benchmarks.ui [--items 10000] [--readers 50]

A group of that many items has run, but for a few that wait. Chromium opens the page of `expander ui`: the
first paint, and when all items are there. Then the waiting items are let go one by one: from the end of the
item's container, as its runtime tells it, to the page that has it, with one reader and beside many others.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.timing import verdict
from tests.group.browser import Browser
from tests.ui.page_server import PageServer, make_group

EXPANDER = str(Path(sys.executable).parent / "expander")
PAINT_SECONDS, UPDATE_SECONDS = 1.0, 0.1
"""The goals: all items of a group, and a change of one."""

EVENTS = 12
"""Items that wait until they are let go, for each measure."""

SCRIPT = "case $1 in wait-*) : < FOLDER/$1;; esac"
ALL = """new Promise((done) => {
  const look = () => {
    if (data.items.length < COUNT) setTimeout(look, 5);
    else requestAnimationFrame(() => done(performance.now()));
  };
  look();
})"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SEEN = """new Promise((done) => {
  const look = () => {
    const item = data.items.find((each) => each[LABEL] === "NAME");
    if (item && item[END] !== null) done(Date.now() / 1000 - data.begin - item[END]);
    else setTimeout(look, 1);
  };
  look();
})"""


class Group:
    """A group at work: all its items have run but those that wait."""

    def __init__(self, folder: Path, state: Path, items: int) -> None:
        self._folder = folder
        self._left = iter(range(2 * EVENTS))
        words = make_group(folder, state, "big", SCRIPT.replace("FOLDER", str(folder)))
        (folder / "items").write_text("".join(f"{n}\n" for n in range(items)))
        waiting = [f"wait-{n}" for n in range(2 * EVENTS)]
        for each in waiting:
            os.mkfifo(folder / each)
        (folder / "waiting").write_text("".join(f"{name}\n" for name in waiting))
        words += ["-i", str(folder / "items"), "-i", str(folder / "waiting"), "--combine", "chain"]
        words += ["--jobs", str(2 * EVENTS + 4), "--runtime", "process"]
        self._run = subprocess.Popen([EXPANDER, *words], stderr=subprocess.DEVNULL)
        listed = [EXPANDER, "groups", "--local", "--state", str(state), "-o", "json"]
        while _complete(subprocess.run(listed, capture_output=True, check=False).stdout) < items:
            time.sleep(2)

    def end_one(self) -> str:
        """Let an item end; its name."""
        name = f"wait-{next(self._left)}"
        (self._folder / name).write_text("")
        return name

    def end(self) -> None:
        """Let all end."""
        for number in self._left:
            (self._folder / f"wait-{number}").write_text("")
        self._run.wait()


def _complete(listed: bytes) -> int:
    """How many items of the group are complete."""
    groups = json.loads(listed or b"[]")
    return int(groups[0]["complete"]) if groups else -1


def read(server: PageServer, path: str) -> None:
    """Read a stream of the server until it ends, and throw it away."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.address).port or 0)
    token = parse_qs(urlsplit(server.address).fragment)["token"][0]
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    with suppress(http.client.HTTPException):  # the server ends
        while answer.read1(1 << 20):
            pass


def cpu_seconds(pid: int) -> float:
    """The seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def delays(browser: Browser, group: Group) -> list[float]:
    """Seconds from the ends of items to the page that has them, in order of length."""
    found = []
    for _ in range(EVENTS):
        time.sleep(0.5)
        found.append(browser.evaluate(SEEN.replace("NAME", group.end_one())))
    return sorted(found)


def main() -> None:
    """Measure, and print each with its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = Group(folder, folder / "state", given.items)
        with PageServer(folder / "state", "--local", "--group", "big") as server, Browser(folder) as browser:
            browser.open(server.address)
            there = browser.evaluate(ALL.replace("COUNT", str(given.items))) / 1000
            first = browser.evaluate(PAINT)
            print(f"{given.items:,} items: first paint {first:.0f} ms, all items {there * 1000:.0f} ms")
            verdict("first paint of all items", there / PAINT_SECONDS, "1 s", there < PAINT_SECONDS)
            time.sleep(5)
            told(browser, group, "one reader")
            for path in ("/api/group?local=true&group=big", "/api/groups") * given.readers:
                threading.Thread(target=read, args=(server, path), daemon=True).start()
            time.sleep(10)
            begun, before = time.monotonic(), cpu_seconds(server.process.pid)
            told(browser, group, f"{given.readers} more readers")
            spent = (cpu_seconds(server.process.pid) - before) / (time.monotonic() - begun)
            print(f"server with {given.readers} more readers: {spent:.0%} of a core")
        group.end()


def told(browser: Browser, group: Group, who: str) -> None:
    """Print how long changes took."""
    found = delays(browser, group)
    middle = statistics.median(found)
    longest = f"at most {found[-1] * 1000:.0f} ms"
    print(f"an item ends, {who}: {middle * 1000:.0f} ms until it is on the page, {longest}")
    verdict(f"median, {who}", middle / UPDATE_SECONDS, "100 ms", middle < UPDATE_SECONDS)


if __name__ == "__main__":
    main()
