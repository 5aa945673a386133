"""Where the bars of the histogram of durations stand, in the units of its picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from expander.pipeline.group.report_bins import Bin
from expander.pipeline.group.report_words import counted, span

LEFT: Final = 48
WIDTH: Final = 508
TOP: Final = 8
BOTTOM: Final = 186
TICKS: Final = 6


def histogram(bins: Sequence[Bin]) -> dict[str, list[dict[str, Any]]] | None:
    """The lines, bars and ticks for ``bins``; None when there are none."""
    if not bins:
        return None
    most = max(each.complete + each.failed for each in bins)
    lines = _lines(most)
    unit = (BOTTOM - TOP) / lines[-1]
    width = WIDTH / len(bins)
    bars = []
    for place, each in enumerate(bins):
        if not each.complete + each.failed:
            continue
        complete, failed = each.complete * unit, each.failed * unit
        words = counted(each.complete + each.failed, "item")
        lost = f", {each.failed:,} failed" if each.failed else ""
        bars.append(
            {
                "title": f"{span(each.low)} to {span(each.high)}: {words}{lost}",
                "x": round(LEFT + place * width + 1, 2),
                "width": round(max(min(width, 60) - 2, 1), 2),
                "complete_y": round(BOTTOM - complete, 2),
                "complete_height": round(complete, 2),
                "failed_y": round(BOTTOM - complete - failed, 2),
                "failed_height": round(failed, 2),
            }
        )
    return {
        "lines": [{"y": round(BOTTOM - line * unit, 2), "text": f"{line:,}"} for line in lines],
        "bars": bars,
        "ticks": _ticks(bins, width),
    }


def _lines(most: int) -> list[int]:
    """Round counts for the lines behind the bars; the last one is not below the highest bar."""
    power = 10 ** int(math.log10(max(most / 4, 1)))
    step = next(each * power for each in (1, 2, 5, 10) if 4 * each * power >= most)
    return [step * line for line in range(math.ceil(most / step) + 1)]


def _ticks(bins: Sequence[Bin], width: float) -> list[dict[str, Any]]:
    """The edges of some bins, evenly."""
    every = max(1, math.ceil((len(bins) + 1) / TICKS))
    edges = [each.low for each in bins] + [bins[-1].high]
    ticks = []
    for place in range(0, len(edges), every):
        side = "start" if place == 0 else "end" if LEFT + place * width > LEFT + WIDTH - 25 else ""
        ticks.append(
            {
                "x": round(LEFT + min(place * width, WIDTH), 1),
                "text": span(edges[place]) or "0 s",
                "side": side,
            }
        )
    return ticks
