"""Which command lines, beside plain scripts, a value may not enter unless it is harmless."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import expander
from expander.render.script import contexts, of_arguments
from tests.render.batch import segments_of

PAYLOAD = "x;touch pwned"

CODE: list[dict[str, list[str]]] = [
    {"command": ["bash", "-euoc", "pipefail", "echo $ITEM"]},
    {"command": ["bash", "-oec", "pipefail", "echo $ITEM"]},
    {"command": ["bash", "-coe", "pipefail", "echo $ITEM"]},
    {"command": ["bash", "-oe", "pipefail", "-c", "echo $ITEM"]},
    {"command": ["sh", "-oc", "errexit", "echo $ITEM"]},
    {"command": ["bash", "-c", "+e", "-", "echo $ITEM"]},
    {"command": ["sh", "-c", "-", "echo $ITEM"]},
    {"command": ["sh", "-ec", "--", "echo $ITEM"]},
    {"command": ["bash", "-O", "extglob", "-cx", "process $ITEM"]},
    {"command": ["bash", "+B", "-c", "--", "process $ITEM"]},
    {"command": ["bash", "--init-file", "x", "-c", "process $ITEM"]},
    {"command": ["rbash", "-c", "echo $ITEM"]},
    {"command": ["bash-5.2", "-c", "echo $ITEM"]},
    {"command": ["busybox", "sh", "-c", "echo $ITEM"]},
    {"command": ["zsh", "-c", "echo '$ITEM'"]},
    {"command": ["su", "-c", "echo $ITEM"]},
    {"command": ["runuser", "-u", "a", "--", "sh", "-c", "echo $ITEM"]},
    {"command": ["script", "-c", "echo $ITEM"]},
    {"command": ["sg", "root", "-c", "process $ITEM"]},
    {"command": ["watch", "ls $ITEM"]},
    {"command": ["env", "-S", "sh -c 'echo $ITEM'"]},
    {"command": ["env", "A=b", "sh", "-c", "echo $ITEM"]},
    {"command": ["timeout", "-k", "1", "5", "sh", "-c", "echo $ITEM"]},
    {"command": ["nice", "-n", "5", "bash", "-c", "echo $ITEM"]},
    {"command": ["tini", "--", "sh", "-c", "echo $ITEM"]},
    {"command": ["mytool", "sh", "-c", "echo $ITEM"]},
    {"command": ["mytool", "echo $ITEM"]},
    {"command": ["mytool", "-c", "$ITEM"]},
    {"command": ["mytool", "--eval", "$ITEM"]},
    {"command": ["python3", "-c", "print('$ITEM')"]},
    {"command": ["python3", "-c", "print($ITEM)", "$ITEM"]},
    {"command": ["python3", "-m", "timeit", "x=$ITEM"]},
    {"command": ["perl5.36-x86_64-linux-gnu", "-e", "print $ITEM"]},
    {"command": ["split", "--filter=process $ITEM", "x"]},
    {"command": ["blender", "--python-expr", "frame=$ITEM"]},
    {"command": ["$ITEM", "-c", "process $ITEM"]},
    {"args": ["-c", "process $ITEM"]},
    {"args": ["-e", "-c", "process $ITEM"]},
    {"args": ["-l", "-c", "process $ITEM"]},
    {"args": ["-o", "pipefail", "-c", "process $ITEM"]},
    {"args": ["process $ITEM"]},
]

DATA: list[dict[str, list[str]]] = [
    {"command": ["echo", "$ITEM"]},
    {"command": ["convert", "$ITEM", "-resize", "200x", "/out/$ITEM"]},
    {"command": ["/app/run.sh", "$ITEM"]},
    {"command": ["bash", "-e", "/app/run.sh", "$ITEM"]},
    {"command": ["python3", "-u", "train.py", "--name=$ITEM"]},
    {"command": ["env", "python3", "work.py", "$ITEM"]},
    {"command": ["sh", "-c", 'convert "$1" out.png', "--", "$ITEM"]},
    {"command": ["python3", "-u", "-c", "import sys; print(sys.argv)", "$ITEM"]},
    {"args": ["--input", "$ITEM"]},
    {"args": ["$ITEM"]},
]


def error_of(container: dict[str, list[str]], tmp_path: Path, value: str) -> str:
    """Why an item is refused in a template with this container; empty where it is not."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x", **container}]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job-$INDEX"},
        "spec": {"template": {"spec": spec}},
    }
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps(job))
    found: list[expander.ItemError] = []
    made = list(expander.expand(path, [value], validate=False, on_error=found.append))
    assert len(found) + len(made) == 1
    return str(found[0]) if found else ""


def refused(container: dict[str, list[str]], tmp_path: Path, value: str) -> bool:
    return bool(error_of(container, tmp_path, value))


