"""Pages and files of the repository that are not below docs, and the links between all of them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
"""Pages that the site has beside those below docs and examples."""

_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`]+`")


def outside_files() -> list[str]:
    """The files that the site takes from outside of docs, as paths in the repository."""
    examples = (path for path in (ROOT / "examples").rglob("*") if path.is_file())
    found = [path.relative_to(ROOT).as_posix() for path in examples if "__pycache__" not in path.parts]
    return sorted([*PAGES, *found])


def site_path(path: str) -> str | None:
    """The place in the site of a path in the repository; None if the site does not have it.

    Pages below docs are at the top, the others where they are in the repository.
    """
    if path == "README.md":
        return path  # the site's own first page says the same
    if path in PAGES or path.startswith("examples/"):
        return path if (ROOT / path).is_file() else None
    below = path.removeprefix("docs/")
    return below if below != path and (ROOT / path).is_file() else None


def for_site(markdown: str, place: str) -> str:
    """A page as the site has it, whose place there is ``place``.

    Links lead to pages of the site; what it does not have is named without a link. In code in tables GitHub
    wants a bar to be escaped, and Python-Markdown does not.
    """
    source = place if place in PAGES or place.startswith("examples/") else f"docs/{place}"
    parts = _BLOCK.split(markdown)
    for number in range(0, len(parts), 2):
        text = _LINK.sub(lambda match: _link(match, source, place), parts[number])
        parts[number] = _ROW.sub(
            lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text
        )
    return "".join(parts)


def _link(match: re.Match[str], source: str, place: str) -> str:
    text, link = match[1], match[2]
    target, mark, anchor = link.partition("#")
    if not target or re.match(r"[a-z]+:", link):
        return match[0]
    found = site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
    if found is None:
        return text
    return f"[{text}]({posixpath.relpath(found, posixpath.dirname(place) or '.')}{mark}{anchor})"
