"""Streams and documents read as kubectl reads them."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from expander.base.errors import YamlError
from expander.base.yaml import compose, construct, load_documents, split_documents

# The recorded documents that are named by what they show instead of being written out.
DESCRIBED = {
    "dup key": "a: 1\na: 2",
    "dup key nested in list item": "l:\n- x: 1\n  x: 2",
    "merge key <<": "a: &a\n  p: 1\n  q: 2\nb:\n  <<: *a\n  q: 3",
    "merge list": "a: &a {p: 1}\nb: &b {p: 2, r: 1}\nc: {<<: [*a, *b]}",
    "int key": "1: a",
    "bool key (on:)": "on: a",
    "true key": "true: a",
    "null key": "~: a",
    "float key 1e3": "1e3: a",
    "tab indent": "a:\n\tb: 1",
    "tab after value": "a: 1\t",
    "tab separation": "a:\t1",
    "CRLF": "a: 1\r\nb: 2\r\n",
    "BOM": None,  # a byte order mark inside a stream, which libyaml drops at the start of a text
    "omap": "a: !!omap\n- x: 1",
    "block literal": "a: |\n  x\n  y\n",
    "block literal indent ind": "a: |1\n  x\n",
    "dquote esc": 'a: "\\/"',
    "NEL/LS char": 'a: "x\\Ly"',
    "emoji": "a: \U0001f600",
    "unquoted colon in flow": "a: [b:c, d]",
    "flow url": "a: {u: http://x/y}",
    "complex key": "? [a]\n: 1",
    "doc w/o newline": "a: 1",
    "control char": "a: \x01",
    "alias as key": "a: &k k\n*k : v",
    "timestamp key": "2001-12-14: a",
    "seq same indent": "a:\n- 1\n- 2",
    "multi-line plain": "a: x\n  y",
    "comment no space": "a: b#c",
    "quote in middle": "a: b'c",
    "recursive alias": "a: &x [*x]",
}

REFUSED_BY_THE_PYTHON_SCANNER = ("a: 1\t", "a:\t1")  # tabs as spaces, which only libyaml takes


@pytest.fixture(params=["libyaml", "Python"])
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two scanners the reader can stand on."""
    import yaml

    module = import_module("expander.base.yaml.reader")
    assert module.ACCELERATED
    if request.param == "Python":
        monkeypatch.setattr(module, "_Parser", yaml.SafeLoader)
    return str(request.param)


def test_every_recorded_document_is_read_as_kubectl_reads_it(reference: Path, scanner: str) -> None:
    cases = [json.loads(line) for line in (reference / "yaml-documents.jsonl").read_text().splitlines()]
    wrong = []
    for case in cases:
        text = DESCRIBED.get(case["yaml"], case["yaml"])
        if text is None or (scanner == "Python" and text in REFUSED_BY_THE_PYTHON_SCANNER):
            continue
        expected = case["kubectl"]
        try:
            found = json.dumps(next(load_documents(text, "f", "last")).data, sort_keys=True)
        except YamlError:
            found = "error"
        if found != ("error" if isinstance(expected, list) else json.dumps(expected, sort_keys=True)):
            wrong.append((text, found, expected))
    assert len(cases) >= 114
    assert wrong == []


@pytest.mark.usefixtures("scanner")
def test_every_recorded_stream_has_the_documents_kubectl_finds(reference: Path) -> None:
    cases = json.loads((reference / "yaml-streams.json").read_text())
    wrong = []
    for case in cases:
        names: list[str] = []
        try:
            for document in load_documents(case["text"], "f", "last"):
                parts = document.data["items"] if document.data["kind"] == "List" else [document.data]
                names += [f"{part['kind'].lower()}/{part['metadata']['name']}" for part in parts]
            status = 0
        except YamlError:
            names, status = [], 1
        if (names, status) != (case["names"], case["exit"]):
            wrong.append((case["case"], names, status))
    assert len(cases) >= 22
    assert wrong == []


def error_of(text: str | bytes, duplicates: str = "error") -> str:
    with pytest.raises(YamlError) as caught:
        list(load_documents(text, "jobs.yaml", duplicates))
    return str(caught.value)


def test_a_duplicate_key_is_an_error_that_names_both_lines() -> None:
    message = error_of("---\na: 1\nb: 2\na: 3\n")
    assert message.startswith("jobs.yaml:4:1: duplicate field 'a', already set in line 2")


def test_a_duplicate_key_in_json_is_an_error_with_its_place() -> None:
    assert error_of('{"a": 1,\n "a": 2}').startswith(
        "jobs.yaml:2:2: duplicate field 'a', already set in line 1"
    )


def test_a_number_and_the_same_number_as_text_are_the_same_key() -> None:
    assert "already set" in error_of('1: a\n"1": b\n')


def test_a_field_may_replace_what_a_merge_brought_but_not_the_other_way_round() -> None:
    merged = next(load_documents("a: &a {p: 1}\nb: {<<: *a, p: 2}\n", "f")).data
    assert merged["b"] == {"p": 2}
    assert "already set" in error_of("a: &a {p: 1}\nb: {p: 2, <<: *a}\n")