@pytest.mark.parametrize("container", CODE, ids=json.dumps)
def test_a_payload_is_refused_in_a_command_line_that_is_code(
    container: dict[str, list[str]], tmp_path: Path
) -> None:
    assert refused(container, tmp_path, PAYLOAD)
    assert not refused(container, tmp_path, "apple")


@pytest.mark.parametrize("container", DATA, ids=json.dumps)
def test_any_value_may_be_an_argument(container: dict[str, list[str]], tmp_path: Path) -> None:
    assert not refused(container, tmp_path, PAYLOAD)
    assert not refused(container, tmp_path, 'it\'s a "dog" $HOME')


INDIRECT = [
    "x='@'; [ $x = foo ]",
    "x='@'; [ -n $x ]",
    "x='@'; while [ $x = y ]; do break; done",
    "x='@'; [ -v \"$x\" ]",
    "x='@'; printf \"$x\" hi",
    "x='@'; printf $x hi",
    "x='@'; printf -v \"$x\" a",
    "x='@'; printf -v 'a[x]' b",
    "x='@'; o=-v; printf $o 'a[x]' b",
    "x='@'; o=-v; printf \"$o\" 'a[x]' b",
    "n='@'; arr[n]=1",
    "n='@'; unset 'a[n]'",
    "n='@'; test -v 'a[n]'",
    "x='@'; PS4=\"$x\"; set -x; :",
    "x='@'; BASH_ENV=\"$x\" bash f",
    "x='@'; export \"$x\"; bash f",
    "for BASH_ENV in '@'; do bash f; done",
    "x='@'; nice -n 5 $x",
    "x='@'; timeout -k 1 5 $x",
    "x='@'; exec -a n $x",
    "x='@'; command -p $x",
    "x='@'; prlimit --core=0 $x",
    "echo '@' | command . /dev/stdin",
    "set -- '@'; [ $1 = x ]",
    "echo \"process '@'\" > job.tmp; mv job.tmp job.sh; sh job.sh",
    "echo '@' > a; cp a job.sh; sh job.sh",
    "f=job.sh; echo '@' > \"$f\"; sh job.sh",
    "echo '@' > job.sh; sh *.sh",
    "echo '@' > job.sh; ./s*",
    "echo '@' | sh /dev/stdin",
    "echo '@' | bash /dev/fd/0",
    "echo '@' > x; python3 -u -B -O x",
    "echo '@' > job.py; python3 -m job",
    "echo \"LABEL = '@'\" > config.py; python3 train.py",
    "echo '@' > d/x; run-parts d",
    "echo '@' | split --filter=sh",
    "echo '@' | while read -r x; do $x; done",
    "echo '@' | { sh; }",
    "echo '@' | if true; then sh; fi",
    "echo '@' > Makefile; make",
    "x='@'; trap '$x' EXIT",
]

ORDINARY = [
    'set -euo pipefail\nmkdir -p "out/@"\nblender -b "@" -o //out',
    'samtools sort "@" > "@.bam"\nsamtools index "@.bam"',
    'python3 train.py --name "@" > "logs/@.log" 2>&1',
    './run.sh "@"',
    'tar czf /backup.tgz /data\nmytool "@"',
    '. venv/bin/activate\npython train.py "@"',
    "trap 'echo failed' EXIT\nconvert \"@\" x.png",
    'for f in a b; do mytool "$f" "@"; done',
    'if [ -f "@" ]; then echo found; fi',
    'export SAMPLE="@"\nmytool',
    'echo "$(date) @"',
    'x="@"\nprintf "\\033[1m%s\\033[0m\\n" "$x"; printf \'[%s]\\n\' "$x"',
]


@pytest.mark.parametrize("script", INDIRECT)
def test_a_payload_is_refused_where_something_else_runs_it(script: str) -> None:
    assert not any(context.accepts("a[$(touch pwned)]") for context in contexts(segments_of(script)))
    assert not any(context.accepts("x y;z") for context in contexts(segments_of(script)))


@pytest.mark.parametrize("script", ORDINARY)
def test_ordinary_scripts_take_names_with_blanks(script: str) -> None:
    assert all(
        context.accepts("my dog (1), it's!".replace("'", "")) for context in contexts(segments_of(script))
    )


TEXT_JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: job-$INDEX}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: bash
        env: [{name: A, value: "$ITEM"}]
        command: COMMAND
