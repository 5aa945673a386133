"""Which values are data in a shell script, by what its commands do with their arguments.

A value is proven to be data in two steps. `shell.parse` says where it stands; then it is followed: through
variables, positional parameters, pipes and files. Where something might run it, nothing is proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Final

from expander.render.arguments import (
    ARGUMENT,
    DATA,
    FILE_NAME,
    Limit,
    code,
    file_run,
    kind_of,
    name_of,
    shell_line,
    started,
)
from expander.render.changes import changes_of
from expander.render.languages import limits, of_user_program
from expander.render.programs import (
    ASSIGNING,
    EVALUATING,
    NUMERIC_TESTS,
    SHELLS,
    Program,
    may_hold,
    takes_data,
)
from expander.render.script_context import HARMLESS_VALUE, Context, Segments, unproven
from expander.render.shell import PLACEHOLDER, Command, Script, Unproven, Word, parse
from expander.render.shell_word import POSITIONAL

_LETTERS = r"[^\x00-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ud800-\udfff\ufeff]"
_END = r"(?![\s\S])"
_DATA_FILE: Final = (
    r"\.(?:log|txt|out|err|csv|tsv|jsonl?|ya?ml|toml|xml|md|bam|bai|sam|cram|vcf|bcf|bed|gtf|gff|fa|fai|fasta|fq|fastq"
    r"|gz|bz2|xz|zst|zip|tar|tgz|png|jpe?g|gif|tiff?|svg|mp[34]|mov|mkv|webm|wav|pdf|html?|parquet|npy|npz|pt|pth|ckpt"
    r"|pkl|h5|nc|dat|stats|counts?|metrics|done|ok|exr|blend|obj|md5|sha256)$"
)
_DATA_PLACE: Final = r"/dev/(?:null|stdout|stderr|termination-log|shm/[a-z0-9_.-]+)$"
_MOVERS: Final = frozenset(
    ["mv", "cp", "ln", "install", "rsync", "dd", "tee", "sort", "split", "gunzip", "unzip", "tar"]
)
_NO_OPTIONS: Final = frozenset(["echo", "printf", "true", "false", ":", "for", "test", "[", "case"])
_SPLIT_MATTERS: Final = frozenset(["test", "[", "printf", "set", "unset", "read", "kill", "wait", *ASSIGNING])
_EVALUATES_NAMES: Final = frozenset(["test", "[", "[[", "unset", "printf", "read", "wait"])
_PRINTS_NO_VALUE: Final = frozenset(
    "date nproc hostname pwd mktemp seq id whoami uname basename dirname expr".split()
)


_NOT_AN_OPTION: Final = rf"(?:(?!-)|(?=-?[0-9]*\.?[0-9]+{_END}))"
_ONE_WORD: Final = rf"{_NOT_AN_OPTION}(?:[A-Za-z0-9_@%+:,./-]|{_LETTERS})+"
"""Values that are one word outside of quotes, too, and no operator of ``test``."""
_PATTERNS: Final = {
    "plain": rf"(?:[A-Za-z0-9_@%+=:,./-]|{_LETTERS})+",
    "double": r"[^\"`$\\\x00]*",
    "single": r"[^'\x00]*",
    "document": r"[^`$\\\n\x00]*",
    "verbatim": r"[^\n\x00]*",
}
_WHERE: Final = {
    "plain": "outside quotes",
    "double": "inside double quotes",
    "single": "inside single quotes",
    "document": "in a here-document",
    "verbatim": "in a here-document with a quoted delimiter",
}
_VARIABLES: Final = {
    "plain": '"${%s}"',
    "double": "${%s}",
    "single": "'\"${%s}\"'",
    "document": "${%s}",
    "verbatim": "",
}
_COMMENT: Final = Context("in a comment", r"[^\n\x00]*", variable="${%s}")


class _Stops(Exception):
    """Something in the script might run a value: ``construct`` names it, ``at`` is its place in the text."""

    def __init__(self, construct: str, at: int, soft: bool = False, split: bool = False) -> None:
        super().__init__(construct)
        self.construct = construct
        self.at = at
        self.soft = soft
        """Whether it is only a program of the user's that might."""
        self.split = split
        """Whether it might only since a variable stands outside of quotes: that is where ``at`` is."""