def test_positions_name_the_line_in_the_whole_stream() -> None:
    text = "# first\na: 1\n--- # second\nspec:\n  list:\n  - x: 1\n  - y: 2\n"
    second = list(load_documents(text, "jobs.yaml"))[1]
    assert second.index == 1
    assert str(second.position(("spec", "list", 1, "y"))) == "jobs.yaml:7:5"
    assert str(second.position(("spec", "missing"))) == "jobs.yaml:4:1"


def test_positions_are_known_in_json_lines_too() -> None:
    documents = list(load_documents('{"a": 1}\n{"b": {"c": 2}}\n', "jobs.jsonl"))
    assert str(documents[1].position(("b", "c"))) == "jobs.jsonl:2:8"


JSON_ESCAPES = r"""{"a": "\ud83d\ude00\/\\/ \ud83d", "b\/": 1, "c": 2}"""


def test_positions_are_known_behind_escapes_that_only_json_has() -> None:
    document = next(load_documents(JSON_ESCAPES, "jobs.json"))
    assert document.data == {"a": "\U0001f600/\\/ \ufffd", "b/": 1, "c": 2}
    assert str(document.position(("b/",))) == "jobs.json:1:35"
    assert str(document.position(("c",))) == "jobs.json:1:45"


def test_a_template_in_json_may_have_escapes_that_only_json_has() -> None:
    node = compose(JSON_ESCAPES, "job.json")
    assert node is not None
    assert construct(node) == next(load_documents(JSON_ESCAPES, "job.json")).data
    for text in (r'a: "\/"', r'{a: "\/"}'):
        with pytest.raises(YamlError, match="no escape that kubectl knows"):
            compose(text, "job.yaml")


def test_a_repeated_field_in_json_is_named_behind_such_escapes() -> None:
    assert error_of(r'{"a": "\/", "a": 2}').startswith("jobs.yaml:1:13: duplicate field 'a'")


def test_chunks_know_their_first_line() -> None:
    chunks = list(split_documents("a: 1\n---\n---\nb: 2", "f"))
    assert chunks == [("a: 1\n", 1), ("b: 2", 4)]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\n--- {b: 2}\n", "jobs.yaml:2:4", "separator"),
        ("a:\n\tb: 1\n", "jobs.yaml:2:1", "spaces"),
        ("a: b: c\n", "jobs.yaml:1:5", "needs quotes"),
        ("a: {b: n-${ITEM.x}}\n", "jobs.yaml:1:11", "quote values such as ${ITEM.x} inside brackets"),
        ("a: @x\n", "jobs.yaml:1:4", "needs quotes"),
        ("a: *x\n", "jobs.yaml:1:4", "undefined anchor &x"),
        ("a: &x [*x]\n", "jobs.yaml:1:8", "contains itself"),
        ("a: .nan\n", "jobs.yaml:1:4", "quote it"),
        ("a: {{ x }}\n", "jobs.yaml:1:5", "a mapping is not a valid field name"),
        ("%YAML 1.1\n---\na: 1\n", "jobs.yaml:2:1", "document start"),
        ("a: !!int x\n", "jobs.yaml:1:4", "!!int does not fit the value 'x'"),
        ("a: \x07\n", "jobs.yaml:1", "control characters"),
        ("a: \ud83d\n", "jobs.yaml:1", "surrogate"),
        (b"a: 1\nb: \xff\n", "jobs.yaml:2", "byte 0xff is not UTF-8"),
        ("- " * 201 + "x\n", "jobs.yaml:1:401", "nested deeper than 200"),
        ("[" * 10_000, "jobs.yaml:1:", "nested deeper than 200"),
        ("{" * 10_000, "jobs.yaml:1:", "nested deeper than 200"),
        ('{"a":' * 10_000, "jobs.yaml:1:1001", "nested deeper than 200"),
        ("a: " + "x" * 10_000_000, "jobs.yaml:1", "at most 8,388,608 are read"),
    ],
)
def test_bad_text_is_one_error_with_its_place(text: str | bytes, place: str, words: str) -> None:
    message = error_of(text)
    assert message.startswith(place)
    assert words in message


def test_an_alias_bomb_is_refused_and_ordinary_aliases_are_not() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for above, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]\n"
    assert "aliases expand to too much" in error_of(bomb)
    fine = "a: &a [1, 2, 3]\nb:\n" + "- *a\n" * 200
    assert next(load_documents(fine, "f")).data["b"] == [[1, 2, 3]] * 200


def test_what_an_alias_stands_for_is_a_copy() -> None:
    data = next(load_documents("a: &a [1]\nb: *a\n", "f")).data
    data["a"].append(2)
    assert data["b"] == [1]


def test_empty_documents_are_none() -> None:
    assert compose("# only a comment\n", "f") is None
    assert list(load_documents("---\n# c\n---\nnull\n---\n", "f")) == []


def test_elements_of_a_list_and_documents_come_one_by_one_with_their_lines() -> None:
    from io import BytesIO

    from expander.base.yaml import construct, stream_sequence

    def found(text: bytes) -> list[tuple[object, int]]:
        return [(construct(node), node.line) for node in stream_sequence(BytesIO(text), "f")]

    assert found(b"- a\n- {b: 1}\n-\n") == [("a", 1), ({"b": 1}, 2), (None, 3)]
    assert found(b"a: 1\n---\n# nothing\n---\nb: 2\n---\n") == [({"a": 1}, 1), ({"b": 2}, 5)]
