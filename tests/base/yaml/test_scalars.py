"""What plain scalars mean, compared with a real kubectl."""

import json
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from expander.base.yaml import load_documents
from expander.base.yaml.writer import dump, plain_is_string, quoted, quoted_all, scalar

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
PARTS = [
    "",
    "0",
    "1",
    "08",
    "017",
    "0x1F",
    "0o7",
    "0b1",
    "1_0",
    "9223372036854775808",
    "1.5",
    ".5",
    "1e3",
    "y",
]
ENDS = ["", "_", "e5", ".", ".0", "E-2", "m", "Gi", "_5", "_5e1_0", "e1_", ":30", "-01-01", "x"]


def read_by_kubectl(kubectl: str, text: str) -> dict[str, object]:
    command = [kubectl, "annotate", "--local", "-f", "-", "a=b", "-o", "json"]
    answer = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr
    data: dict[str, object] = json.loads(answer.stdout)
    return data


def test_thousands_of_plain_scalars_mean_what_they_mean_to_kubectl(kubectl: str) -> None:
    words = [f"{sign}{part}{end}" for sign in ("", "+", "-") for part in PARTS for end in ENDS]
    words += [
        form(word)
        for word in "y yes no on off true null none .inf ~".split()
        for form in (str, str.upper, str.title)
    ]
    words = [word for word in words if word.lower() not in (".inf", "-", "")]
    text = HEAD + "v:\n" + "".join(f"- {word}\n" for word in words)
    ours = next(load_documents(text, "f")).data["v"]
    theirs = read_by_kubectl(kubectl, text)["v"]
    assert isinstance(theirs, list)
    differing = [
        (w, a, b) for w, a, b in zip(words, ours, theirs, strict=True) if json.dumps(a) != json.dumps(b)
    ]
    assert differing == []


HOSTILE = [
    "", " ", "yes", "n", "1e3", "0o10", "null", "~", "<<", "=", "12:30", "2001-12-14", ".inf", "- a", "a: b",
    "a #b", "#", "'", '"', "\\", "a\n", "\na", "a\n\nb\n\n", " a\nb", "a\n b ", "\t", "a\tb\n", "a\r\nb", "\x85",
    "\u2028", "\ufeffx", "\x7f", "\x00", "é", "\U0001f600", "{{ x }}", "*a", "&a", "!a", "@a", "`a", "%a", "|",
    ">", "-", "---", "...", "?", "? a", ":", "a:", "a,b", "[a]", "{a}", "0x", "1Gi", "100m", "1.2.3", "\uffff",
    "$(VAR)", "trailing ", "a\n\n", "a\n\n\n", "\n", "\n\n", "x\n  indented\nback\n", "#x\ny\n", "---\nx\n",
]  # fmt: skip


def test_kubectl_reads_back_every_string_that_is_written(kubectl: str) -> None:
    tree: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "v": HOSTILE,
    }
    tree["w"] = {f"k{number}": {"x": text} for number, text in enumerate(HOSTILE)}
    tree["k"] = {text: number for number, text in enumerate(HOSTILE)}
    tree["f"] = [{"lines": HOSTILE, "more": [[text, [text]] for text in HOSTILE]}]
    answer = read_by_kubectl(kubectl, dump(tree))
    assert {key: answer[key] for key in "vwkf"} == {key: tree[key] for key in "vwkf"}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text() | st.sampled_from(HOSTILE)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not value.is_integer()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(HOSTILE), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(values)
def test_any_data_written_is_read_back_the_same(value: object) -> None:
    tree = {"v": value}
    assert [document.data for document in load_documents(dump(tree), "f")] == [tree]


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_scalar_on_one_line_is_read_back_inside_and_outside_of_brackets(text: str) -> None:
    for form in (scalar(text, True), quoted(text)):
        assert next(load_documents(f"v: [{form}, {{a: {form}}}]\n", "f")).data == {"v": [text, {"a": text}]}
    assert next(load_documents(f"v: {scalar(text)}\n", "f")).data == {"v": text}
    assert json.loads(quoted(text)) == text
    assert quoted_all([text, "a", text]) == [quoted(text), '"a"', quoted(text)]


@given(st.from_regex(r"[-+.0-9a-zA-Z_/:# ]{1,8}", fullmatch=True))
def test_text_that_may_stand_plain_is_that_string(text: str) -> None:
    if plain_is_string(text):
        assert next(load_documents(f"v: {text}\n", "f")).data == {"v": text}


def test_every_example_of_the_api_is_read(reference: Path) -> None:
    for path in (reference / "validation" / "bases").glob("*.yaml"):
        assert [document.data["kind"] for document in load_documents(path.read_bytes(), path.name)]


def test_text_of_several_lines_is_written_as_a_block_that_people_can_read() -> None:
    assert (
        dump({"script": "set -e\nrun  # now\n\n  more\n"})
        == "script: |\n  set -e\n  run  # now\n\n    more\n"
    )
    assert dump(["a\nb"]) == "- |-\n  a\n  b\n"
    assert dump({"a": {"b": ["x\ny\n\n"]}}) == "a:\n  b:\n  - |+\n    x\n    y\n\n"
