"""The languages of programs: which of their arguments are data, beside constant code.

`limits` knows the programs that have a language of their own (awk, sed, jq, find, databases ...) or that act
on options (tar, git, rsync): their constant code is read as far as needed to know that it runs nothing that
it is given. `of_user_program` is for all others: a word is data unless it looks like code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from expander.base.regex import regex
from expander.render.arguments import (
    ARGUMENT,
    CODE_OPTIONS,
    DATA,
    FILE_NAME,
    OPTION_VALUE,
    PLAIN_TEXT,
    PYTHON_FLAGS,
    Limit,
    code,
    kind_of,
    name_of,
)
from expander.render.programs import LAUNCHERS, Program, family_of
from expander.render.script_context import NO_DASH
from expander.render.shell_word import PLACEHOLDER, Word

_IN_LITERAL: Final = r"[^'\\\x00-\x1f\x7f-\x9f\u2028\u2029]*"
_NO_DASH_NOR_HOST: Final = r"(?!-)[^:]*"
_NO_HELPER: Final = r"(?!-)(?![\s\S]*::)[\s\S]*"
_NOT_A_TEST: Final = r"(?![-(!,)])[\s\S]*"
_URL: Final = r"[a-z][a-z0-9+]*://[A-Za-z0-9_@%+=:,./?&#~;!*\[\]-]*"
_PROSE_OPTIONS: Final = (
    r"--(?:title|name|message|label|description|subject|comment|text|caption|note|notes|header|prompt)"
)
_LOCAL_PATH: Final = r"(?:(?!-)[A-Za-z0-9_.-]*/)"
_SAFE_PREFIX: Final = rf"(?:{_LOCAL_PATH}|(?:https?|s3|gs|file)://)"


def limits(words: Sequence[Word], feeds: Sequence[Word] = ()) -> list[Limit] | None:
    """What an interpreter does with each of its words; None where nobody here knows.

    A list says also that its constant code runs nothing that it reads. ``feeds`` are the texts that are its
    standard input.
    """
    family = family_of(words[0].literal or "")
    if re.fullmatch(r"python|pypy|perl|ruby|node|nodejs|php|rscript", family):
        return _with_code(words, feeds)
    if family in _DATABASES:
        return _database(words) if _has_statement(words) or _is_constant(feeds) else None
    known = _awk if family.endswith("awk") else _LANGUAGES.get(family)
    found = known(words) if known is not None else None
    if found is None:
        return None
    return [
        code(f"in an option of {family}")
        if limit == DATA and word.literal is None and word.shape.startswith("-")
        else limit
        for word, limit in zip(words, found, strict=True)
    ]


def _is_constant(feeds: Sequence[Word]) -> bool:
    return len(feeds) == 1 and feeds[0].literal is not None


def of_user_program(words: Sequence[Word]) -> list[Limit]:
    """The limits of the words of a program that is not known."""
    found = [code("as the name of a program")]
    name = name_of(words[0])
    if family_of(name) in _DATABASES:
        return _database(words)
    for before, word in pairwise(words):
        if before.literal == "-e" and re.match(r"[A-Z][A-Z0-9_]*=", word.shape):
            found.append(DATA)  # a variable for what the program starts
        elif re.fullmatch(CODE_OPTIONS, before.literal or "") and (name, before.literal) != ("go", "-run"):
            found.append(code(f"behind {before.literal}, which takes code in many programs"))
        elif (
            re.fullmatch(PLAIN_TEXT, word.constant)
            or re.fullmatch(_URL, word.constant)
            or re.fullmatch(_PROSE_OPTIONS, before.literal or "")
            or re.match(_PROSE_OPTIONS + "=", word.constant)
        ):
            found.append(ARGUMENT)
        elif word.literal is None and not word.refs and not word.inner and _in_json(word.shape):
            found.append(DATA)
        else:
            found.append(code(f"in an argument of {name} that may be code"))
    return found


def strings_of_json(text: str) -> list[bool] | None:
    """For each `PLACEHOLDER` whether it stands inside of a string; None for what is no JSON."""
    found: list[bool] = []
    tried, inside, escaped = "", False, False
    for char in text:
        if char == PLACEHOLDER:
            found.append(inside)
            char = "x" if inside else "1"
        inside ^= char == '"' and not escaped
        escaped = char == "\\" and not escaped
        tried += char
    try:
        json.loads(tried)
    except (ValueError, RecursionError):
        return None
    return found


def _in_json(shape: str) -> bool:
    """Whether a text is JSON and its placeholders stand inside of strings."""
    strings = strings_of_json(shape) if shape.lstrip().startswith(("{", "[")) else None
    return bool(strings and all(strings))


_AWK_RUNS: Final = r"system|getline|@|(?<!\|)\|(?!\|)|print[^;}\n]*>|close|/dev/"


def _awk(words: Sequence[Word]) -> list[Limit] | None:
    found = [DATA]
    at = 1
    while at < len(words):
        word = words[at]
        if word.literal is not None and re.fullmatch(r"-F.+|--", word.literal):
            at += 1
        elif word.literal == "-F" and at + 1 < len(words) and words[at + 1].literal is not None:
            at += 2
        elif word.literal == "-v" and at + 1 < len(words):
            if not re.match(r"[a-z_][A-Za-z0-9_]*=", words[at + 1].shape):
                return None
            at += 2
        else:
            break
    if at >= len(words) or words[at].literal is None or (words[at].literal or "-").startswith("-"):
        return None
    if re.search(_AWK_RUNS, words[at].literal or ""):
        return None
    found += [DATA] * at
    return [*found, *[ARGUMENT] * (len(words) - len(found))]


_SED_PART: Final = r"(?:[^{0}\\\n]|\\.)*"
_SED_COMMANDS: Final = "|".join(
    rf"s{d}{_SED_PART.format(d)}{d}{_SED_PART.format(d)}{d}[gpiI0-9]*|y{d}{_SED_PART.format(d)}{d}{_SED_PART.format(d)}{d}"
    for d in ("/", "#", ",", ":", r"\|", "@", "!", "_", "%")
)
_SED_ADDRESS: Final = r"(?:[0-9]+|\$|/(?:[^/\\\n]|\\.)*/I?)"
_SED_COMMAND: Final = (
    rf"\s*(?:{_SED_ADDRESS}(?:\s*,\s*{_SED_ADDRESS})?\s*!?)?\s*(?:[dpqDPnNgGhHxl=]|{_SED_COMMANDS})\s*"
)
_SED_SCRIPT: Final = regex(rf"{_SED_COMMAND}(?:[;\n]{_SED_COMMAND})*;?")


def _sed(words: Sequence[Word]) -> list[Limit] | None:
    scripts: list[str | None] = []
    found = [DATA]
    options = True
    rest: list[int] = []
    for number, word in enumerate(words[1:], 1):
        before = words[number - 1].literal if number > 1 else None
        if options and before in ("-e", "--expression"):
            scripts.append(word.literal)
        elif (
            options
            and word.literal is not None
            and re.fullmatch(r"-[nErsuz]*(?:i(?:\.[a-z]+)?)?|-e|--expression", word.literal)
        ):
            pass
        elif word.literal is not None and word.literal.startswith("-"):
            return None
        else:
            rest.append(number)
        found.append(code("as an argument of sed, which takes options anywhere") if word.leads else DATA)
    if not scripts and rest:
        scripts.append(words[rest[0]].literal)
    fine = scripts and all(script is not None and _SED_SCRIPT.fullmatch(script) for script in scripts)
    for number in rest:
        if words[number].leads:
            found[number] = Limit(
                NO_DASH, "where sed takes a value that begins with '-' for an option", False
            )
    return found if fine else None


def _jq(words: Sequence[Word]) -> list[Limit] | None:
    found = [DATA]
    positional = 0
    at = 1
    while at < len(words):
        word = words[at]
        if word.literal in ("--arg", "--argjson", "--slurpfile", "--rawfile"):
            if at + 2 >= len(words) or words[at + 1].literal is None:
                return None
            found += [DATA] * 3
            at += 3
            continue
        if word.literal is not None and word.literal.startswith("-") and word.literal != "-":
            if not re.fullmatch(r"-[nrRcesSjaCM]+|--(?:null-input|raw-output|compact-output|slurp|raw-input"
                                r"|exit-status|sort-keys|tab|join-output|args)", word.literal):  # fmt: skip
                return None
            found.append(DATA)
        else:
            positional += 1
            if positional == 1 and word.literal is None:
                return None
            found.append(_no_dash("jq") if word.leads else DATA)
        at += 1
    return found


def _no_dash(name: str) -> Limit:
    return Limit(NO_DASH, f"where {name} takes a value that begins with '-' for an option", variable=False)


_FIND_TESTS: Final = (
    r"-(?:i?name|i?path|i?wholename|i?regex|newer|[acm]newer|[acm]min|[acm]time|size|user|group|perm|maxdepth|mindepth"
    r"|type|samefile|links|printf)"
)
_FIND_OTHERS: Final = (
    r"!|-not|-o|-or|-a|-and|\(|\)|-print0?|-ls|-empty|-delete|-prune|-L|-H|-P|-xdev|-mount|-readable|-quit"
)


def _find(words: Sequence[Word]) -> list[Limit] | None:
    found = [DATA]
    at = 1
    tests = False
    while at < len(words):
        word = words[at]
        if word.literal is not None and re.fullmatch(_FIND_TESTS, word.literal) and at + 1 < len(words):
            found += [DATA, DATA]
            at, tests = at + 2, True
        elif word.literal is not None and re.fullmatch(_FIND_OTHERS, word.literal):
            found.append(DATA)
            at, tests = at + 1, tests or not re.fullmatch("-[LHP]", word.literal)
        elif word.literal in ("-exec", "-execdir"):
            end = next((n for n in range(at, len(words)) if words[n].literal in (";", "+")), 0)
            ran = words[at + 1 : end]
            if not ran or any(each.literal is None for each in ran) or kind_of(ran) is Program.INTERPRETER:
                return None
            if name_of(ran[0]) in LAUNCHERS or not re.fullmatch(FILE_NAME, ran[0].literal or ""):
                return None
            found += [DATA] * (end + 1 - at)
            at, tests = end + 1, True
        elif tests or word.shape.startswith("-"):
            return None
        else:
            leading = Limit(
                _NOT_A_TEST, "where find takes a value such as '-delete' for an expression", variable=False
            )
            found.append(leading if word.leads else DATA)
            at += 1
    return found


_TAR_OPTIONS: Final = (
    r"-?[cxtruzjJvpfkhmaOZ]+|-[CTf]|--(?:exclude|strip-components|directory|file)=.*"
    r"|--(?:gzip|zstd|xz|create|extract|list|directory|file|exclude|null|no-same-owner)"
)


def _tar(words: Sequence[Word]) -> list[Limit] | None:
    found = [DATA]
    for before, word in pairwise(words):
        literal = word.literal
        if literal is not None:
            known = re.fullmatch(_TAR_OPTIONS, literal)
            if literal.startswith("-") and not known:
                return None
            found.append(DATA)
        elif before is words[0]:
            return None
        elif word.leads:
            found.append(
                Limit(_NO_DASH_NOR_HOST, "where tar takes '-' for an option and ':' for another host", False)
            )
        else:
            found.append(_of_tar_path(word))
    first = words[1].literal if len(words) > 1 else None
    return (
        found
        if first is None or first.startswith("-") or re.fullmatch(r"[cxtruzjJvpfkhmaOZ]+", first)
        else None
    )


def _of_tar_path(word: Word) -> Limit:
    if word.shape.startswith("--exclude="):
        return OPTION_VALUE
    return DATA if re.match(_LOCAL_PATH, word.shape) else _path_only("tar")


def _path_only(name: str) -> Limit:
    return code(f"as an argument of {name} that does not begin with a constant path")


def _with_paths(words: Sequence[Word]) -> list[Limit] | None:
    """rsync, scp and zip: a value may be a part of a path that begins with constant text and a slash."""
    name = name_of(words[0])
    found = [DATA]
    for before, word in pairwise(words):
        option = (before.literal or "").startswith("-") and not re.fullmatch(
            _PATH_FLAGS, before.literal or ""
        )
        path = not word.leads and not option and re.match(_LOCAL_PATH, word.shape)
        found.append(DATA if word.literal is not None or path else _path_only(name))
    return found


_PATH_FLAGS: Final = (
    r"-[avzrhPnuqtmjyCp0-9]+|--[a-z-]+=.*"
    r"|--(?:archive|delete|progress|recursive|quiet|compress|partial|stats)"
)


_GIT_FLAGS: Final = (
    r"-[bqB]?|--|--[a-z-]+=.*"
    r"|--(?:branch|quiet|single-branch|recursive|recurse-submodules|no-tags|bare|mirror|tags|force)"
)
_GIT: Final = frozenset(
    "clone checkout switch fetch pull add commit tag branch log show diff merge reset ls-remote".split()
)


def _git(words: Sequence[Word]) -> list[Limit] | None:
    at = 3 if len(words) > 3 and words[1].literal == "-C" else 1
    if at >= len(words) or words[at].literal not in _GIT:
        return None
    found = [DATA] * (at + 1)
    for before, word in pairwise(words[at:]):
        if before.literal in ("-m", "--message") or word.literal is not None:
            found.append(DATA)
        elif (before.literal or "").startswith("-") and not re.fullmatch(_GIT_FLAGS, before.literal or ""):
            found.append(code(f"behind {before.literal} of git"))
        elif word.shape.startswith(("--branch=", "--message=", "--depth=")):
            found.append(OPTION_VALUE)
        elif not word.leads and re.match(_SAFE_PREFIX, word.shape):
            found.append(DATA)
        else:
            found.append(
                Limit(_NO_HELPER, "where git takes '-' for an option and '::' for a program", variable=False)
            )
    return found


_DATABASES: Final = frozenset(
    ["psql", "duckdb", "sqlite", "mysql", "mariadb", "clickhouse-client", "bq", "trino", "presto"]
)
_SQL_RUNS: Final = (
    r"(?i)\b(?:program|execute|exec|eval|system|shell|do|load|attach|install|function|call|prepare|pragma)\b"
    r"|\\|`|#|--|/\*|\$\$|\$[a-z]"
)
_SQL_OPTIONS: Final = frozenset(["-c", "--command", "-e", "--execute", "-q", "--query", "-s"])


def _database(words: Sequence[Word]) -> list[Limit]:
    """Clients of databases: a value may stand inside of a string of SQL, or be a variable of psql."""
    name = family_of(words[0].literal or "")
    found = [DATA if words[0].literal is not None else code("as the name of a program")]
    for before, word in pairwise(words):
        if word.literal is not None or (
            name == "psql"
            and before.literal in ("-v", "--set", "--variable")
            and re.match(r"[a-z_]+=", word.shape)
        ):
            found.append(DATA)
        elif before.literal in _SQL_OPTIONS or " " in word.constant:
            found.append(_in_sql(word))
        elif before.literal in ("-h", "-U", "-d", "-p", "-P", "-u", "-D", "--dbname", "--host", "--database"):
            found.append(_no_dash(name) if word.leads else DATA)
        elif not word.leads and re.match(_SAFE_PREFIX + "|postgres(?:ql)?://", word.shape):
            found.append(DATA)
        else:
            found.append(code(f"as an argument of {name} that may be SQL or a command"))
    return found


def _has_statement(words: Sequence[Word]) -> bool:
    """Whether a client is told what to do by its arguments, and so reads no statements."""
    return any(
        word.literal in ("-c", "--command", "-f", "--file", "-e", "--execute") for word in words
    ) or any(" " in word.constant for word in words[1:])


def _in_sql(word: Word) -> Limit:
    before = word.shape.split(PLACEHOLDER)
    text = "".join(before)
    fine = not (
        re.search(_SQL_RUNS, text)
        or '"' in text
        or word.refs
        or word.inner
        or word.shape.lstrip()[:1] in "\\."
    )
    quotes = 0
    for part in before[:-1]:
        quotes += part.count("'")
        fine &= quotes % 2 == 1
    if re.search(r"[A-Za-z0-9_&'\0]'[^']*\0", word.shape.replace("''", "")):
        fine = False
    if not fine:
        return code("in SQL, outside of a string")
    return Limit(_IN_LITERAL, "inside of a string of SQL", variable=False)


def _with_code(words: Sequence[Word], feeds: Sequence[Word]) -> list[Limit] | None:
    """An interpreter with constant code: what follows are arguments of that code."""
    name = name_of(words[0])
    python = family_of(name) in ("python", "pypy")
    at = 1
    while at < len(words) and python and re.fullmatch(PYTHON_FLAGS, words[at].literal or ""):
        at += 1
    if at >= len(words):
        return None
    if python and words[at].literal == "-":
        return [DATA] * len(words) if _is_constant(feeds) else None
    if words[at].literal not in (["-c"] if python else ["-e", "-r", "-wle", "-le", "--eval"]):
        return None
    if at + 1 >= len(words) or words[at + 1].literal is None:
        return None
    rest = words[at + 2 :]
    if not python and any((word.literal or "").startswith("-") for word in rest):
        return None
    opens = family_of(name) in ("perl", "ruby")
    behind = [
        DATA
        if python or word.literal is not None
        else code(f"as an argument of {name}, which may open a file named 'command|' as a pipe")
        if opens
        else _no_dash(name)
        if word.leads
        else DATA
        for word in rest
    ]
    return [*[DATA] * (at + 2), *behind]


_LANGUAGES: Final[dict[str, Callable[[Sequence[Word]], list[Limit] | None]]] = {
    "sed": _sed,
    "gsed": _sed,
    "jq": _jq,
    "find": _find,
    "tar": _tar,
    "bsdtar": _tar,
    "git": _git,
    "rsync": _with_paths,
    "scp": _with_paths,
    "zip": _with_paths,
}
