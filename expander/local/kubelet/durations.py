"""Durations as Go prints them."""

from __future__ import annotations


def duration(of: float) -> str:
    """``of`` seconds as Go's Duration prints them: ``10s``, ``1m20s``, ``500ms``."""
    if 0 < of < 1:
        return f"{of * 1000:g}ms"
    minutes, rest = divmod(round(of, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
