"""Values that the shell check lets through are data to a real shell, wherever they stand."""

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expander.render.script import contexts

PLACES = {
    "outside quotes": "printf '<%s>' a @ b\n",
    "in a word": "printf '<%s>' a@b\n",
    "after an option": "printf '<%s>' --name=@\n",
    "double quotes": "printf '<%s>' \"a @ b\"\n",
    "single quotes": "printf '<%s>' 'a @ b'\n",
    "double after single": "printf '<%s>' 'x\"'\"@\"\n",
    "substitution": "printf '<%s>' \"$(printf %s @)\"\n",
    "quotes in a substitution": 'printf \'<%s>\' "$(printf %s "@")"\n',
    "backquotes": "printf '<%s>' `printf %s @`\n",
    "default of a variable": "printf '<%s>' \"${UNSET_NAME:-@}\"\n",
    "assignment": "x=@; printf '<%s>' \"$x\"\n",
    "comment": ": # @\nprintf '<%s>' z\n",
    "here-document": "cat <<END\n<@>\nEND\n",
    "quoted here-document": "cat <<'END'\n<@>\nEND\n",
    "second word of a list": "true && printf '<%s>' @ | cat\n",
    "subshell": "(printf '<%s>' @)\n",
    "after if": "if true; then printf '<%s>' @; fi\n",
    "redirection": "printf '<%s>' y > /dev/null; printf '<%s>' @\n",
    "case word": "case @ in *) printf '<%s>' c;; esac\n",
}
EXPECTED = {
    "outside quotes": "<a><{}><b>",
    "in a word": "<a{}b>",
    "after an option": "<--name={}>",
    "double quotes": "<a {} b>",
    "single quotes": "<a {} b>",
    "double after single": '<x"{}>',
    "comment": "<z>",
    "here-document": "<{}>\n",
    "quoted here-document": "<{}>\n",
    "case word": "<c>",
}

HOSTILE = [
    "a b", "a;id", "$(id)", "`id`", "$HOME", "'", '"', "\\", "a\nid", "*", "?", "[a]", "~", "#x", "a#b", "&", "|",
    ">x", "<x", "(", ")", "{a,b}", "{1..3}", "!", "-n", "--", "=", "a=b", "%s", "END", "\nEND\nid\n", "if", "}", "é",
    "\u00a0", "\u2003", "\u3000", "\x1f", "x y", "x'y", 'x"y', "x`y", "x$y", "x\\", "1", "-1", "0x10", "a/b.c", "", "\t",
]  # fmt: skip


def parts_of(script: str) -> list[str | int]:
    before, after = script.split("@")
    return [part for part in (before, 0, after) if part != ""]


def run(shell: str, script: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/home/home"}
    answer = subprocess.run(
        [shell, "-c", script], capture_output=True, env=environment, timeout=120, cwd="/", check=False
    )
    return answer.stdout.decode(errors="surrogateescape") + (
        "!" if answer.stderr or answer.returncode else ""
    )


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("place", PLACES)
def test_hostile_values_that_are_accepted_are_data(place: str, shell: str) -> None:
    script = PLACES[place]
    (context,) = contexts(parts_of(script))
    accepted = [value for value in HOSTILE if context.accepts(value)]
    assert len(accepted) < len(HOSTILE)
    expected = EXPECTED.get(place, "<{}>")
    for value in accepted:
        if place == "substitution" or place == "quotes in a substitution":
            value = value.rstrip("\n")
        if not value.startswith("-") or "printf %s @" not in script:
            assert run(shell, script.replace("@", value)) == expected.format(value), (place, value)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.sampled_from(sorted(PLACES)), st.text(st.sampled_from("ab-1 ;$`'\"\\\n*{},()&|<>#~!=%é"), max_size=6)
)
def test_any_value_that_is_accepted_is_data(place: str, value: str) -> None:
    script = PLACES[place]
    (context,) = contexts(parts_of(script))
    if not context.accepts(value) or (value.startswith("-") and "%s @" in script):
        return
    if "$(" in script or "`" in script:
        value = value.rstrip("\n")
    assert run("sh", script.replace("@", value)) == EXPECTED.get(place, "<{}>").format(value)


@pytest.mark.parametrize(
    ("script", "value", "fine"),
    [
        ('echo "@"', "two words", True),
        ('echo "@"', "a`id`", False),
        ("echo '@'", "it's", False),
        ("echo @", "two words", False),
        ("echo @", "photo-1_a.png", True),
        ("echo @", "Ünï", True),
        ("python3 -c 'print(@)'", "x y", False),
        ("echo $((@ + 1))", "41", True),
        ("echo $((@ + 1))", "a[$(id)]", False),
        ("@ --help", "if", False),
        ("@ --help", "A=b", False),
        ("echo {a,@}", "b,c", False),
    ],
)
def test_the_check_knows_the_quotes_around_the_hole(script: str, value: str, fine: bool) -> None:
    (context,) = contexts(parts_of(script))
    assert context.accepts(value) is fine
