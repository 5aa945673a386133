"""What programs do with their arguments: print them, run them as code, or nobody here knows.

The list of harmless programs is what the check of scripts builds on; the list of interpreters only makes it
stricter. A name on neither list is a program of the user's.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from expander.base.dataclass import dataclass


class Program(Enum):
    """What is known of a program."""

    HARMLESS = "takes every argument as data"
    UNKNOWN = "a program of the user's"
    INTERPRETER = "runs what it is given"


HARMLESS: Final = frozenset(
    """
    arch b2sum base32 base64 basename bc cat cd chmod chown cksum cmp column comm cp cut date df diff
    dirname du echo exit expand expr false fmt fold free grep egrep fgrep gunzip gzip head hexdump hostname
    id join ln ls md5sum mkdir mktemp mv nl nproc numfmt od paste printf pwd readlink realpath rev rm rmdir
    seq set sha1sum sha224sum sha256sum sha384sum sha512sum shift shuf sleep sort stat strings sum sync tac
    tail test [ touch tr true : uname uniq unxz unzip uptime wc which whoami xxd xz zcat zstd bzip2 bunzip2
    tee for export wait break continue return umask ulimit times unset hash jobs kill local readonly read
    case [[
    """.split()
)
"""Programs and builtins that never run an argument; `takes_data` has the exceptions."""

CONSTANT_ONLY: Final = frozenset(
    "shift exit wait sleep break continue return umask ulimit times hash jobs kill".split()
)
"""Builtins whose arguments are numbers or names."""

ASSIGNING: Final = frozenset(["export", "local", "readonly", "declare", "typeset"])
"""Builtins that assign what their arguments say."""

EVALUATING: Final = frozenset(
    """
    let mapfile readarray getopts enable bind complete compgen compopt fc history declare typeset unset
    shopt builtin
    """.split()
)
"""Builtins that act on what variables hold, or on more than they are given."""

SHELLS: Final = frozenset(["sh", "bash", "dash", "ash"])
"""Shells whose scripts are read; those of any other are not."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """How a program that starts another one is called: ``flags`` and ``valued`` are letters of options
    without and with an argument, ``words`` long options without one, ``before`` counts arguments that stand
    before the command."""

    flags: str = ""
    valued: str = ""
    words: frozenset[str] = frozenset()
    before: int = 0


LAUNCHERS: Final = {
    "exec": Launcher("cl", "a"),
    "nohup": Launcher(),
    "command": Launcher("p"),
    "time": Launcher(),
    "env": Launcher("i", "u"),
    "nice": Launcher("", "n"),
    "ionice": Launcher("t", "cn"),
    "timeout": Launcher("v", "ks", frozenset(["--preserve-status", "--foreground"]), before=1),
    "stdbuf": Launcher("", "ioe"),
    "setsid": Launcher("cfw"),
    "flock": Launcher("xsnuoF", "wE", before=1),
    "xargs": Launcher("0rtx", "nPLdaIs", frozenset(["--null", "--no-run-if-empty"])),
    "tini": Launcher("svgw", "pe"),
    "dumb-init": Launcher("cv"),
    "catatonit": Launcher("gP"),
    "gosu": Launcher(before=1),
    "su-exec": Launcher(before=1),
    "xvfb-run": Launcher("al", "nsef"),
    "srun": Launcher("u", "nNcpGJt"),
    "mpirun": Launcher("v", "nN", frozenset(["--allow-run-as-root", "--oversubscribe"])),
    "mpiexec": Launcher("v", "nN", frozenset(["--allow-run-as-root", "--oversubscribe"])),
    "catchsegv": Launcher(),
    "unbuffer": Launcher(),
}
"""Programs that start the command behind them, and their options that are known."""

_INTERPRETERS: Final = frozenset(
    """
    . adb alias ansible apptainer at autossh bash-static batch bind bsdtar bsub builtin bun busybox caller
    chroot chrt clisp clush cmd compgen complete compopt cpio cpulimit cpython crictl crontab ctr dbus-run-
    session dc dd declare deno dirs disown doas docker dsh ed elixir emacs enable entr env_parallel envsubst
    erl escript eval ex execlineb expect fakeroot faketime fc fd find gdb getopts ghc ghci git gnuplot
    groovy gsed guile hg history iex ipython irb jq jshell julia less let lftp linux32 linux64
    lldb logout ltrace lua luajit m4 make man mapfile mariadb matlab mlr mongo more mysql nc ncat nerdctl
    ninja node nodejs npm npx nsenter nslookup nu numactl nvim oc ocaml octave parallel pdsh perf perl php
    pipx pnpm podman popd prlimit proot psql pushd pypy python qsub r racket readarray rename rlwrap rscript
    rsh rsync ruby run-parts runghc runuser salt sbatch sbcl scala scp screen script sed sem setarch setpriv
    sftp sg shopt singularity socat source split sqlite ssh sshpass strace su sudo suspend swift systemd-run
    tar taskset tclsh tmux toybox trap type typeset unalias unshare uv uvx valgrind vi vim watch wish wsl xq
    yarn yq zip
    """.split()
)
_ONLY_WORDS: Final = frozenset(
    """
    . alias at batch bind builtin caller complete declare dirs enable fc help history let logout more
    rename r source suspend trap type typeset
    """.split()
)
_ENDINGS: Final = ("sh", "awk", "make")
"""How names of further shells, awks and makes end."""

_NOUNS: Final = frozenset(
    """
    ACCOUNT ACCESSION AGE ALPHA API APP ARTICLE ASSET AUTHOR BAM BASE BATCH BED BETA BIN BLOCK BUCKET CAMERA
    CATEGORY CELL CHANNEL CHAPTER CHECKPOINT CHROM CHROMOSOME CHUNK CITY CLASS CLIENT CLUSTER CODE
    COLLECTION COLOR COLUMN COMMENT COMPANY CONTAINER COUNT COUNTRY CSV CURRENCY CUSTOMER DATA DATABASE
    DATASET DATE DAY DB DESCRIPTION DEST DESTINATION DEVICE DIR DIRECTORY DOCUMENT DOMAIN DROPOUT DST EMAIL
    END EPOCH EPOCHS EVENT EXPERIMENT FASTA FASTQ FIELD FILE FILENAME FIRST FOLD FOLDER FORMAT FRAME FROM
    GENE GENOME GPU GROUP HEIGHT HOUR ID IMAGE IN INDEX INFILE INDIR INPUT ITEM ITERATIONS JOB JSON KEY KIND
    LABEL LAST LAYER LEARNING LEFT LEVEL LIST LR MAP MAX MEMORY MESSAGE METRIC MIN MODE MODEL MONTH NAME
    NODE NODES NOTE NUM NUMBER OBJECT ORDER ORGANISM OUT OUTDIR OUTFILE OUTPUT OWNER PAGE PAIR PARAM
    PARAMETER PART PARTITION PATH PATIENT PERIOD PHASE POINT PREFIX PRICE PRODUCT PROJECT QUALITY QUERY
    QUEUE RANGE RANK RATE READ READS RECORD REF REFERENCE REGION RELEASE REPLICATE REPORT RESOLUTION RESULT
    RIGHT ROUND ROW RUN S3 SAMPLE SCALE SCENE SCORE SEASON SECTION SEED SEQUENCE SERVICE SET SHARD SHOT SIZE
    SLICE SOURCE SPECIES SPLIT SRC STAGE START STATE STATION STATUS STEP STOP STRATEGY STUDY SUBJECT SUFFIX
    SURVEY TABLE TAG TARGET TASK TEMPERATURE TENANT TEST TEXT TICKER TILE TIME TIMESTAMP TITLE TO TOPIC
    TRAIN TYPE UNIT URI URL USERNAME VALUE VARIANT VCF VERSION VIDEO WEEK WEIGHT WIDTH WORKER YEAR ZONE
    BASENAME
    """.split()
)
"""Words that names of variables may be made of: nothing else than the user's own programs looks at them."""
_NEEDS_ANOTHER: Final = frozenset(["PATH", "NODE_PATH"])
_TEST_UNARY: Final = frozenset("-n -z -f -d -e -s -r -w -x -L -h -p -S -b -c -g -u -k -O -G".split())
_TEST_BINARY: Final = frozenset("= != == -eq -ne -lt -le -gt -ge -nt -ot -ef".split())
NUMERIC_TESTS: Final = frozenset("-eq -ne -lt -le -gt -ge".split())
"""Operators whose operands are arithmetic in bash's ``[[ ]]``."""
_FORMAT: Final = r"(?:[^%\\]|%[-+ 0#]*[0-9]*(?:\.[0-9]+)?[sbdiufegxXoc%]|\\[nrt\\\"0-9])*"


def program(word: str) -> Program:
    """What is known of the program that ``word`` names, by its last path component."""
    name = word.rpartition("/")[2]
    if name in HARMLESS:
        return Program.HARMLESS
    family = family_of(name)
    if family == "snakemake":
        return Program.UNKNOWN
    if family in _INTERPRETERS or (family.endswith(_ENDINGS) and family.replace("_", "").isalnum()):
        return Program.INTERPRETER
    return Program.UNKNOWN


def family_of(name: str) -> str:
    """A program's name in lower case, without a version (``bash-5.2``, ``python3.11``) and ``.exe``."""
    name = name.rpartition("/")[2].lower().removesuffix(".exe")
    digit = next((place for place, char in enumerate(name) if char.isdigit()), len(name))
    return name if name in _INTERPRETERS else name[:digit].rstrip("-.") or name


def is_interpreter(word: str) -> bool:
    """Whether an argument names a program that runs what it is given: no builtin, which no program starts."""
    return word not in _ONLY_WORDS and program(word) is Program.INTERPRETER


def may_hold(variable: str) -> bool:
    """Whether a variable may get any value: no shell and no usual program acts on its name."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*|[A-Z][0-9]?", variable):
        return True
    if variable in _NEEDS_ANOTHER:
        return False
    parts = variable.split("_")
    known = [part in _NOUNS or part.rstrip("0123456789") in _NOUNS for part in parts]
    return known[0] and all(fine or part.isdigit() for fine, part in zip(known, parts, strict=True))


_RUN: Final = frozenset(
    """
    BASH_ENV ENV PS0 PS1 PS2 PS4 PROMPT_COMMAND SHELLOPTS BASHOPTS IFS PATH SHELL LD_PRELOAD LD_AUDIT
    LD_LIBRARY_PATH PERL5OPT PERL5DB PERL5LIB PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONWARNINGS RUBYOPT
    RUBYLIB NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS GIT_SSH GIT_SSH_COMMAND
    GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_ASKPASS SSH_ASKPASS PAGER EDITOR VISUAL LESSOPEN LESSCLOSE
    MANPAGER BROWSER MAKEFLAGS MAKEFILES RSYNC_RSH TAR_OPTIONS
    """.split()
)


def is_run(variable: str) -> bool:
    """Whether shells or usual programs run what a variable of this name holds, or code that it leads to."""
    return variable in _RUN or variable.startswith("BASH_FUNC_")


def takes_data(words: list[str | None]) -> bool:
    """Whether a harmless program takes every argument of this command line as data.

    ``words`` are the program and its arguments, None for those with a placeholder or an expansion. bash
    evaluates the subscript in ``test -v a[...]`` and ``printf -v a[...]``.
    """
    name = str(words[0]).rpartition("/")[2]
    if name in ("test", "["):
        return _tests_data(words[1:-1] if name == "[" and words[-1] == "]" else words[1:])
    if name == "[[":
        return _tests_data(words[1:])
    if name == "printf":
        form = words[1] if len(words) > 1 else None
        return form is not None and not form.startswith("-") and re.fullmatch(_FORMAT, form) is not None
    if name == "set":
        return None not in words or words[1:2] == ["--"]
    if name in CONSTANT_ONLY:
        return None not in words
    if name == "unset":
        return all(word is not None and re.fullmatch(r"-[fv]|[A-Za-z_][A-Za-z0-9_]*", word) for word in words)
    if name == "read":
        return _reads_names(words[1:])
    if name == "for":
        return len(words) == 1 or (words[1] is not None and may_hold(words[1]) and words[2:3] in ([], ["in"]))
    return name not in ASSIGNING


def _tests_data(words: list[str | None]) -> bool:
    """Whether these are the words of one test that takes operands as data, whatever they hold."""
    if words[:1] == ["!"] and len(words) > 1:
        words = words[1:]
    if len(words) == 2:
        return words[0] in _TEST_UNARY
    if len(words) == 3 and words[1] == "=~":
        return words[2] is not None
    return len(words) == 1 or (len(words) == 3 and words[1] in _TEST_BINARY)


def _reads_names(words: list[str | None]) -> bool:
    """Whether ``read`` puts a line into variables that may hold it."""
    at = 0
    while at < len(words) and (word := words[at]) is not None and word.startswith("-"):
        if not re.fullmatch(r"-[ers]*[dnpt]?|-[dnpt].+", word):
            return False
        at += 2 if re.fullmatch(r"-[ers]*[dnpt]", word) else 1
    return all(word is not None and may_hold(word) for word in words[at:])
