"""What programs do with their arguments: print them, run them as code, or nobody here knows.

The list of harmless programs is what the check of scripts builds on; the list of interpreters only makes it
stricter. A name on neither list is a program of the user's.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Program(Enum):
    """What is known of a program."""

    HARMLESS = "takes every argument as data"
    UNKNOWN = "a program of the user's"
    INTERPRETER = "runs what it is given"


HARMLESS: Final = frozenset(
    """
    basename cat cd chmod chown cmp cp cut date df diff dirname du echo exit expand expr false fold
    grep egrep fgrep gunzip gzip head hostname id join ln ls md5sum mkdir mktemp mv nl paste printf
    pwd readlink realpath rm rmdir seq set sha1sum sha256sum sha512sum shift sleep sort stat sync
    tac tail test [ touch tr true : uname uniq unxz unzip wc xz zcat zstd bzip2 bunzip2 tee for
    export wait
    """.split()
)
"""Programs and builtins that never run an argument; `takes_data` has the exceptions."""

LAUNCHERS: Final = frozenset(
    ["exec", "nohup", "nice", "command", "tini", "dumb-init", "timeout", "catatonit", "env"]
)
"""Programs that start the command behind them. Of their options ``--`` is known, and a duration."""

SHELLS: Final = frozenset(["sh", "bash", "dash", "ash"])
"""Shells whose scripts are read; those of any other are not."""

_INTERPRETER: Final = re.compile(
    r"(?:[a-z0-9_]*sh|bash-static|[ci]python|python|pypy|perl|ruby|node|nodejs|deno|bun|lua|luajit|php|tclsh|wish|expect|r|rscript|julia|octave"
    r"|matlab|scala|groovy|jshell|irb|erl|escript|elixir|iex|ghc|ghci|runghc|ocaml|swift|sbcl|clisp|guile|racket"
    r"|emacs|vi|vim|nvim|ex|ed|sed|gsed|.*awk|m4|bc|dc|jq|yq|xq|sqlite3?|psql|mysql|mariadb|mongo|gdb|lldb"
    r"|.*make|ninja|npm|npx|yarn|pnpm|uv|uvx|pipx|git|hg|tar|bsdtar|rsync|zip|cpio|find|fd|xargs|parallel|sudo|su|doas"
    r"|runuser|sg|prlimit|setarch|linux32|linux64|cpulimit|unbuffer|rlwrap|faketime|fakeroot|proot|pdsh"
    r"|xvfb-run|run-parts|split|dd|sem|env_parallel|dbus-run-session|rename|gnuplot|lftp|mlr|execlineb|cmd|nu|setpriv|chroot|unshare|nsenter|flock|watch|script|strace|ltrace|perf|valgrind|time|stdbuf|ionice"
    r"|taskset|numactl|chrt|setsid|systemd-run|at|batch|crontab|docker|podman|nerdctl|kubectl|oc|helm|crictl|ctr"
    r"|busybox|toybox|mpirun|mpiexec|srun|sbatch|qsub|bsub|singularity|apptainer|gosu|su-exec|screen|tmux|entr"
    r"|eval|source|\.|trap|alias|bind|builtin|caller|compgen|complete|compopt|declare|dirs|disown|enable|fc|getopts"
    r"|hash|history|jobs|let|local|logout|mapfile|popd|pushd|read|readarray|readonly|shopt|suspend|times|type"
    r"|typeset|ulimit|umask|unalias|unset|return|break|continue|envsubst|nslookup|less|more|man|nc|ncat|socat)"
    r"(?:[-0-9.]+(?:[-_a-z0-9]*linux[-_a-z]*)?)?(?:\.exe)?",
    re.IGNORECASE,
)

_LOWER_NAME: Final = re.compile(
    r"[a-z_][a-z0-9_]*|(?:ITEM|INPUT|OUTPUT|FILE|NAME|IN|OUT|SRC|DST|URL|ID|INDEX|SEED|TITLE|SAMPLE|SUBJECT"
    r"|PREFIX|SUFFIX|DATE|YEAR|VALUE|LABEL|TAG|MODEL|LR|FRAME|SCENE|KEY|REGION|CHROM|GENE|CITY|DATASET)"
    r"(?:_(?:ID|NAME|FILE|DIR|PATH|URL))?|(?:IN|OUT)(?:DIR|FILE)|FILENAME|BASENAME"
)
_TEST_OPERATORS: Final = frozenset("! -n -z -f -d -e -s -r -w -x -L -h = != ]".split())
_SCRIPT_FILE: Final = re.compile(r"[^.]\.(?:sh|bash|py|pl|rb|R|js|jl|php|lua)$")
_FORMAT: Final = re.compile(r"(?:[^%\\]|%[sb%]|\\[nt\\])*")


def program(word: str) -> Program:
    """What is known of the program that ``word`` names, by its last path component."""
    name = word.rpartition("/")[2]
    if name in HARMLESS:
        return Program.HARMLESS
    if _SCRIPT_FILE.search(name):
        return Program.UNKNOWN
    return Program.INTERPRETER if _INTERPRETER.fullmatch(name) else Program.UNKNOWN


def is_interpreter(word: str) -> bool:
    """Whether a word of a command line names a program that runs what it is given."""
    return program(word) is Program.INTERPRETER


def may_hold(variable: str) -> bool:
    """Whether a variable may get any value: no shell and no usual program acts on its name."""
    return _LOWER_NAME.fullmatch(variable) is not None


def takes_data(words: list[str | None]) -> bool:
    """Whether a harmless program takes every argument of this command line as data.

    ``words`` are the program and its arguments, None for those with a placeholder or an expansion. bash
    evaluates the subscript in ``test -v a[...]`` and ``printf -v a[...]``; ksh evaluates what ``%d`` and
    ``-eq`` are given.
    """
    name = str(words[0]).rpartition("/")[2]
    if name in ("test", "["):
        literal = [
            word for word in words[1:] if word is not None and word.startswith(("-", "=", "!", "<", ">"))
        ]
        return len(words) <= 5 and bool(literal) and set(literal) <= _TEST_OPERATORS
    if name == "printf":
        form = words[1] if len(words) > 1 else None
        return form is not None and not form.startswith("-") and _FORMAT.fullmatch(form) is not None
    if name == "set":
        return None not in words or words[1:2] == ["--"]
    if name in ("shift", "exit", "wait", "sleep", "export"):
        return None not in words
    if name == "for":
        return len(words) > 2 and words[1] is not None and may_hold(words[1]) and words[2] == "in"
    return True
