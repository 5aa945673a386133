"""Render a report as one HTML page with its style and script inside.

Values come from users: the template escapes them, the script's data is JSON in which no tag can end, and the
page's Content-Security-Policy allows only its own script and no connection.
"""

from __future__ import annotations

import hashlib
import json
import math
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.data_files import folder
from expander.group.records import FINISHED
from expander.group.report_data import (
    Bin,
    Cost,
    GroupReport,
    count_noun,
    format_duration,
    format_elapsed,
    format_number,
    format_percent,
    format_time,
    histogram_bins,
    plain_text,
    script_data,
)
from expander.kube.workloads import COMPLETE, FAILED

if TYPE_CHECKING:
    from jinja2 import Environment

BAR_WIDTH: Final = 1000
BAR_GAP: Final = 2
BAR_LEAST: Final = 3
"""The bar of states: its width, the gap between two of them, and the least width of one."""

PLOT_LEFT: Final = 48
PLOT_WIDTH: Final = 508
PLOT_TOP: Final = 8
PLOT_BOTTOM: Final = 186
MAX_TICKS: Final = 6


def histogram(bins: Sequence[Bin]) -> dict[str, list[dict[str, Any]]] | None:
    """The grid lines, bars and ticks for ``bins``; None if there are none."""
    if not bins:
        return None
    most = max(each.complete + each.failed for each in bins)
    lines = _gridlines(most)
    unit = (PLOT_BOTTOM - PLOT_TOP) / lines[-1]
    width = PLOT_WIDTH / len(bins)
    bars = []
    for place, each in enumerate(bins):
        if not each.complete + each.failed:
            continue
        complete, failed = each.complete * unit, each.failed * unit
        words = count_noun(each.complete + each.failed, "item")
        lost = f", {each.failed:,} failed" if each.failed else ""
        bars.append(
            {
                "title": f"{format_duration(each.low)} to {format_duration(each.high)}: {words}{lost}",
                "x": round(PLOT_LEFT + place * width + 1, 2),
                "width": round(max(min(width, 60) - 2, 1), 2),
                "complete_y": round(PLOT_BOTTOM - complete, 2),
                "complete_height": round(complete, 2),
                "failed_y": round(PLOT_BOTTOM - complete - failed, 2),
                "failed_height": round(failed, 2),
            }
        )
    return {
        "lines": [{"y": round(PLOT_BOTTOM - line * unit, 2), "text": f"{line:,}"} for line in lines],
        "bars": bars,
        "ticks": _ticks(bins, width),
    }


def _gridlines(most: int) -> list[int]:
    """Round counts for the grid lines; the last one is not below the highest bar."""
    power = 10 ** int(math.log10(max(most / 4, 1)))
    step = next(each * power for each in (1, 2, 5, 10) if 4 * each * power >= most)
    return [step * line for line in range(math.ceil(most / step) + 1)]


def _ticks(bins: Sequence[Bin], width: float) -> list[dict[str, Any]]:
    """The edges of some bins, evenly spaced."""
    every = max(1, math.ceil((len(bins) + 1) / MAX_TICKS))
    edges = [each.low for each in bins] + [bins[-1].high]
    places = range(0, len(edges), every)
    texts = _distinct([edges[place] for place in places])
    ticks = []
    for place, text in zip(places, texts, strict=True):
        side = (
            "start"
            if place == 0
            else "end"
            if PLOT_LEFT + place * width > PLOT_LEFT + PLOT_WIDTH - 25
            else ""
        )
        ticks.append(
            {
                "x": round(PLOT_LEFT + min(place * width, PLOT_WIDTH), 1),
                "text": text,
                "side": side,
            }
        )
    return ticks


def _distinct(edges: Sequence[float]) -> list[str]:
    """Different texts for different durations: as short as people read them, else in seconds."""
    texts = [format_duration(edge) or "0 s" for edge in edges]
    for digits in range(4):
        if len({*texts}) == len(texts):
            break
        texts = [f"{edge:,.{digits}f} s" for edge in edges]
    return texts


def render_page(
    summary: GroupReport,
    title: str,
    where: str,
    failed: Sequence[Mapping[str, Any]],
    slowest: Sequence[Mapping[str, Any]],
    version: str = "",
) -> str:
    """The page as HTML. ``failed`` and ``slowest`` are entries with the end of their logs."""
    from markupsafe import Markup

    style, script = (f"\n{text}" for text in (style_text(), script_text()))
    return (
        page_environment()
        .get_template("report/page.html")
        .render(
            page_values(summary, title, where, failed, slowest),
            version=f" {version}" if version else "",
            style=Markup(style),
            style_hash=_hash(style),
            script=Markup(script),
            script_hash=_hash(script),
            data=Markup(json_in_html(script_data(summary))),
        )
    )