def contexts(
    segments: Segments,
    arguments: bool = False,
    bash: bool = False,
    held: Iterable[str] = (),
    piped: bool = False,
) -> list[Context]:
    """The context of each placeholder of a shell script, in order; numbers are placeholders.

    ``arguments``: the script is given positional parameters that may hold any value. ``bash``: it is one for
    bash. ``held`` are variables that may hold any value. ``piped``: it may read one.
    """
    text = "".join(segment if isinstance(segment, str) else PLACEHOLDER for segment in segments)
    count = sum(not isinstance(segment, str) for segment in segments)
    try:
        flow = _Flow(parse(text, bash, piped), {*held, *([POSITIONAL] if arguments else [])})
        flow.check()
    except (Unproven, _Stops) as stop:
        return [unproven(text, _told(stop, text))] * count
    except RecursionError:
        return [unproven(text, "the script is nested too deeply")] * count
    found = dict.fromkeys(range(count), unproven(text))
    for command in flow.script.commands:
        found |= flow.places(command)
    found |= dict.fromkeys(flow.script.comments, _COMMENT)
    changes = changes_of(flow.script)
    return [replace(found[number], changes=changes.get(number, ())) for number in range(count)]


def runs_value(segments: Segments, bash: bool, held: Iterable[str]) -> str:
    """What in a script runs the value of one of the variables ``held``; empty when nothing is known to."""
    text = "".join(segment if isinstance(segment, str) else PLACEHOLDER for segment in segments)
    try:
        _Flow(parse(text, bash), set(held)).check()
    except (Unproven, RecursionError):
        return ""
    except _Stops as stop:
        return "" if stop.soft else stop.construct
    return ""


def of_arguments(segments: Segments, bash: bool = False) -> Context | None:
    """The context of the positional parameters of a script; None where any value is only data to it."""
    text = "".join(segment if isinstance(segment, str) else PLACEHOLDER for segment in segments)
    try:
        script = parse(text, bash)
        _Flow(script, {POSITIONAL}).check()
    except RecursionError:
        return unproven("", "as an argument of a script that may run it: it is nested too deeply")
    except (Unproven, _Stops) as stop:
        why = f"as an argument of a script that may run it: {_told(stop, text)}"
        if not isinstance(stop, _Stops) or not stop.split:
            return unproven(text, why)
        written = re.match(r"\$(?:\w+|[@*]|\{[^}]*\})", text[stop.at :])
        context = replace(
            unproven(text, why), hint=f'quote it in the script: "{written[0]}"' if written else ""
        )
        try:
            _Flow(script, {POSITIONAL}, whole=True).check()
        except _Stops:
            return context
        return context if "IFS" in text else replace(context, pattern=_ONE_WORD)
    return None


def _told(stop: Unproven | _Stops, text: str) -> str:
    """What stops a proof, with its line in a script of several."""
    line = text.count("\n", 0, max(stop.at, 0)) + 1
    return f"line {line} of the script: {stop.construct}" if "\n" in text.strip() else stop.construct


