"""Words for people: singular and plural."""

from __future__ import annotations


def plural(noun: str, count: int) -> str:
    """``Job`` for one, else ``Jobs``; ``policy`` becomes ``policies``."""
    return noun if count == 1 else f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """``1 Job``, ``1,200 Jobs``."""
    return f"{count:,} {plural(noun, count)}"
