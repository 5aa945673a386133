"""No value becomes code, whatever the script around it: real shells run what the check lets through."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import expander
from expander.render.script import contexts

SHELLS = ["dash", "bash"]
NOBODY = 65534
"""The user of the scripts where the tests run as root: a payload may be a path."""

SCRIPTS = [
    "cat <<< $ITEM",
    "cat <<<'$ITEM'\ntrue\n",
    "cat <<$ITEM\ntext\n$ITEM\n",
    "cat <<END\n$ITEM\nEND\n",
    "cat <<'END'\n$ITEM\nEND\n",
    "cat <<-END\n\t$ITEM\n\tEND\n",
    "cat <<A <<B\n$ITEM\nA\n$ITEM\nB\n",
    'echo "${X:-it\'s} $ITEM"',
    "echo ${X:-$ITEM}",
    "echo $(echo a)#$ITEM",
    "echo `echo a`#$ITEM",
    "echo `echo $ITEM`",
    "trap 'echo $ITEM' EXIT",
    'trap "echo $ITEM" EXIT',
    "echo $ITEM | sh",
    "echo '$ITEM' | sh",
    'printf "%s\\n" "$ITEM" | bash -s',
    "for i in 1 2; do echo '$ITEM'; done | sh",
    "{ echo '$ITEM'; } | sh",
    "sh <<'EOF'\necho $ITEM\nEOF\n",
    "python3 - <<'EOF'\nprint('$ITEM')\nEOF\n",
    "bash \\\n-c 'echo $ITEM'",
    "sh -c 'echo $ITEM'",
    "sh -c \"echo '$ITEM'\"",
    "$SHELL -c 'echo $ITEM'",
    "S=sh; $S -c 'echo $ITEM'",
    "env -S 'sh -c \"echo $ITEM\"'",
    "env sh -c 'echo $ITEM'",
    "flock /tmp -c 'echo $ITEM'",
    "timeout 5 sh -c 'echo $ITEM'",
    "nice sh -c 'echo $ITEM'",
    "xargs sh -c 'echo $ITEM' </dev/null",
    'sed "s/x/$ITEM/" /etc/hostname',
    "sed -n '/$ITEM/p' /etc/hostname",
    "awk 'BEGIN { print \"$ITEM\" }'",
    "[[ '$ITEM' -eq 1 ]]",
    "[[ $ITEM == x ]]",
    "[ -v '$ITEM' ]",
    'test -v "$ITEM"',
    "declare -i n='$ITEM'",
    "declare '$ITEM'",
    "let 'n=$ITEM'",
    "printf -v '$ITEM' x",
    "printf '$ITEM'",
    'printf "$ITEM" a',
    "read '$ITEM' </dev/null",
    "unset '$ITEM'",
    "mapfile -C '$ITEM' -c 1 x < /etc/hostname",
    'echo "$$ITEM"',
    "echo $(( $ITEM ))",
    "echo $(( '$ITEM' ))",
    "x='$ITEM'; echo $((x))",
    "x='$ITEM'; eval \"echo $x\"",
    "x='$ITEM'; sh -c \"$x\"",
    "x='$ITEM'; $x",
    "PS4='$ITEM'; set -x; true",
    "PROMPT_COMMAND='$ITEM'; true",
    "BASH_ENV='$ITEM' bash -c true",
    "eval echo $ITEM",
    "eval 'echo $ITEM'",
    "case $ITEM in *) echo x;; esac",
    "case x in $ITEM) echo x;; esac",
    "f() { echo '$ITEM'; }; f",
    "( echo $ITEM )",
    "echo {a,$ITEM}",
    "echo \\$ITEM",
    'echo "\\$ITEM"',
    "echo $'$ITEM'",
    'echo $"$ITEM"',
    "echo 'a'$ITEM'b'",
    "echo a\\\n$ITEM",
    "# $ITEM\ntrue",
    "true # $ITEM\ntrue",
    "echo $ITEM > out",
    'echo x > "$ITEM"',
    "echo '$ITEM' > run.sh; sh run.sh",
    "echo '$ITEM' > run.sh; . ./run.sh",
    "echo '$ITEM' > run.sh; chmod +x run.sh; ./run.sh",
    "echo '$ITEM' | tee run.sh; sh ./run.sh",
    'F=run.sh; echo \'$ITEM\' > "$F"; bash "$F"',
    "if true; then echo $ITEM; fi",
    "while false; do echo $ITEM; done",
    'echo "$(echo "$ITEM")"',
    "echo \"$(echo '$ITEM' | sh)\"",
    'cd "$ITEM" || true',
    'convert "$ITEM" x.png; true',
    "python3 -c \"print('$ITEM')\"",
    "python3 -c 'import sys' '$ITEM'",
    "perl -e 'print \"$ITEM\"'",
    "find . -name '$ITEM'",
    "find . -maxdepth 0 -exec echo '$ITEM' ';'",
    "$ITEM",
    "$ITEM --help",
    "'$ITEM' x",
    "A=$ITEM true",
    "alias x='$ITEM'; true",
    "select x in '$ITEM'; do break; done < /dev/null",
    "echo $ITEM >&2",
    "echo $ITEM>x",
    "echo x 2>$ITEM",
    "! echo $ITEM",
    "echo $ITEM &\nwait",
    "echo ~$ITEM",
    "echo *$ITEM*",
    "echo $ITEM; echo '$ITEM' \"$ITEM\"",
    'x=$ITEM\necho "$x"',
    "export X=$ITEM; echo $X",
    "export '$ITEM'",
    "set -- '$ITEM'; echo \"$1\"",
    "set '$ITEM'",
    "exit '$ITEM'",
    "time echo $ITEM",
    "coproc echo $ITEM",
]

PAYLOADS = [
    "$(touch pwned)", "`touch pwned`", ";touch pwned", "; touch pwned;", "x;touch pwned;", "&& touch pwned",
    "| touch pwned", "& touch pwned &", "\ntouch pwned\n", "x\ntouch pwned\nx", "';touch pwned;'", "'\ntouch pwned\n'",
    '";touch pwned;"', '"$(touch pwned)"', "'$(touch pwned)'", "a[$(touch pwned)]", "a[`touch pwned`]",
    "a[$(touch pwned)]=1", "1+a[$(touch pwned)]", "-va[$(touch pwned)]", "x'\"$(touch pwned)\"'",
    "END\ntouch pwned\n", "\nEND\ntouch pwned\n", "\n\tEND\ntouch pwned\n", "EOF\ntouch pwned", "\nEOF\ntouch pwned\n",
    "\nEOF\nimport os; os.system('touch pwned')\n", "A\n$(touch pwned)\n", ")\ntouch pwned\n(", "));touch pwned;((",
    "));touch pwned #", ");touch pwned;(", "};touch pwned;{", "}touch pwned", "*) touch pwned;; esac #",
    "x) touch pwned;; esac #", "touch pwned", "touch${IFS}pwned", "{touch,pwned}", "$'\\x74ouch' pwned", "x/e touch pwned;",
    "/e touch pwned", "x/;1e touch pwned\ns/x/", "e touch pwned", '"; system("touch pwned"); "', "'); __import__('os').system('touch pwned'); ('",
    "__import__('os').system('touch pwned')", "\\", "\\\ntouch pwned", "\\';touch pwned;'", '\\";touch pwned;"', "#\ntouch pwned",
    " #\ntouch pwned\n", "<(touch pwned)", ">(touch pwned)", "x > y; touch pwned", "!touch pwned", "-e 'touch pwned'",
    "@P", "${x@P}", "x}$(touch pwned)", "'}$(touch pwned)'", "\r\ntouch pwned\r\n", "\x0btouch pwned", "\u2028touch pwned",
    "-exec touch pwned ;", "x' -exec touch pwned ';' -name 'x", "-c 'touch pwned'", "if", "do", "() { :; }; touch pwned",
]  # fmt: skip


def manifest(script: str) -> str:
    text = "\n".join(f"          {line}" for line in script.split("\n"))
    return f"""apiVersion: batch/v1