class _Flow:
    """Follows values through a script. ``tainted`` are the variables that may hold one.

    ``whole``: each is one word, also outside of quotes, and no operator of ``test``.
    """

    def __init__(
        self, script: Script, held: set[str], targets: Sequence[Word] = (), whole: bool = False
    ) -> None:
        self.script = script
        self.tainted = set(held)
        self._whole = whole
        self._places = any(word.places for each in script.commands for word in each.all_words())
        self._targets = [*targets, *self._written(bool(targets))]
        if any(each.piped and [name_of(word) for word in each.words] == ["exec"] for each in script.commands):
            for each in script.commands:
                each.piped = True
        while self._spread():
            pass

    def touched(self, word: Word) -> bool:
        """Whether a word may hold a value."""
        return bool(word.places) or self._refers(word)

    def _refers(self, word: Word) -> bool:
        """Whether a word may hold a value that comes from a variable or from what a command prints."""
        return bool(word.refs & self.tainted) or any(
            self._prints_value(self.script.commands[number], word.inner) for number in word.inner
        )

    def _prints_value(self, command: Command, inner: Sequence[int]) -> bool:
        last = self.script.commands[inner[-1]]
        counted = [each.literal for each in last.words]
        if len(counted) == 2 and counted[0] == "wc" and counted[1] in ("-l", "-c", "-w") and len(inner) < 3:
            return False
        if any(map(self.touched, command.all_words())):
            return True
        if not (self._places or self.tainted) or not command.words:
            return False
        literals = [word.literal for word in command.words]
        name = name_of(command.words[0])
        if name in _PRINTS_NO_VALUE or (name in ("echo", "printf") and None not in literals):
            return False
        known = kind_of(command.words) is not Program.INTERPRETER and None not in literals
        reads = command.piped or any((target.tail or "/") in str(literals) for target in self._targets)
        return not known or reads

    def _spread(self) -> bool:
        """Taint what gets values from tainted variables; True if there is something new."""
        before = len(self.tainted)
        if self.script.functions and (self._places or self.tainted):
            self.tainted.add(POSITIONAL)
        for command in self.script.commands:
            assigned = [*command.assignments]
            name = name_of(command.words[0]) if command.words else ""
            if name in ASSIGNING:
                assigned += command.words[1:]
            self.tainted.update(word.name for word in assigned if word.name and self.touched(word))
            literals = [word.literal or "" for word in command.words[1:]]
            if name == "for" and (
                any(map(self.touched, command.words)) or (not literals[1:] and POSITIONAL in self.tainted)
            ):
                self.tainted.update(literals[:1])
            elif name == "set" and any(map(self.touched, command.words)):
                self.tainted.add(POSITIONAL)
            elif name in ("read", "mapfile", "readarray", "getopts") and (self._places or self.tainted):
                self.tainted.update([*filter(str.isidentifier, literals), "REPLY", "MAPFILE"])
        return len(self.tainted) > before

    def check(self) -> None:
        """Raise _Stops where something might run a value."""
        for name, at in self.script.numbers.items():
            if name in self.tainted:
                raise _Stops(f"arithmetic on {name}, which holds a value", at)
        if self.script.numbers and self.tainted:
            for command in self.script.commands:
                self._no_names(command)
        for command in self.script.commands:
            self._check(command)
        self._check_files()

    def _no_names(self, command: Command) -> None:
        """Arithmetic evaluates variables that hold names of others: no constant may be such a name."""
        named = name_of(command.words[0]) in ("for", "read", *ASSIGNING) if command.words else False
        for word in [*command.assignments, *command.files, *([] if named else command.words)]:
            if word.constant.rpartition("=")[2] in self.tainted:
                raise _Stops(f"arithmetic beside the name {word.constant}", word.at)

    def _check(self, command: Command) -> None:
        for word in command.assignments:
            if self.touched(word) and not may_hold(word.name):
                raise _Stops(f"{word.name}=, a variable that shells or programs may act on", word.at)
        if not command.words:
            return
        words = started(command.words)
        at = command.words[0].at
        if not words and len(command.words) == 1 and name_of(command.words[0]) == "exec":
            return
        kind = kind_of(words)
        name = name_of(words[0]) if words else ""
        if name == "alias" or (name in ("set", "hash") and _changes_commands(words)):
            raise _Stops(f"{name}, which changes what later commands mean", at)
        if name in ASSIGNING:
            self._check_assigning(words)
        elif kind is Program.HARMLESS:
            self._check_harmless(words)
        elif kind is Program.UNKNOWN:
            for word, limit in zip(words, self._of_unknown(words), strict=True):
                if not limit.variable and self._refers(word):
                    raise _Stops(f"a variable with a value {limit.why}", word.at, soft=True)
        elif words:
            self._check_interpreter(command, words, at)
        else:
            self._check_unknown(command, "", at)

    def _check_assigning(self, words: Sequence[Word]) -> None:
        name = name_of(words[0])
        for word in words[1:]:
            if not self.touched(word):
                continue
            if not word.name or not may_hold(word.name) or (word.splits and self._refers(word)):
                raise _Stops(f"{name} of something that a value decides", word.at)
        options = "".join(
            word.literal or "" for word in words[1:] if (word.literal or "").startswith(("-", "+"))
        )
        if (self.tainted or self._places) and set(options) & set("inf"):
            raise _Stops(f"{name} {options}", words[0].at)

    def _check_harmless(self, words: Sequence[Word]) -> None:
        name = name_of(words[0])
        if not any(map(self.touched, words)):
            if self.tainted and _may_evaluate_subscript(name, words[1:]):
                raise _Stops(f"{name} with a subscript, which is arithmetic", words[0].at)
            if name == "[[" and _operators(words):
                self._check_operands(words)
            return
        whole = self._whole and name in ("test", "[")
        for word in words if name in _SPLIT_MATTERS and not whole else ():
            if word.splits and self._refers(word):
                raise _Stops(f"{name} with a variable outside of quotes", word.at, split=True)
        if not takes_data([word.literal for word in words]):
            raise _Stops(f"{name} with a value, which may evaluate it", words[0].at)
        if name == "[[":
            for operator in _operators(words):
                raise _Stops(f"{operator} in [[ ]], which is arithmetic", words[0].at)
            if not self.script.bash:
                raise _Stops("[[ ]] in a script that is not run by bash", words[0].at)

    def _check_operands(self, words: Sequence[Word]) -> None:
        for word in words[1:]:
            if word.constant in self.tainted:
                raise _Stops(f"arithmetic on {word.constant} in [[ ]]", word.at)

    def _check_interpreter(self, command: Command, words: Sequence[Word], at: int) -> None:
        name = name_of(words[0]) if words else ""
        if name == "eval" or (name == "trap" and len(words) > 1):
            rest = words[2:] if words[1:] and words[1].literal == "--" else words[1:]
            self._check_code(name, rest if name == "eval" else rest[:1])
        elif name in SHELLS and self._runs_constant(command, words):
            return
        elif (found := limits(words, command.feeds)) is not None:
            for word, limit in zip(words, found, strict=True):
                if not limit.variable and self._refers(word):
                    raise _Stops(f"{name} with a variable that holds a value", word.at)
        elif name in EVALUATING and self.tainted:
            raise _Stops(f"{name}, which may evaluate a variable", at)
        else:
            self._check_unknown(command, name, at)

    def _check_unknown(self, command: Command, name: str, at: int) -> None:
        """An interpreter whose language nobody here reads, or a program whose name is not known."""
        shown = name or name_of(command.words[0]) or "a program whose name is not constant"
        if any(map(self._refers, command.words)) or any(map(self.touched, command.feeds)):
            raise _Stops(f"{shown} runs what it is given as code", at)
        if command.piped and (self._places or self.tainted):
            raise _Stops(f"{shown} may run what it reads", at)
        if any(not _is_data_file(word) for word in self._targets):
            raise _Stops(f"{shown} may run a file that the script writes", at)

    def _check_code(self, name: str, words: Sequence[Word]) -> None:
        """Code that the script's own shell runs: it sees all variables."""
        if any(map(self.touched, words)):
            raise _Stops(f"{name} runs what it is given as code", words[0].at)
        text = " ".join(word.literal or "" for word in words)
        if self.tainted and text not in ("-", ""):
            self._check_nested(name, text, words[0].at, self.script.bash, set(self.tainted))

    def _check_nested(
        self, name: str, text: str, at: int, bash: bool, held: set[str], piped: bool = False
    ) -> None:
        try:
            flow = _Flow(parse(text, bash, piped), held, self._targets)
            flow.check()
        except (Unproven, _Stops) as stop:
            raise _Stops(f"the code of {name} ({stop.construct})", at) from None
        if any(not _is_data_file(word) for word in flow._targets[len(self._targets) :]):
            raise _Stops(f"the code of {name}, which writes a file", at)

    def _runs_constant(self, command: Command, words: Sequence[Word]) -> bool:
        """Whether a shell gets constant code by ``-c``; raises _Stops if that runs its arguments."""
        place = shell_line(words)
        if place is None or not place[1]:
            return False
        script, name = words[place[0]], name_of(words[0])
        if script.literal is None or any(map(self.touched, words[: place[0]])):
            if self.touched(script):
                raise _Stops(f"{name} -c runs its argument as code", script.at)
            return False
        held = set(self.tainted)
        if any(map(self.touched, words[place[0] + 1 :])):
            held.add(POSITIONAL)
        piped = command.piped and bool(self._places or self.tainted)
        self._check_nested(f"{name} -c", script.literal, script.at, name == "bash", held, piped)
        return True

    def _written(self, written: bool) -> Iterator[Word]:
        """The words that name a file which may get a value; ``written``: there are such files already."""
        moved: list[Word] = []
        for command in self.script.commands:
            words = started(command.words)
            name = name_of(words[0]) if words else ""
            constant = name in ("echo", "printf", "date", "touch", ":") and all(
                word.literal is not None for word in [*words, *command.assignments]
            )
            found = list(command.files) if command.writes and not constant else []
            if name in ("tee", "sort", "dd"):
                found += [word for word in words[1:] if not (word.literal or "").startswith("-")]
            elif name in _MOVERS and len(words) > 1:
                moved += words[1:] if name == "ln" else words[-1:]
            written |= bool(found) or name in SHELLS or name == "eval"
            yield from found
        yield from moved if written else ()

    def _check_files(self) -> None:
        """Raise _Stops if a file that the script writes may be a program that it starts, or a part of one."""
        writes_code = [target for target in self._targets if not _is_data_file(target)]
        for command in self.script.commands:
            words = started(command.words)
            exported = words[1:] if words and name_of(words[0]) in ASSIGNING else ()
            for word in [*command.assignments, *exported]:
                if word.name == "PATH" and writes_code:
                    raise _Stops("PATH= beside files that the script writes", word.at)
            if not self._targets or not words or kind_of(words) is not Program.UNKNOWN:
                continue
            ran = file_run(words) or words[0].literal or ""
            at = words[0].at
            if any(_unpacked(name_of(target)) == ran.rpartition("/")[2] for target in self._targets):
                raise _Stops(f"{ran} is a file that the script writes", at)
            if not file_run(words) and "/" not in ran and re.fullmatch(FILE_NAME, ran):
                continue
            if re.search(_DATA_FILE, ran) or not all(_is_other_place(target, ran) for target in writes_code):
                raise _Stops(f"{ran} may be, or read as code, a file that the script writes", at)

    def places(self, command: Command) -> dict[int, Context]:
        """The contexts of the placeholders of a command that are proven to be data."""
        found: dict[int, Context] = {}
        text = self.script.text
        for word in command.assignments:
            if may_hold(word.name):
                found |= _of_word(word, DATA, text)
        for word in [*command.files, *command.feeds]:
            found |= _of_word(word, DATA, text)
        words = started(command.words)
        for word in command.words[: len(command.words) - len(words)] if words else ():
            found |= _of_word(word, DATA, text) if word.name and may_hold(word.name) else {}
        if words:
            for word, limit in zip(words, self._limits(command, words), strict=True):
                found |= _of_word(word, limit, text)
        return found

    def _of_unknown(self, words: Sequence[Word]) -> list[Limit]:
        """The limits of a program that is not known, or of a function of the script: its body is checked."""
        if words[0].literal in self.script.functions:
            return [DATA] * len(words)
        return of_user_program(words)

    def _limits(self, command: Command, words: Sequence[Word]) -> Sequence[Limit]:
        name = name_of(words[0])
        kind = kind_of(words)
        if name in ASSIGNING:
            return [
                DATA if word.name and may_hold(word.name) else code(f"as a name for {name}") for word in words
            ]
        if kind is Program.HARMLESS:
            if not takes_data([word.literal for word in words]):
                return [code(f"as an argument of {name}, which may evaluate it")] * len(words)
            return [DATA if name in _NO_OPTIONS else ARGUMENT] * len(words)
        if kind is Program.UNKNOWN:
            return self._of_unknown(words)
        if name in SHELLS and (place := shell_line(words)) is not None and place[1]:
            return [DATA if number > place[0] else code("as code of a shell") for number in range(len(words))]
        known = limits(words, command.feeds)
        if known is not None:
            return known
        return [code(f"as an argument of {name or 'a program'}, which may run it as code")] * len(words)


