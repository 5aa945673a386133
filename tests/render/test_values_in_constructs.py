"""In every construct that the grammar of scripts knows, values arrive whole and are not run: real shells say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from expander.render.script import contexts
from expander.render.variables import with_variables
from tests.render.batch import segments_of
from tests.render.test_values_and_code import PAYLOADS, executed
from tests.render.test_variables import output

CONSTRUCTS = {
    "here-document": ("sh", "cat <<EOF\n<@>\nEOF", "<{}>\n"),
    "here-document with tabs": ("sh", "cat <<-EOF | cat\n\t<@>\n\tEOF", "<{}>\n"),
    "here-document of a loop": ("sh", "while read -r l; do :; done <<EOF\n@\nEOF\nprintf '<%s>' \"@\"", "<{}>"),
    "case": ("sh", "case \"@\" in a|b) ;; *) printf '<%s>' '@' ;; esac", "<{}>"),
    "function": ("sh", "f() {\n  printf '<%s>' \"$1\"\n}\nf \"@\"", "<{}>"),
    "local variable": ("sh", "f() { local x=\"$1\"; printf '<%s>' \"$x\"; }; f @", "<{}>"),
    "subshell": ("sh", "(cd / && printf '<%s>' \"@\")", "<{}>"),
    "arithmetic beside it": ("sh", "n=1; n=$((n + 1)); printf '<%s>' \"@\"; : $((n * 2))", "<{}>"),
    "read": ("sh", "echo a b | while read -r x y; do printf '<%s>' \"@\"; done", "<{}>"),
    "trap": ("sh", "trap 'echo end' EXIT\nprintf '<%s>' \"@\"", "<{}>end\n"),
    "trap with a variable": ("sh", "d=/tmp; trap \"echo $d\" EXIT; printf '<%s>' '@'", "<{}>/tmp\n"),
    "export": ("sh", "export SAMPLE_NAME=@; printf '<%s>' \"$SAMPLE_NAME\"", "<{}>"),
    "for": ("sh", "for x in '@' b; do printf '<%s>' \"$x\"; done", "<{}><b>"),
    "backquotes beside it": ("sh", "x=`echo a`; printf '<%s>' \"@\"", "<{}>"),
    "pipe into constant awk": ("sh", "printf '<%s>' '@' | awk '{print}' RS='' ORS='' >/dev/null; printf '<%s>' \"@\"", "<{}>"),
    "pipe into constant sed": ("sh", "echo '@' | sed 's/a/b/' >/dev/null; printf '<%s>' \"@\"", "<{}>"),
    "xargs": ("sh", "echo x | xargs printf '<%s>' '@'", "<{}><x>"),
    "launchers": ("sh", "nice -n 1 timeout -k 1 5 env x='@' printf '<%s>' \"@\"", "<{}>"),
    "code with arguments": ("sh", "sh -c 'printf \"<%s>\" \"$1\"' sh \"@\"", "<{}>"),
    "python with arguments": ("sh", "python3 -c 'import sys; print(end=sys.argv[1])' \"@\"", "{}"),
    "python from a here-document": ("sh", "python3 - '@' <<'EOF'\nimport sys\nprint(end=sys.argv[1])\nEOF", "{}"),
    "test": ("sh", "if [ ! \"@\" = x ] && [ -n '<@>' ]; then printf '<%s>' \"@\"; fi", "<{}>"),
    "condition": ("bash", "[[ '<@>' != x && -n \"<@>\" ]] && printf '<%s>' \"@\"", "<{}>"),
    "array": ("bash", "a=(x \"@\"); a+=('@'); printf '<%s>' \"${a[@]}\"", "<x><{0}><{0}>"),
    "here-string": ("bash", 'cat <<< "@"', "{}\n"),
    "process substitution": ("bash", "cat <(printf '<%s>' \"@\")", "<{}>"),
    "counting loop": ("bash", "for ((i = 0; i < 2; i++)); do printf '<%s>' \"@\"; done", "<{0}><{0}>"),
}  # fmt: skip

VALUES = [
    "a[$(touch pwned)]", "'\";touch pwned;`touch pwned`", "\nEOF\ntouch pwned\n#", "$(touch pwned)\\", "-v", "!",
    "*) touch pwned;; esac #", "x'y \"z\" \\ ${HOME} 50% ü ☃", "EOF", ")\ntouch pwned\n(", "&& touch pwned", "[x]=y",
    "\t\ta\n\tb\t",
]  # fmt: skip

REFUSED = [
    "[ -v \"$(echo '@')\" ]",
    "x=$(echo '@'); [ -v \"$x\" ]",
    "printf \"$(echo '@')\" x",
    "echo '@' > x.txt; y=$(cat x.txt); [ -v \"$y\" ]",
    "x='@'; export y=$x; mytool",
    "f() { \"$@\"; }; f '@'",
    "f() { eval \"$1\"; }; f '@'",
    "f() { [ -v \"$1\" ]; }; f '@'",
    "n='@'; echo $((n + 1))",
    "n='@'; i=n; echo $((i))",
    "read -r n <<EOF\n@\nEOF\necho $((n))",
    "cat > job <<EOF\n@\nEOF\nsh job",
    "sh <<EOF\n@\nEOF",
    "python3 - <<EOF\n@\nEOF",
    "ssh host echo '@'",
    "scp 'host:@' .",
    "git clone 'x@' d; git -c '@' log",
    "tar cf x.tar --use-compress-program '@'",
    "tar -I '@' -xf x",
    "sed 's/a/b/e' '-@'",
    "awk '{system($0)}' '-@'",
    "find . -exec sh -c '@' ';'",
    "perl -ne print '@'",
    "perl -e 'print 1' '@'",
    "xargs -I{} sh -c 'echo {}' '@'",
    "echo '@' | xargs env",
    "echo '@' | xargs -I% % x",
    "ln -s run out; echo '@' > out; sh run",
    "PATH=.:$PATH; echo '@' > job; job",
    "trap \"echo '@'\" EXIT",
    "psql -c \"copy t from program 'cat @'\"",
    "psql <<EOF\nselect '@'\nEOF",
    "duckdb -c \"select '@' from shell('@')\"",
    "env BASH_ENV='@' bash job",
    "x='@'; trap -- '$x' EXIT",
    "x='@'; eval -- '$x'",
    "alias mytool='sh -c'; mytool '@'",
    "set -k; ./tool PATH='@'",
    "hash -p /bin/sh mytool; mytool '@'",
    "echo '@' | sh ../../dev/stdin",
    "cd /dev && echo '@' | sh stdin",
    "echo '@' | gzip > run.gz; gunzip run.gz; sh run",
    "sort --compress-program '@' x",
    "echo '@' > x.txt; sh -c 'mv x.txt run'; sh run",
    "echo '@' | sh -c 'cat > x.txt'; mv x.txt run; sh run",
    "exec <<EOF\n@\nEOF\nssh host",
]  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_any_value_arrives_by_a_variable(name: str, tmp_path: Path) -> None:
    shell, script, expected = CONSTRUCTS[name]
    segments = segments_of(script.replace("${a[@]}", "${a[*]}"))
    text = with_variables(segments, contexts(segments, bash=shell == "bash"), lambda _: "ITEM")
    assert text is not None
    text = text.replace("${a[*]}", "${a[@]}")
    for value in VALUES:
        for run in ("dash", "bash") if shell == "sh" else ("bash",):
            container = {"command": [run, "-c", text], "env": [{"name": "ITEM", "value": value}]}
            assert output(run, container, tmp_path) == expected.format(value), (run, value)
            assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_no_payload_that_is_accepted_is_executed(name: str, tmp_path: Path) -> None:
    shell, script, _ = CONSTRUCTS[name]
    found = contexts(segments_of(script.replace("${a[@]}", "${a[*]}")), bash=shell == "bash")
    values = [value for value in PAYLOADS if all(context.accepts(value) for context in found)]
    for value in values[:: 16 if "python" in script else 4]:
        for run in ("dash", "bash") if shell == "sh" else ("bash",):
            text = script.replace("${a[@]}", "${a[*]}").replace("@", value)
            assert not executed(run, text, tmp_path), (run, value)


@pytest.mark.parametrize("script", REFUSED)
def test_a_value_is_refused_where_it_would_be_run(script: str) -> None:
    for bash in (False, True):
        found = contexts(segments_of(script.replace('"$@"', '"$*"')), bash=bash)
        assert not any(context.variable for context in found), script
        assert not all(context.accepts("x y;z") for context in found), script


@pytest.mark.parametrize(
    ("script", "arrives"),
    [
        ("cat <<-EOF\n\t@\n\tEOF", False),
        ("cat <<-'EOF'\n@\nEOF", False),
        ("cat <<-EOF\nx\n\t\t@ y\n\tEOF\n", False),
        ("cat <<-EOF\n\tx@\n\tEOF", True),
        ("cat <<-EOF\n\t${x}@\n\tEOF", True),
        ("cat <<EOF\n@\nEOF", True),
    ],
)
def test_tabs_that_a_value_begins_with_arrive_or_it_is_refused(
    script: str, arrives: bool, tmp_path: Path
) -> None:
    context = contexts(segments_of(script))[0]
    assert context.accepts("a\tb")
    assert context.accepts("\ta") == arrives
    for run in ("dash", "bash"):
        text = output(run, {"command": [run, "-c", script.replace("@", "\ta")]}, tmp_path)
        assert ("\ta" in text.replace("x\ta", "\ta")) == arrives


def test_an_empty_value_does_not_keep_the_tabs_of_the_next_one() -> None:
    first, second, third = contexts(segments_of("cat <<-EOF\n\t@@x@\n\tEOF"))
    assert not first.accepts("\ta")
    assert not second.accepts("\ta")
    assert third.accepts("\ta")
