"""A small table in HTML, as notebooks show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

MAX_ROWS = 60
"""Rows that are shown; of the others there is a number."""


def html_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; all texts are escaped, None is empty."""
    parts = [f"<table><caption>{_cell(caption)}</caption><thead>{_row('th', heads)}</thead><tbody>"]
    left = 0
    for number, row in enumerate(rows):
        if number < MAX_ROWS:
            parts.append(_row("td", row))
        else:
            left += 1
    if left:
        parts.append(f'<tr><td colspan="{len(heads)}">and {left:,} more</td></tr>')
    return "".join([*parts, "</tbody></table>"])


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    return escape(text)