def _changes_commands(words: Sequence[Word]) -> bool:
    """Whether ``set -k`` makes later arguments assignments, or ``hash -p`` names other programs."""
    wanted = r"[-+][a-zA-Z]*k[a-zA-Z]*|keyword" if words[0].literal == "set" else r"-[a-z]*p[a-z]*"
    options = takewhile(lambda word: word.literal != "--", words[1:])
    return any(re.fullmatch(wanted, word.literal or "") for word in options)


def _may_evaluate_subscript(name: str, words: Sequence[Word]) -> bool:
    """Whether a command may take one of its constant ``words`` for an element of an array: ``a[x]``."""
    if name == "printf" and words and words[0].literal is not None and not words[0].literal.startswith("-"):
        return False  # only -v takes a name
    return name in _EVALUATES_NAMES and any("[" in word.constant for word in words)


def _operators(words: Sequence[Word]) -> list[str]:
    """The operators of ``[[ ]]`` whose operands are arithmetic."""
    return [word.literal for word in words if word.literal is not None and word.literal in NUMERIC_TESTS]


def _is_data_file(word: Word) -> bool:
    return re.search(_DATA_FILE, word.tail) is not None or (
        word.literal is not None and re.match(_DATA_PLACE, word.literal) is not None
    )


def _unpacked(name: str) -> str:
    """The name of a file when it is unpacked."""
    return re.sub(r"\.(?:gz|xz|bz2|zst)$", "", name)