def style_text() -> str:
    """The style sheet of the page."""
    return _text("style.css")


def script_text() -> str:
    """The script of the page."""
    return _text("timeline.js") + _text("items.js")


def page_environment() -> Environment:
    """What makes HTML of the templates of pages; it escapes values."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def page_values(
    summary: GroupReport,
    title: str,
    where: str,
    failed: Sequence[Mapping[str, Any]],
    slowest: Sequence[Mapping[str, Any]],
    *,
    logs: bool = True,
) -> dict[str, Any]:
    """The texts and figures of the page, by the names that its template has for them.

    ``logs`` says whether the entries have the end of their logs.
    """
    good = [r.seconds for r in summary.records if r.state == COMPLETE and r.seconds is not None]
    bad = [r.seconds for r in summary.records if r.state != COMPLETE and r.seconds is not None]
    reasons = _reasons(summary)
    return {
        "title": plain_text(title),
        "where": where,
        "verdict": _headline(summary),
        "mood": "bad" if summary.counts[FAILED] else "busy" if summary.unfinished else "good",
        "period": _period(summary),
        "as_of": format_time(summary.now),
        "counts": _counts(summary),
        "counts_text": ", ".join(f"{count:,} {state}" for state, count in summary.counts.items()),
        "tiles": _tiles(summary),
        "timeline_text": _timeline_text(summary),
        "bins": histogram(histogram_bins(good, bad)),
        "durations_text": _durations_text(summary),
        "reasons": reasons,
        "reasons_title": _reasons_title(reasons),
        "reasons_text": "No item failed." if summary.total else "No items.",
        "failed": failed,
        "failed_text": _failed_text(summary, len(failed), logs),
        "slowest": slowest,
        "slowest_text": f"The {count_noun(len(slowest), 'item')} with the longest duration.",
        "costs": _costs(summary),
        "costs_text": _costs_text(summary),
    }


def _text(name: str) -> str:
    return (folder("templates") / "report" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def json_in_html(value: object) -> str:
    """JSON that can stand in a script element: nothing in it can begin or end a tag."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _headline(summary: GroupReport) -> str:
    failed, left, total = summary.counts[FAILED], summary.unfinished, summary.total
    if not total:
        return "No items"
    if failed:
        more = f", {left:,} unfinished" if left else ""
        return f"{failed:,} of {count_noun(total, 'item')} failed{more}"
    if left:
        return f"{left:,} of {count_noun(total, 'item')} unfinished"
    if summary.counts[COMPLETE] == total:
        return f"All {total:,} items complete" if total > 1 else "The item is complete"
    return f"{summary.counts[COMPLETE]:,} of {count_noun(total, 'item')} complete, none failed"


def _period(summary: GroupReport) -> str:
    if summary.begin is None:
        return ""
    if summary.unfinished or summary.end is None:
        return f"started {format_time(summary.begin)}"
    return f"{format_time(summary.begin)} to {format_time(summary.end)}"


def _counts(summary: GroupReport) -> list[dict[str, Any]]:
    found = []
    room = BAR_WIDTH - (BAR_LEAST + BAR_GAP) * len(summary.counts) + BAR_GAP
    left = 0.0
    for state, count in summary.counts.items():
        width = BAR_LEAST + room * count / summary.total
        found.append(
            {
                "state": state,
                "shown": f"{count:,}",
                "percent": format_percent(count, summary.total),
                "x": round(left, 1),
                "width": round(width, 1),
            }
        )
        left += width + BAR_GAP
    return found


def _tiles(summary: GroupReport) -> list[dict[str, str]]:
    ended = sum(summary.counts[state] for state in FINISHED)
    wall, cost = summary.wall, summary.cost
    tiles = [
        ("Items", f"{summary.total:,}", f"{ended:,} finished"),
        (
            "Elapsed time",
            format_duration(wall) or "–",
            "since the first start" if summary.unfinished else "first start to last end",
        ),
        ("Median", _elapsed(summary, summary.percentile(0.5)) or "–", _p95(summary)),
        (
            "Throughput",
            f"{format_number(60 * ended / wall)}/min" if wall and ended else "–",
            "finished items per minute",
        ),
        (
            "Peak concurrency",
            f"{'up to ' if summary.sure_peak < summary.peak else ''}{summary.peak:,}",
            "pods running at once",
        ),
        ("Retries", f"{summary.retried:,}", f"{count_noun(summary.attempts, 'pod')} in total"),
    ]
    for name, part, whole, unit in (
        ("CPU requested", summary.lost.cpu, cost.cpu, "core-h"),
        ("Memory requested", summary.lost.memory, cost.memory, "GiB-h"),
    ):
        if whole:
            lost = f"{format_percent(part, whole)} lost to failures"
            tiles.append((name, f"{format_number(whole / 3600)} {unit}", lost))
    return [{"name": name, "value": value, "note": note} for name, value, note in tiles]