kind: Job
metadata: {{name: "job-$INDEX"}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: bash
        command:
        - sh
        - -c
        - |
{text}
"""


def executed(shell: str, script: str, folder: Path) -> bool:
    """Whether the script, run by a shell in ``folder``, did what a payload says; it may write nowhere else."""
    folder.chmod(0o777)
    subprocess.run(
        [shell, "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "SHELL": "/bin/sh"},
        timeout=60,
        check=False,
        user=NOBODY if os.geteuid() == 0 else None,
    )
    return (folder / "pwned").exists()


def accepted(script: str, tmp_path: Path, values: list[str]) -> Iterator[str]:
    """The scripts that the public call makes of a template, for the values it does not refuse."""
    path = tmp_path / "job.yaml"
    path.write_text(manifest(script))
    for made in expander.expand(path, values, validate=False, on_error=lambda _: None):
        spec = made.tree["spec"]["template"]["spec"]["containers"][0]
        yield spec["command"][2]


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_payload_is_executed_in_any_script(script: str, tmp_path: Path) -> None:
    for text in accepted(script, tmp_path, PAYLOADS):
        for shell in SHELLS:
            assert not executed(shell, text, tmp_path), text


@pytest.mark.parametrize("value", ["apple", "007", "a-b_c.9", "x/y.txt", "2024-01-01"])
def test_harmless_values_pass_in_every_script(value: str) -> None:
    for script in SCRIPTS:
        segments: list[str | int] = []
        for part in script.split("$ITEM"):
            segments += [part, 0]
        assert all(context.accepts(value) for context in contexts(segments[:-1])), script


FRAGMENTS = [
    " ", " ", "\n", ";", "&&", "|", "'", '"', "`", "$(", ")", "$((", "))", "${x}", "$x", "\\", "#", "<<E\n", "\nE\n", "<", ">",
    "echo ", "cat ", "printf %s ", "sh ", "-c ", "x=", "eval ", "{", "}", "if ", "then ", "fi", "do ", "for i in ", "[", "]", "2",
    "$", "@", "~", "*", "test ", "true", "case x in ", "esac", "!", "&", "a", "$'", "export ", "\t",
]  # fmt: skip


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12),
    st.lists(st.sampled_from(FRAGMENTS), max_size=8),
    st.one_of(
        st.sampled_from(PAYLOADS),
        st.lists(st.sampled_from(["touch pwned", *FRAGMENTS]), max_size=7).map("".join),
    ),
)
def test_no_value_is_executed_in_any_text(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str], value: str
) -> None:
    first, last = "".join(before), "".join(after)
    (context,) = contexts([part for part in (first, 0, last) if part != ""])
    if "touch pwned" in value and context.accepts(value):
        folder = tmp_path_factory.mktemp("shell")
        for shell in SHELLS:
            assert not executed(shell, first + value + last, folder), (first, value, last)
