"""A value that is data, but would arrive changed, is refused; what is accepted arrives exactly: real shells say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import expander
from expander.base.errors import ItemError
from expander.manifests.manifest import Manifest
from expander.render import compiled
from expander.render.script import contexts
from tests.render.batch import jinja, results
from tests.render.test_values_and_code import manifest
from tests.render.test_variables import output

ECHO = "print it with printf '%s\\n' instead of echo"
REFUSED = [
    ("echo '@'", "C:\\temp", "echo reads backslashes", ECHO),
    ("echo 'C:\\@'", "temp", "echo reads backslashes", ECHO),
    ("echo @", "-n", "for an option", ECHO),
    ("echo -n '-@'", "e", "for an option", ECHO),
    ("printf '%s %b' x '@'", "a\\n", "%b of printf", "instead of %b"),
    ("awk -v x='@' '{ print x }' f", "C:\\temp", "awk reads backslashes", 'ENVIRON["x"]'),
    ("awk -v 'x=C:\\@' '{ print x }' f", "temp", "awk reads backslashes", 'ENVIRON["x"]'),
    ("awk '{ print x }' x='@' f", "C:\\temp", "awk reads backslashes", 'ENVIRON["x"]'),
    ("awk '{ print }' '@'", "x=1", "awk takes NAME=", "./"),
    ("cat <<EOF\n@\nEOF", "Eğitim", "dash cuts a letter", "<<_END_"),
    ("cat <<'E'\n@\nE", "Eé", "dash cuts a letter", "<<_END_"),
    ("cat <<-EOF\n\tE@\n\tEOF", "é", "dash cuts a letter", "<<_END_"),
    ("read x <<'E'\n@\nE", "C:\\temp", "read without -r", "IFS= read -r"),
    ("while read x; do :; done <<'E'\n@\nE", "C:\\temp", "read without -r", "IFS= read -r"),
    ("printf '%s\\n' '@' | while read x; do :; done", "a\\b", "read without -r", "IFS= read -r"),
    ("read -r x <<E\n@\nE", " a", "leaves out blanks", "IFS= read -r"),
    ("while read -r x; do echo \"$x\"; done <<'E'\n@\nE", "-n", "for an option", ECHO),
    ("printf '%s\\n' '@' | xargs mytool", "it\\s", "xargs reads quotes", "xargs -0"),
    ("printf '%s\\n' '@' | xargs -I % mytool %", " a", "xargs reads quotes", "xargs -0"),
    ("printf '%s' '{\"v\": \"@\"}' | jq .", 'x","admin":"1', "string of JSON", "--arg"),
    ("printf '{\"v\": \"%s\"}\\n' '@' | jq .", 'x","admin":"1', "string of JSON", "--arg"),
    ('cat > f.json <<E\n{"v": "@"}\nE', 'x","admin":"1', "string of JSON", "--arg"),
    ('cat <<E\n{"n": 1}\n{"v": "@"}\nE', 'x","admin":"1', "string of JSON", "--arg"),
    ("b='{\"v\": \"@\", \"n\": '$n'}'; curl -d \"$b\" x", 'x","admin":"1', "string of JSON", "--arg"),
    ("curl -d '{\"v\": \"@\"}' http://x", 'x","admin":"1', "string of JSON", "--arg"),
    ("printf %s '\"@\"' | jq .", 'a"b', "string of JSON", "--arg"),
    ("jq -n --argjson x '\"@\"' '$x'", 'a"b', "string of JSON", "--arg instead of --argjson"),
    ("x='@'; echo \"$x\"", "C:\\temp", "echo reads backslashes", ECHO),
    ("x='@'; y=\"<$x>\"; echo \"$y\"", "C:\\temp", "echo reads backslashes", ECHO),
    ("x='@'; printf '%s' \"{\\\"v\\\": \\\"$x\\\"}\"", 'a"b', "string of JSON", "--arg"),
    ("for x in '@'; do echo \"$x\"; done", "C:\\temp", "echo reads backslashes", ECHO),
    ("f() { echo \"$1\"; }; f '@'", "C:\\temp", "echo reads backslashes", ECHO),
    ("x='C:\\@'; echo \"$x\"", "temp", "echo reads backslashes", ECHO),
    ("sh -c 'echo \"$1\"' sh 'C:\\@'", "temp", "echo reads backslashes", ECHO),
    ("x='@'; echo \"-$x\"", "n", "for an option", ECHO),
    ("set -- '@'; echo \"$1\"", "C:\\temp", "echo reads backslashes", ECHO),
    ("sh -c 'echo \"$1\"' sh '@'", "C:\\temp", "echo reads backslashes", ECHO),
    ("env x='@' sh -c 'echo \"$x\"'", "C:\\temp", "echo reads backslashes", ECHO),
]  # fmt: skip
KEPT = [
    ("sh", "echo '@'", "C:\\dir"),
    ("sh", "echo 'x @'", "-n"),
    ("sh", "/bin/echo '@'", "C:\\temp"),
    ("bash", "echo '@'", "C:\\temp"),
    ("sh", "printf '%s %b' '@' x", "C:\\temp"),
    ("sh", "awk 'BEGIN { print ARGV[1] }' '@'", "x=\\n"),
    ("sh", "x='@' awk 'BEGIN { print ENVIRON[\"x\"] }'", "C:\\temp"),
    ("sh", "IFS= read -r x <<'E'\n@\nE", " C:\\temp "),
    ("sh", "read -r a b <<E\n@\nE", " x y"),
    ("sh", "cat <<EOF\n@\nEOF", "École E"),
    ("sh", "cat <<EOF\nx @\nEOF", "Eé"),
    ("bash", "cat <<EOF\n@\nEOF", "Eé"),
    ("sh", "printf '%s\\0' '@' | xargs -0 mytool", "it\\s"),
    ("sh", "printf '%s' '[info] \"@\"'", 'a"b'),
    ("sh", "jq -n --arg x '@' '$x'", 'a"\\n'),
    ("sh", "x='@'; printf '%s' \"$x\"; echo done", "C:\\temp"),
    ("sh", "x='n@'; echo \"$x\"", "-n"),
    ("sh", "x='@'; echo \"x $x\"", "-n"),
]
"""Values that arrive as they are, near to places where others would not."""


def refusal(script: str, value: str, folder: Path, shell: Literal["check", "env"] = "check") -> str:
    """The error of a value in a script; empty when it is accepted."""
    path = folder / "job.yaml"
    path.write_text(manifest(script.replace("@", "$ITEM")))
    found: list[ItemError] = []
    list(expander.expand(path, [value], validate=False, on_error=found.append, shell=shell))
    return "".join(map(str, found))


@pytest.mark.parametrize(("script", "value", "words", "hint"), REFUSED)
def test_a_value_that_would_arrive_changed_is_refused_with_what_to_write_instead(
    script: str, value: str, words: str, hint: str, tmp_path: Path
) -> None:
    said = refusal(script, value, tmp_path)
    assert f"{value!r} would arrive changed" in said
    assert words in said
    assert hint in said
    assert "--shell" not in said
    assert not refusal(script, "Z", tmp_path)


@pytest.mark.parametrize(("shell", "script", "value"), KEPT)
def test_a_value_that_arrives_as_it_is_is_accepted(shell: str, script: str, value: str) -> None:
    before, after = script.split("@")
    (context,) = contexts([before, 0, after], bash=shell == "bash")
    assert context.accepts(value)


@pytest.mark.parametrize(
    ("script", "value"),
    [
        (script, value)
        for script, value, words, _ in REFUSED
        if "<<'" not in script and "\\@" not in script and "dash" not in words
    ],
)
def test_a_variable_does_not_help_where_the_value_would_be_changed(
    script: str, value: str, tmp_path: Path
) -> None:
    assert "would arrive changed" in refusal(script, value, tmp_path, shell="env")
    assert not refusal(script, "a b", tmp_path, shell="env")


def test_a_value_that_is_refused_twice_gets_the_advice_that_helps(tmp_path: Path) -> None:
    said = refusal('echo "@"', "C:\\temp", tmp_path)
    assert "could change what the shell script does" in said
    assert f"{ECHO}, with shell='env'" in said
    assert "would arrive changed" in refusal('echo "@"', "C:\\temp", tmp_path, shell="env")
    assert not refusal("printf '%s\\n' \"@\"", "C:\\temp", tmp_path, shell="env")


def test_the_refusal_of_a_variable_names_the_place_of_its_own_column(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest('set -e\nprintf %s "${ITEM.a}"; echo "${ITEM.b}"'))
    found: list[ItemError] = []
    list(
        expander.expand(path, [{"a": "\\n", "b": "\\n"}], shell="env", validate=False, on_error=found.append)
    )
    (problem,) = found[0].problems
    assert str(problem.field).endswith("containers[0].command[2]")
    line = path.read_text().split("\n")[problem.where.line - 1]  # type: ignore[union-attr]
    assert line[problem.where.column - 1 :].startswith("${ITEM.b}")  # type: ignore[union-attr]


def test_an_empty_value_leaves_no_option_and_no_escape_of_the_text_around_it() -> None:
    for before, after in (("echo '", "-e'"), ("echo 'C:\\", "t'")):
        (context,) = contexts([before, 0, after])
        assert not context.accepts("")
        assert context.accepts("Z")


def test_a_value_between_others_counts_with_the_text_around_it() -> None:
    first, second = contexts(["echo '", 0, "", 1, "n'"])
    assert not first.accepts("C:\\")
    assert not second.accepts("C:\\")
    assert contexts(["echo '", 0, " n'"])[0].accepts("C:\\")


@pytest.mark.parametrize(
    ("command", "value", "accepted"),
    [
        ('[echo, "$ITEM"]', "-n", False),
        ('[echo, "$ITEM"]', "C:\\temp", True),
        ('[echo, -e, "$ITEM"]', "C:\\temp", False),
        ('[awk, -v, "x=$ITEM", "{ print x }"]', "C:\\temp", False),
        ('[curl, -d, \'{"v": "$ITEM"}\']', 'a"b', False),
        ('[curl, -d, \'{"v": "$ITEM"}\']', "a 'b", True),
        ("[sh, -c, 'echo \"$1\"', sh, $ITEM]", "C:\\temp", False),
        ("[bash, -c, 'echo \"$1\"', sh, $ITEM]", "C:\\temp", True),
        ("[sh, -c, 'echo \"$NAME\"'], env: [{name: NAME, value: $ITEM}]", "C:\\temp", False),
        ("[sh, -c, 'printf %s \"$NAME\"'], env: [{name: NAME, value: $ITEM}]", "C:\\temp", True),
    ],
)
@pytest.mark.parametrize("shell", ["check", "env"])
def test_arguments_and_variables_of_a_container_are_held_to_the_same(
    command: str, value: str, accepted: bool, shell: str
) -> None:
    job = manifest("true").partition("        image")[0]
    template = f"{job.replace('- name: main', f'- {{name: main, image: x, command: {command}}}')}"
    (made,) = results(template, value, shell=shell)
    assert isinstance(made, Manifest) is accepted, made
    (harmless,) = results(template, "apple", shell=shell)
    assert isinstance(harmless, Manifest)


def test_a_quoted_value_of_a_jinja_template_is_looked_at_without_its_quotes() -> None:
    template = manifest("echo {{ item | quote }}").replace("$INDEX", "{{ index }}")
    assert isinstance(jinja(template, "it's a\\dir")[0], Manifest)
    assert isinstance(jinja(template.replace("- sh\n", "- bash\n"), "it's\\n")[0], Manifest)
    said = str(jinja(template.replace(" | quote", ""), "C:\\temp")[0])
    assert f"{ECHO}; pass it in an environment variable" in said
    for value in ("C:\\temp dir", "it's\\n", "-n"):
        assert "would arrive changed" in str(jinja(template, value)[0])


@pytest.mark.parametrize("name", ["job-$ITEM", "job-$INDEX"])
def test_many_values_are_looked_at_as_each_is(name: str) -> None:
    template = manifest("true").replace("job-$INDEX", name).partition("        command")[0]
    template += '        command: [sh, -c, "echo $ITEM"]\n'
    values = ["a", "-3", "-n", "b", "", "x y"]
    for tried in (values, ["a", "b"], ["a", "-3"], ["a", "-n"]):
        together = [isinstance(made, Manifest) for made in results(template, *tried)]
        assert together == [isinstance(results(template, each)[0], Manifest) for each in tried]
        assert together == [each in ("a", "-3", "b") for each in tried]


SCRIPTS = {
    "echo": ("sh", "echo @", "{}\n"),
    "echo in double quotes": ("sh", 'echo "@"', "{}\n"),
    "echo in single quotes": ("sh", "echo '@'", "{}\n"),
    "echo of two": ("sh", "echo '@''@'", "{0}{0}\n"),
    "echo behind a backslash": ("sh", "echo 'C:\\@'", "C:\\{}\n"),
    "echo without a line end": ("sh", "echo -n '@'", "{}"),
    "echo of bash": ("bash", "echo '@'", "{}\n"),
    "echo -e of bash": ("bash", "echo -e 'x@'", "x{}\n"),
    "echo of a variable": ("sh", "x='@'; y=\"$x\"; echo \"$y\"", "{}\n"),
    "echo of a function": ("sh", "f() { echo \"$1\"; }; f '@'", "{}\n"),
    "printf": ("sh", "printf '%s %b|' '@' '@'", "{0} {0}|"),
    "awk": ("sh", "awk -v x='@' 'BEGIN { printf \"%s\", x }'", "{}"),
    "an operand of awk": ("sh", "echo | awk '{ printf \"%s\", x }' x='@' -", "{}"),
    "read": ("sh", "read x <<E\n@\nE\nprintf '%s' \"$x\"", "{}"),
    "read of verbatim text": ("sh", "read x <<'E'\n@\nE\nprintf '%s' \"$x\"", "{}"),
    "read -r": ("sh", "read -r x <<E\n@\nE\nprintf '%s' \"$x\"", "{}"),
    "read and echo": ("sh", "while read -r x; do echo \"$x\"; done <<E\n@\nE", "{}\n"),
    "read of a pipe": ("sh", "printf '%s\\n' '@' | while read x; do printf '%s\\n' \"$x\"; done", "{}\n"),
    "xargs": ("sh", "printf '%s\\n' '@' | xargs -I + printf '%s' +", "{}"),
    "JSON": ("sh", "echo '[\"@\"]' | jq -j '.[0]'", "{}"),
    "JSON of printf": ("sh", "printf '[\"%s\"]\\n' '@' | jq -j '.[0]'", "{}"),
    "JSON of a here-document": ("sh", "n=1; jq -j '.[0]' <<E\n[\"@\", $n]\nE", "{}"),
    "JSON of a variable": ("bash", "x='@'; echo \"[\\\"$x\\\"]\" | jq -j '.[0]'", "{}"),
    "--argjson": ("sh", "jq -nj --argjson x '\"@\"' '$x'", "{}"),
    "a list": ("bash", "a=('@'); printf '%s' \"${a[*]}\"", "{}"),
}  # fmt: skip
ODD = [
    "\\", "\\n", "\\c", "\\0101", "\\x41", "\\d", "-n", "-", "-e", "n", '"', "'", '","a":"', " ", "\t", "\n", "x=y", "a b",
    "C:\\temp", "\x01", "$x", "`id`", "%s", "{}", "é", "0", "E",
]  # fmt: skip


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(SCRIPTS)),
    st.lists(
        st.lists(st.sampled_from(ODD), max_size=3).map("".join) | st.text(max_size=5), min_size=1, max_size=3
    ),
    st.sampled_from(["check", "env"]),
    st.booleans(),
)
def test_whatever_is_accepted_arrives_exactly(
    tmp_path_factory: pytest.TempPathFactory, name: str, values: list[str], mode: str, fast: bool
) -> None:
    shell, script, expected = SCRIPTS[name]
    folder = tmp_path_factory.mktemp("script")
    template = json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "job-$INDEX"},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}},
        }
    ).replace('"x"}', '"x", "command": ["' + shell + '", "-c", ' + json.dumps(script) + "]}")
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(compiled.CompiledTemplate, "_copy", lambda *_: None)
        try:
            made = results(template.replace("@", "${ITEM}"), *values, shell=mode)
        except expander.InputError:
            assert "'E'" in script  # no variable can stand there
            return
    for value, each in zip(values, made, strict=True):
        if isinstance(each, Manifest):
            (container,) = each.tree["spec"]["template"]["spec"]["containers"]
            for run in ("dash", "bash") if shell == "sh" else ("bash",):
                assert output(run, container, folder) == expected.replace("{0}", "{}").replace("{}", value)
        else:
            assert value != "é", each
