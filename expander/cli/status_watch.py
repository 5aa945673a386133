"""``expander status --watch``: a picture that is kept up to date on a terminal, else a line per change."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from typing import Any, Final

from expander.cli import status_data, status_text
from expander.cli.messages import Output, printable
from expander.cli.signals import Interrupts
from expander.group.job_status import Following, Standing, overviews
from expander.group.source import Reader
from expander.kube.objects import Object
from expander.run.outcomes import ACTIVE, COMPLETE, FAILED, PENDING, SUSPENDED

REFRESH: Final = 0.5
"""Seconds between two pictures."""

RANKS: Final = {FAILED: 0, ACTIVE: 2, PENDING: 3, SUSPENDED: 4, COMPLETE: 5}
"""What comes first when not all items find room; unfinished ones in trouble come right after the failed."""


def watch(reader: Reader, output: str, states: set[str], label: str, named: str | None) -> int:
    """Follow until interrupted; gives the exit code. ``states`` are those of the Jobs that are shown."""
    out = Output()
    show: _Lines | _Picture
    if output in ("table", "wide") and sys.stdout.isatty():
        show = _Picture(states, label, named, wide=output == "wide")
    else:
        show = _Lines(out, output, states, label, named)
    stop: list[int] = []
    following = Following(reader)
    with Interrupts(stop.append, _end), show:
        waiting: dict[str, None] | None = {}  # until all that is there at the start is known
        for change in reader.changes(lambda: bool(stop)):
            uids = [*following.explain(), *(waiting or ())] if change is None else [following.see(change)]
            if change is None:
                waiting = None
            elif waiting is not None:
                waiting |= dict.fromkeys(uids)
                continue
            elif change.type == "DELETED" and change.object["kind"] == "Job":
                show.gone(change.object)
            show.changed(following, uids)
    out.finish()
    return 130


def _end() -> None:
    raise KeyboardInterrupt


class _Lines:
    """A line for each Job whose state or reason is another one; with ``json`` each version of each Job."""

    def __init__(self, out: Output, output: str, states: set[str], label: str, named: str | None) -> None:
        self._out = out
        self._output = output
        self._states = states
        self._label = label
        self._named = named
        self._told: dict[str, object] = {}

    def __enter__(self) -> _Lines:
        if self._output == "csv":
            self._put(status_data.csv_line(status_data.COLUMNS))
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def gone(self, job: Object) -> None:
        """A Job was deleted."""
        self._told.pop(job["metadata"]["uid"], None)
        if self._output in ("table", "wide"):
            self._put(f"{_clock()}  {job['metadata']['name']}  deleted\n")

    def changed(self, following: Following, uids: Iterable[str]) -> None:
        """Something of these Jobs may be new."""
        for uid in uids:
            one = following.standing(uid)
            if one is None or (self._states and one.state not in self._states):
                self._told.pop(uid, None)
                continue
            news: object = (one.state, one.why)
            if self._output == "json":
                news = one.job["metadata"].get("resourceVersion")
            if self._told.get(uid) != news:
                self._told[uid] = news
                self._put(self._line(one))

    def _line(self, one: Standing) -> str:
        if self._output == "json":
            return json.dumps(status_data.shown(one.job), ensure_ascii=False) + "\n"
        if self._output == "csv":
            return status_data.csv_row(one, self._label, self._named)
        if self._output == "name":
            return f"{status_data.name_of(one.job)}\n"
        why = one.why
        if self._output == "wide" and one.message and one.state != COMPLETE:
            why = f"{why}: {one.message}"
        parts = [_clock(), one.outcome.name, one.state, why]
        return printable("  ".join(part for part in parts if part)) + "\n"

    def _put(self, text: str) -> None:
        self._out.put(text)
        self._out.finish()


class _Picture:
    """The tables, drawn again and again on a terminal; what does not fit is left out, the complete first."""

    def __init__(self, states: set[str], label: str, named: str | None, *, wide: bool) -> None:
        self._states = states
        self._label = label
        self._named = named
        self._wide = wide
        self._drawn_at = 0.0
        self._live: Any = None

    def __enter__(self) -> _Picture:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(), auto_refresh=False, vertical_overflow="crop")
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def gone(self, job: Object) -> None:
        """A Job was deleted: the next picture is without it."""

    def changed(self, following: Following, uids: Iterable[str]) -> None:
        """Something may be new, or time has passed."""
        if time.monotonic() - self._drawn_at < REFRESH:
            return
        from rich.text import Text

        size = self._live.console.size
        text = "".join(
            line[: size.width - 1].rstrip("\n") + "\n" for line in self._lines(following, size.height)
        )
        self._live.update(Text(text.rstrip("\n"), no_wrap=True), refresh=True)
        self._drawn_at = time.monotonic()

    def _lines(self, following: Following, height: int) -> list[str]:
        everything = following.standings()
        if not everything:
            return ["waiting for the first Job\n"]
        now = time.time()
        groups = overviews(everything, self._label, self._named)
        lines = [*status_text.groups_table(groups, now), "\n"]
        found = [one for one in everything if not self._states or one.state in self._states]
        room = max(height - len(lines) - 3, 1)
        found.sort(key=_rank)
        if found:
            several = self._wide or len({one.outcome.namespace for one in found}) > 1
            lines += status_text.items_table(found[:room], now, wide=self._wide, namespaces=several)
        if len(found) > room:
            lines.append(f"and {len(found) - room:,} more\n")
        return lines


def _rank(one: Standing) -> tuple[float, float]:
    rank = 1 if one.reason and not one.has_ended else RANKS[one.state]
    return rank, -(one.outcome.finished or one.outcome.started or 0.0)


def _clock() -> str:
    return time.strftime("%H:%M:%S")