_READ_AS_CODE: Final = frozenset(["makefile", "config", "profile", "rc", "env", "snakefile", "dockerfile"])


def _is_other_place(target: Word, ran: str) -> bool:
    """Whether a file is plainly not the program ``ran``, nor one of the files that programs look for."""
    name = (target.literal or "").rstrip("/").rpartition("/")[2]
    if not re.fullmatch(r"[a-z0-9_-]+", name) or name in _READ_AS_CODE or not re.fullmatch(FILE_NAME, ran):
        return False
    return name != ran.rpartition("/")[2] and f"{name}/" not in ran and not ran.endswith(f".{name}")


def _of_word(word: Word, limit: Limit, text: str) -> dict[int, Context]:
    """The contexts of a word's placeholders, under what its program does with the word."""
    found = {}
    for place, (number, how) in enumerate(word.places):
        pattern, where = _PATTERNS[how], _WHERE[how]
        leading = word.leads and place == 0
        if number in word.ends:
            pattern = rf"(?!\t*{re.escape(word.ends[number])}{_END}){pattern}"
        if number in word.after_tabs:
            pattern, where = rf"(?!\t){pattern}", f"{where}, whose <<- leaves out tabs"
        if limit.pattern is HARMLESS_VALUE:
            found[number] = unproven(text, limit.why)
            continue
        applies = limit.pattern is not None and (leading or limit is not ARGUMENT)
        if applies and limit is ARGUMENT:
            pattern = rf"{_NOT_AN_OPTION}(?:{pattern})"
        elif applies:
            pattern = rf"(?=(?:{limit.pattern}){_END})(?:{pattern})"
        if applies and not limit.variable:
            where = f"{where}, {limit.why}"
        variable = _VARIABLES[how] if limit.variable else ""
        found[number] = Context(where, pattern, quoting=how == "plain" and limit.variable, variable=variable)
    return found
