"""Lines of a script rewritten so that a value can stand in them: what a refusal suggests.

Each suggestion is tried: only a script that proves its places is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from expander.base.regex import regex
from expander.render.script_context import Context, Segments, is_proven
from expander.render.shell_word import PLACEHOLDER
from expander.render.variables import lines_of_places

_CODE: Final = regex(
    r"(?P<program>(?:python|node|perl|ruby|Rscript|sh|bash|dash|awk|gawk|mawk|jq)[0-9.]*)"
    r"(?P<options>(?: -[A-Za-z]+)*?)(?P<flag> -[a-z]*[ce])? "
    r"(?:'(?P<single>[^']*\0[^']*)'|\"(?P<double>(?:[^\"\\`]|\\\")*\0(?:[^\"\\`]|\\\")*)\")"
)
_SED: Final = regex(r"sed (?:-e )?(?P<quote>[\"'])s/(?P<old>[A-Za-z0-9_{}@% -]+)/\0/(?P<all>g?)(?P=quote)")
_ARGUMENTS: Final = {"python": "sys.argv[1]", "node": "process.argv[1]", "Rscript": "commandArgs(TRUE)[1]"}


def suggestion(segments: Segments, bash: bool, written: Callable[[int], str]) -> str:
    """What to write instead, with the line; empty if nothing is known. ``written`` refers to a column."""
    text = "".join(part if isinstance(part, str) else PLACEHOLDER for part in segments)
    columns = [part for part in segments if not isinstance(part, str)]
    for words, changed in _candidates(text):
        if changed != text and _is_proven(changed, bash):
            return f"{words}: {_changed_line(text, changed, columns, written)}"
    if not bash and _is_proven(text, bash=True):
        return "the script is one for bash: run it with command: [bash, -c, ...]"
    return ""


def in_double_quotes(
    segments: Segments, found: Sequence[Context], bash: bool, written: Callable[[int], str]
) -> list[str]:
    """For each placeholder its line with double quotes around those outside of quotes, if that is proven."""
    places = iter(found)
    quotes = ['"' if isinstance(part, int) and next(places).quoting else "" for part in segments]
    text = "".join(
        part if isinstance(part, str) else f"{quote}{PLACEHOLDER}{quote}"
        for part, quote in zip(segments, quotes, strict=True)
    )
    if not any(quotes) or not _is_proven(text, bash):
        return []
    columns = iter(part for part in segments if isinstance(part, int))
    shown = "".join(written(next(columns)) if char == PLACEHOLDER else char for char in text)
    return lines_of_places(segments, shown)


def _is_proven(text: str, bash: bool) -> bool:
    from expander.render.script import contexts

    segments: list[str | int] = []
    for number, part in enumerate(text.split(PLACEHOLDER)):
        segments += [number, part] if number else [part]
    return all(map(is_proven, contexts(segments, bash=bash)))


def _candidates(text: str) -> Iterator[tuple[str, str]]:
    yield "quote the delimiter no more", re.sub(r"(<<-?) ?(['\"])(\w+)\2", r"\1\3", text)
    yield "write $(...) for backquotes", re.sub(r"`([^`\\\"']*)`", r"$(\1)", text)
    yield "write braces", re.sub(r"\$([A-Za-z_][A-Za-z0-9_]*)\0", "${\\1}\0", text)
    yield "give the value to the code as an argument", _CODE.sub(_as_argument, text)
    yield "write [ ] for [[ ]]", re.sub(r"\[\[ ([^&|\]]*) \]\]", r"[ \1 ]", text)
    yield "awk takes the value as a variable", _SED.sub(_as_awk, text)


def _as_awk(match: re.Match[str]) -> str:
    return (
        f"awk -v item=\"{PLACEHOLDER}\" '{{ {'gsub' if match['all'] else 'sub'}(/{match['old']}/, item) }} 1'"
    )


def _as_argument(match: re.Match[str]) -> str:
    code = match["single"] or match["double"].replace('\\"', '"')
    program = match["program"].rstrip("0123456789.")
    start = f"{match['program']}{match['options']}"
    if code.count(PLACEHOLDER) != 1 or (match["double"] and "$" in code):
        return match[0]
    before, after = code.split(PLACEHOLDER)
    if program.endswith("awk") or program == "jq":
        name, option = ("item", "-v item=") if program != "jq" else ("$item", "--arg item ")
        if before.endswith("/") and after.startswith("/"):
            code = f"{before[:-1]}$0 ~ {name}{after[1:]}"
        else:
            code = _replaced(before, after, name, '"', " " if program != "jq" else " + ")
        return f"{start} {option}\"{PLACEHOLDER}\" '{code}'" if "'" not in code else match[0]
    if not match["flag"]:
        return match[0]
    if program in ("sh", "bash", "dash"):
        if _quote_at(before) == "'":
            return match[0]
        code = before + ("$1" if _quote_at(before) else '"$1"') + after
        return f"{start}{match['flag']} '{code}' {program} \"{PLACEHOLDER}\""
    if program not in _ARGUMENTS:
        return match[0]
    code = _replaced(before, after, _ARGUMENTS[program], "'\"", " + ")
    code = code.replace("'", '"') if '"' not in code else code
    if "'" in code:
        return match[0]
    imported = "" if program != "python" or "import sys" in code else "import sys; "
    return f"{start}{match['flag']} '{imported}{code}' \"{PLACEHOLDER}\""


def _quote_at(before: str) -> str:
    """The quote that is open behind a text."""
    quote = ""
    for char in before:
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
    return quote


def _replaced(before: str, after: str, name: str, quotes: str, joined: str) -> str:
    """Code with a name in place of a value, which may stand inside of a string."""
    quote = _quote_at(before)
    if not quote or quote not in quotes:
        return before + name + after
    left = before[:-1] if before.endswith(quote) else f"{before}{quote}{joined}"
    right = after[1:] if after.startswith(quote) else f"{joined}{quote}{after}"
    return left + name + right


def _changed_line(text: str, changed: str, columns: Sequence[int], written: Callable[[int], str]) -> str:
    """The first line that is not what it was, as the template would have it."""
    old = text.split("\n")
    place = iter(columns)
    for number, line in enumerate(changed.split("\n")):
        shown = "".join(written(next(place)) if char == PLACEHOLDER else char for char in line)
        if number >= len(old) or old[number] != line:
            return shown.strip()
    return ""
