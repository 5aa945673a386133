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

_INTERPRETERS: Final = frozenset(
    """
    . alias apptainer at bash-static batch bc bind break bsdtar bsub builtin bun busybox caller
    chroot chrt clisp cmd compgen complete compopt continue cpio cpulimit cpython crictl crontab ctr
    dbus-run-session dc dd declare deno dirs disown doas docker ed elixir emacs enable entr
    env_parallel envsubst erl escript eval ex execlineb expect fakeroot faketime fc fd find flock
    gdb getopts ghc ghci git gnuplot gosu groovy gsed guile hash helm hg history iex ionice ipython
    irb jobs jq jshell julia kubectl less let lftp linux32 linux64 lldb local logout ltrace lua
    luajit m4 make man mapfile mariadb matlab mlr mongo more mpiexec mpirun mysql nc ncat nerdctl
    ninja node nodejs npm npx nsenter nslookup nu numactl nvim oc ocaml octave parallel pdsh perf
    perl php pipx pnpm podman popd prlimit proot psql pushd pypy python qsub r racket read readarray
    readonly rename return rlwrap rscript rsync ruby run-parts runghc runuser sbatch sbcl scala
    screen script sed sem setarch setpriv setsid sg shopt singularity socat source split sqlite srun
    stdbuf strace su su-exec sudo suspend swift systemd-run tar taskset tclsh time times tmux toybox
    trap type typeset ulimit umask unalias unbuffer unset unshare uv uvx valgrind vi vim watch wish
    xargs xq xvfb-run yarn yq zip
    """.split()
)
_ENDINGS: Final = ("sh", "awk", "make")
"""How names of further shells, awks and makes end."""

_LOWER_NAME: Final = (
    r"[a-z_][a-z0-9_]*|(?:ITEM|INPUT|OUTPUT|FILE|NAME|IN|OUT|SRC|DST|URL|ID|INDEX|SEED|TITLE|SAMPLE|SUBJECT"
    r"|PREFIX|SUFFIX|DATE|YEAR|VALUE|LABEL|TAG|MODEL|LR|FRAME|SCENE|KEY|REGION|CHROM|GENE|CITY|DATASET)"
    r"(?:_(?:ID|NAME|FILE|DIR|PATH|URL))?|(?:IN|OUT)(?:DIR|FILE)|FILENAME|BASENAME"
)
_TEST_OPERATORS: Final = frozenset("! -n -z -f -d -e -s -r -w -x -L -h = != ]".split())
_FORMAT: Final = r"(?:[^%\\]|%[sb%]|\\[nt\\])*"


def program(word: str) -> Program:
    """What is known of the program that ``word`` names, by its last path component."""
    name = word.rpartition("/")[2]
    if name in HARMLESS:
        return Program.HARMLESS
    family = _family(name)
    if family in _INTERPRETERS or (family.endswith(_ENDINGS) and family.replace("_", "").isalnum()):
        return Program.INTERPRETER
    return Program.UNKNOWN


def _family(name: str) -> str:
    """A program's name in lower case, without a version (``bash-5.2``, ``python3.11``) and ``.exe``."""
    name = name.lower().removesuffix(".exe")
    digit = next((place for place, char in enumerate(name) if char.isdigit()), len(name))
    return name if name in _INTERPRETERS else name[:digit].rstrip("-.") or name


def is_interpreter(word: str) -> bool:
    """Whether a word of a command line names a program that runs what it is given."""
    return program(word) is Program.INTERPRETER


def may_hold(variable: str) -> bool:
    """Whether a variable may get any value: no shell and no usual program acts on its name."""
    return re.fullmatch(_LOWER_NAME, variable) is not None


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
        return form is not None and not form.startswith("-") and re.fullmatch(_FORMAT, form) is not None
    if name == "set":
        return None not in words or words[1:2] == ["--"]
    if name in ("shift", "exit", "wait", "sleep", "export"):
        return None not in words
    if name == "for":
        return len(words) > 2 and words[1] is not None and may_hold(words[1]) and words[2] == "in"
    return True