"""


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ('["sh", "-c", "echo $ITEM"]', "x\\x3btouch pwned"),
        ("[sh, -c, echo $ITEM]", "x;touch pwned # foo"),
        ('["sh", "-c", "echo $ITEM"]', "x\n;touch pwned"),
        ("[sh, -c, 'echo $ITEM']", "x'';touch pwned"),
        (
            '["echo", "$ITEM"]',
            'x"]\n        livenessProbe: {exec: {command: [sh, -c, touch pwned]}}\n        args: ["b',
        ),
        ('["sh", "-c", "echo $(A)"]', "x;touch pwned"),
        ("[$ITEM, -c, x]", '"sh"'),
    ],
)
def test_plain_substitution_cannot_change_code(command: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(TEXT_JOB.replace("COMMAND", command))
    found: list[expander.ItemError] = []
    options = {"engine": "text", "validate": False, "on_error": found.append}
    assert list(expander.expand(path, [value], **options)) == []  # type: ignore[arg-type]
    assert found
    assert len(list(expander.expand(path, ["apple"], engine="text", validate=False))) == 1


@pytest.mark.parametrize(
    "command",
    [
        '["sh", "-c", {{ ("echo " ~ item) | tojson }}]',
        '{{ ["sh", "-c", "echo " ~ item] | tojson }}',
        '["sh", "-c", "echo {{ item | safe }}"]',
        '["sh", "-c", "echo {{ item | indent(2) }}"]',
        '["sh", "-c", "echo {{ item | toyaml }}"]',
        '["sh", "-c", "echo {{ item | e }}"]',
        '["sh", "-c", "{% macro run(x) %}echo {{ x }}{% endmacro %}{{ run(item) }}"]',
        '["sh", "-c", "{% set c %}echo {{ item }}{% endset %}{{ c }}"]',
        '["sh", "-c", "{% filter trim %}echo {{ item }}{% endfilter %}"]',
    ],
)
def test_no_filter_of_a_jinja_template_lets_a_payload_into_code(command: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml.j2"
    path.write_text(
        TEXT_JOB.replace("$INDEX", "{{ index }}").replace("$ITEM", "x").replace("COMMAND", command)
    )
    found: list[expander.ItemError] = []
    assert list(expander.expand(path, [PAYLOAD], validate=False, on_error=found.append)) == []
    assert "could change what" in str(found[0])
    assert len(list(expander.expand(path, ["apple"], validate=False))) == 1


def test_layout_filters_may_write_values_that_are_no_code(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml.j2"
    text = TEXT_JOB.replace("$INDEX", "{{ index }}").replace('"$ITEM"', "{{ item | tojson }}")
    path.write_text(text.replace("COMMAND", '["echo", {{ item | tojson }}]'))
    (made,) = expander.expand(path, ["my dog; (1)"], validate=False)
    container = made.tree["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["echo", "my dog; (1)"]
    assert container["env"] == [{"name": "A", "value": "my dog; (1)"}]


@pytest.mark.parametrize("value", ["1e./tool", "1w./pwned", "x/e./tool."])
def test_commands_of_sed_are_refused(value: str) -> None:
    for script in ('sed "@" x', 'sed -n "/@/p" x', "cat x | sed s/a/@/"):
        assert not any(context.accepts(value) for context in contexts(segments_of(script)))
        assert all(context.accepts("x/y.txt") for context in contexts(segments_of(script)))


def arguments_taken(script: str, value: str, tmp_path: Path) -> str:
    """The error of a value that is the argument of a script; empty where it is taken."""
    return error_of({"command": ["sh", "-c", script, "_", "$ITEM"]}, tmp_path, value)


@pytest.mark.parametrize("value", ["Köln", "2024-01-01T00:00:00Z", "a,b", "50%", "-5"])
@pytest.mark.parametrize("script", ["test $1 != 5", '[ $1 = "a" ] && echo "$1"'])
def test_an_unquoted_test_takes_arguments_that_are_one_word(script: str, value: str, tmp_path: Path) -> None:
    assert arguments_taken(script, value, tmp_path) == ""


@pytest.mark.parametrize("value", ["S 00", "a*", "", "-n", "!", "=", "[a]", "(", "a\n"])
def test_an_unquoted_test_refuses_what_the_shell_would_split_or_take_for_an_operator(
    value: str, tmp_path: Path
) -> None:
    told = arguments_taken('echo "$0"\ntest $1 != 5', value, tmp_path)
    assert "line 2 of the script: test with a variable outside of quotes" in told
    assert 'quote it in the script: "$1"' in told


@pytest.mark.parametrize("script", ["IFS=,; test $1 != 5", "test $1 != 5; eval $1"])
def test_an_unquoted_test_takes_no_other_words_where_the_script_does_more(
    script: str, tmp_path: Path
) -> None:
    assert arguments_taken(script, "a,b", tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.text("ab5é -=!()*[]~:,.+<%@", max_size=4), st.sampled_from(["sh", "bash"]))
def test_an_argument_that_an_unquoted_test_takes_is_tested_as_in_quotes(value: str, shell: str) -> None:
    script = "test $1 != 5 && echo ne; test -n $1 && echo some; [ a = $1 ] || echo other"
    context = of_arguments([script])
    assert context is not None
    if context.is_data(value):
        told = [
            subprocess.run([shell, "-c", each, "_", value], capture_output=True, check=False)
            for each in (script, script.replace("$1", '"$1"'))
        ]
        assert (told[0].stdout, told[0].stderr) == (told[1].stdout, b"")