def _p95(summary: GroupReport) -> str:
    most = summary.percentile(0.95)
    return "" if most is None else f"95% within {_elapsed(summary, most)}"


def _timeline_text(summary: GroupReport) -> str:
    started = sum(record.item_count for record in summary.records if record.started is not None)
    if not started:
        return "No item has started yet."
    waiting = summary.total - started
    more = f" {count_noun(waiting, 'item')} not started yet." if waiting else ""
    if summary.earlier:
        more += f" {count_noun(summary.earlier, 'earlier attempt')} not shown: the Jobs were replaced."
    return (
        f"{count_noun(started, 'item')} in {format_duration(summary.wall)}, up to "
        f"{count_noun(summary.peak, 'pod')} at once (top).{more} Drag to zoom, click a bar for details."
    )


def _elapsed(summary: GroupReport, seconds: float | None) -> str:
    """How long an item took, among others: where those have milliseconds, 0 means less than one."""
    return "< 1 ms" if seconds == 0 and summary.durations[-1] % 1 else format_elapsed(seconds)


def _durations_text(summary: GroupReport) -> str:
    if not summary.durations:
        return ""
    low, high = summary.durations[0], summary.durations[-1]
    middle = " and ".join(
        f"{words} within {_elapsed(summary, summary.percentile(part))}"
        for words, part in (("50%", 0.5), ("95%", 0.95))
    )
    first, last = _elapsed(summary, low), _elapsed(summary, high)
    span = f"From {first} to {last}" if first != last else f"About {first} each"
    return f"{span}; {middle}."


def _reasons(summary: GroupReport) -> list[dict[str, Any]]:
    """Why items failed, and what keeps others: that an item is at work is no reason."""
    found = Counter({why: count for why, count in summary.reasons.items() if why[0] == FAILED or why[1]})
    most = max(found.values(), default=1)
    return [
        {
            "state": state,
            "reason": plain_text(reason),
            "shown": f"{count:,}",
            "width": round(100 * count / most, 1),
        }
        for (state, reason), count in found.most_common(20)
    ]


def _reasons_title(reasons: Sequence[Mapping[str, Any]]) -> str:
    only_failures = all(reason["state"] == FAILED for reason in reasons)
    return "Failure reasons" if only_failures else "Why items are not complete"


def _failed_text(summary: GroupReport, shown: int, logs: bool) -> str:
    total = sum(record.state == FAILED for record in summary.records)
    words = "with the last lines of their logs" if logs else "the earliest first"
    if shown < total:
        return f"The first {shown:,} of {total:,} failures, {words}."
    return f"{words[0].upper()}{words[1:]}."


def _costs_text(summary: GroupReport) -> str:
    if not summary.requested:
        return "No pod requested CPU or memory."
    if not summary.cost.cpu and not summary.cost.memory:
        return "Every pod that requested CPU or memory took less than a second."
    return "Requested CPU and memory times the running time of each pod: reserved, not used."


def _costs(summary: GroupReport) -> list[dict[str, Any]]:
    if not summary.cost.cpu and not summary.cost.memory:
        return []
    parts: list[tuple[str, Cost]] = [
        ("Complete items", summary.useful),
        ("Failed items and attempts", summary.lost),
    ]
    if summary.unfinished:
        parts.append(("Unfinished items so far", summary.open))
    return [_cost_row(name, cost, summary.cost) for name, cost in parts] + [
        {**_cost_row("Total", summary.cost, summary.cost), "total": True}
    ]


def _cost_row(name: str, cost: Cost, whole: Cost) -> dict[str, Any]:
    return {
        "name": name,
        "cpu": format_number(cost.cpu),
        "core_hours": format_number(cost.cpu / 3600),
        "gib_hours": format_number(cost.memory / 3600),
        "share": format_percent(cost.cpu, whole.cpu),
        "total": False,
    }
