"""Items that do not match the JSON Schema of a batch are refused, each with its place and all that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.base.errors import InputError, ItemError
from expander.base.yaml.documents import load_documents
from expander.items.item import Item
from expander.items.items_schema import ItemsSchema
from expander.items.python import from_python

TEMPLATE = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: 'job-$INDEX'}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: a, args: ['$ITEM']}]}}}\n"


def schema_of(schema: Any) -> ItemsSchema:
    (document,) = load_documents(json.dumps(schema), "schema.json")
    return ItemsSchema(document)


def refusals(schema: Any, values: list[Any]) -> list[str | None]:
    items = schema_of(schema).checked(from_python(values))
    return [None if item.problem is None else item.problem.message for item in items]


def columns(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("column", "good", "bad", "words"),
    [
        ({"type": "integer"}, ["1", "-3", 7, "+5"], ["x", "1.5", True], "expected integer"),
        ({"type": "number"}, ["1", "1.5e3", 2.5], ["1,5", ".", "nan"], "expected number"),
        ({"type": "boolean"}, ["true", "FALSE", False], ["no", "1", 1], "expected boolean"),
        ({"type": ["integer", "string"]}, ["x", "1", 1], [1.5, None], "expected integer or string"),
        ({"type": "string"}, ["1", ""], [1, None], "expected string"),
        ({"enum": ["a", "b"]}, ["a"], ["c", ""], "expected 'a' or 'b'"),
        ({"pattern": "^x+$"}, ["x", "xx"], ["y"], "expected text that matches ^x+$"),
        ({"type": "integer", "minimum": 2}, ["2"], ["1"], "less than the minimum of 2"),
        ({"format": "date"}, ["2026-01-31"], ["31.1.2026"], "date"),
        (
            {"type": "integer", "errorMessage": "a whole number, please"},
            ["1"],
            ["x"],
            "a whole number, please",
        ),
    ],
)
def test_a_column_is_checked_as_the_type_that_it_has(
    column: Any, good: list[Any], bad: list[Any], words: str
) -> None:
    schema = columns(c=column)
    assert refusals(schema, [{"c": value} for value in good]) == [None] * len(good)
    for message in refusals(schema, [{"c": value} for value in bad]):
        assert message is not None
        assert message.startswith("c: ")
        assert words in message


def test_an_empty_cell_is_missing_unless_its_column_takes_empty_text() -> None:
    schema = {**columns(n={"type": "integer"}, t={"type": "string"}), "required": ["n", "t"]}
    assert refusals(schema, [{"n": "", "t": ""}]) == ["n: missing"]
    assert refusals(columns(n={"type": "integer"}), [{"n": ""}]) == [None]
    reads = {"type": "string", "pattern": r"^\S+\.fq\.gz$", "exists": True}
    assert refusals(columns(fastq_2=reads), [{"fastq_2": ""}]) == [None]
    assert refusals({**columns(fastq_1=reads), "required": ["fastq_1"]}, [{"fastq_1": ""}]) == [
        "fastq_1: missing"
    ]


def test_the_words_of_a_column_are_told_once_whatever_is_wrong_with_its_cell() -> None:
    column = {"type": "string", "pattern": "gz$", "exists": True, "errorMessage": "a .gz file, please"}
    assert refusals(columns(reads=column), [{"reads": "no.txt"}]) == ["reads: a .gz file, please"]


def test_a_row_is_told_all_that_is_wrong_with_it() -> None:
    schema = {**columns(a={"type": "integer"}), "required": ["b"], "additionalProperties": False}
    (message,) = refusals(schema, [{"a": "x", "c": 1}])
    assert message is not None
    assert set(message.split("; ")) == {
        "a: found 'x', expected integer",
        "b: missing",
        "c: unknown column",
    }


def test_rows_of_a_list_share_its_definitions_and_no_values_that_are_unique() -> None:
    schema = {
        "type": "array",
        "$defs": {"lane": {"type": "integer", "maximum": 8}},
        "uniqueEntries": ["sample", "lane"],
        "items": columns(sample={}, lane={"$ref": "#/$defs/lane"}, run={"unique": True}),
    }
    rows: list[Any] = [
        {"sample": "a", "lane": 1, "run": "r1"},
        {"sample": "a", "lane": 2, "run": "r2"},
        {"sample": "a", "lane": 1, "run": "r3"},
        {"sample": "b", "lane": 9, "run": "r1"},
    ]
    first, second, third, fourth = refusals(schema, rows)
    assert first is second is None
    assert third == "sample, lane: found 'a', 1 again, first at item 1"
    assert fourth is not None
    assert "9 is greater than the maximum of 8" in fourth
    assert "run: found 'r1' again, first at item 1" in fourth


def test_a_file_that_a_column_names_must_exist_or_must_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("")
    (tmp_path / "folder").mkdir()
    schema = columns(
        old={"format": "file-path", "exists": True},
        new={"exists": False},
        into={"format": "directory-path", "exists": True},
    )
    assert refusals(schema, [{"old": "there", "new": "later", "into": "folder"}]) == [None]
    (message,) = refusals(schema, [{"old": "folder", "new": "there", "into": "there"}])
    assert message is not None
    assert set(message.split("; ")) == {
        "old: 'folder' does not exist",
        "new: 'there' exists already",
        "into: 'there' does not exist",
    }


def test_plain_items_are_rows_themselves_or_the_column_item() -> None:
    assert refusals({"type": "integer"}, ["1", "x"]) == [None, "found 'x', expected integer"]
    assert refusals(columns(item={"type": "integer"}), ["1", "x"]) == [
        None,
        "item: found 'x', expected integer",
    ]


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_any_number_is_accepted_as_text_as_it_is_as_a_number(value: float) -> None:
    kinds = {bool: "boolean", int: "integer", float: "number"}
    text = str(value).lower()
    if len(text) < 25:
        schema = columns(c={"type": kinds[type(value)]})
        assert refusals(schema, [{"c": text}, {"c": value}]) == [None, None]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=3) | st.integers() | st.none())))
def test_values_reach_the_template_as_they_were(rows: list[Any]) -> None:
    schema = columns(a={"type": "integer"}, b={"type": "boolean"}, c={"unique": True})
    assert [item.value for item in schema_of(schema).checked(from_python(rows))] == rows


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"type": "objekt"}', "schema:1", "not a JSON Schema"),
        ("type: object\nproperties:\n  a: {type: 5}\n", "schema:3", "properties.a.type: not a JSON Schema"),
        ("type: array\nitems:\n  required: a\n", "schema:3", "required: not a JSON Schema"),
        ('{"properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}', "schema:1", "nothing is fetched"),
        ("{}\n---\n{}\n", "schema", "found 2 documents"),
        ("- a\n", "schema:1", "expected"),
        ("{", "schema:", ""),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(
    text: str, place: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "schema").write_text(text)
    with pytest.raises(InputError) as refused:
        ItemsSchema.load(tmp_path / "schema")
    assert f"{tmp_path}/{place}" in str(refused.value)
    assert words in str(refused.value)


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="nope: No such file or directory; expected the JSON Schema of the items"
    ):
        ItemsSchema.load(tmp_path / "nope")


@pytest.fixture
def template(tmp_path: Path) -> Callable[[str], Path]:
    def write(first_line: str) -> Path:
        (tmp_path / "schema.json").write_text('{"type": "integer", "unique": true}')
        path = tmp_path / "job.yaml"
        path.write_text(first_line + TEMPLATE)
        return path

    return write


def test_a_template_names_its_schema_and_every_refused_item_is_told(template: Callable[[str], Path]) -> None:
    refused: list[ItemError] = []
    path = template("# expander: items-schema=schema.json\n")
    made = list(expander.expand(path, ["1", "x", "3", "y"], on_error=refused.append))
    assert [each.tree["metadata"]["name"] for each in made] == ["job-0", "job-2"]
    assert [error.item for error in refused] == ["item 2", "item 4"]


def test_the_schema_of_the_call_stands_above_that_of_the_template(
    template: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "any.json").write_text("{}")
    path = template("# expander: items-schema=schema.json\n")
    assert len(list(expander.expand(path, ["x"], items_schema=tmp_path / "any.json"))) == 1


def test_another_setting_in_a_template_is_refused_with_its_line(template: Callable[[str], Path]) -> None:
    path = template("# one\n# expander: item-schema=schema.json\n")
    with pytest.raises(InputError, match=r"job\.yaml:2: unknown setting 'item-schema'"):
        list(expander.expand(path, ["1"]))


def test_items_that_have_a_problem_already_keep_it() -> None:
    from expander.base.errors import Problem

    item = Item("x", 1, "here", 1, Problem("broken before"))
    (checked,) = schema_of({"type": "integer"}).checked([item])
    assert checked.problem == Problem("broken before")


INTEGERS = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/row", "$defs": {"row": INTEGERS}},
        {"type": "array", "items": {"$ref": "#/$defs/row"}, "$defs": {"row": INTEGERS}},
        {"items": INTEGERS},
        {"type": ["array"], "items": INTEGERS},
        {"allOf": [{"type": "object"}, INTEGERS]},
        columns(n={"$ref": "#/properties/m"}, m={"type": "integer"}),
        columns(n={"anyOf": [{"type": "integer"}, {"type": "boolean"}]}),
        columns(n={"enum": [1, 2]}),
        {"type": "array", "items": columns(n={"$ref": "#/items/properties/m"}, m={"type": "integer"})},
        {
            "$id": "http://example.com/rows",
            "type": "array",
            "items": columns(n={"$ref": "http://example.com/rows#/$defs/n"}, m={"$ref": "#/$defs/n"}),
            "$defs": {"n": {"type": "integer"}},
        },
        {"$ref": "/row", "$defs": {"row": {"$id": "/row", **INTEGERS}}},
        {"type": "array", "items": {"$ref": "row"}, "$defs": {"row": {"$id": "row", **INTEGERS}}},
        {"type": "array", "items": {"$ref": "#row"}, "$defs": {"row": {"$anchor": "row", **INTEGERS}}},
        {
            "$id": "https://example.com/schemas/batch.json",
            "$ref": "row.json#/$defs/columns",
            "$defs": {
                "row": {
                    "$id": "https://example.com/schemas/row.json",
                    "$defs": {"columns": columns(n={"$ref": "#/$defs/n"}), "n": {"type": "integer"}},
                },
                "n": {"type": "string"},
            },
        },
        {"$id": "urn:rows", "$ref": "urn:row", "$defs": {"row": {"$id": "urn:row", **INTEGERS}}},
    ],
    ids=str,
)
def test_text_is_read_as_the_type_of_its_column_wherever_the_schema_says_it(schema: Any) -> None:
    good, bad = refusals(schema, [{"n": "1"}, {"n": "x"}])
    assert good is None
    assert bad is not None
    assert "n: " in bad


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "object", "properties": ["n"]}, "properties"),
        ({"type": "array", "minItems": 2, "items": {}}, "minItems"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"items": {}, "allOf": [{"uniqueEntries": ["n"]}]}, "allOf"),
        ({"type": "array", "uniqueEntries": "n"}, "uniqueEntries"),
        ({"type": "array", "uniqueEntries": 5}, "uniqueEntries"),
        ({"items": columns(n={}), "uniqueEntries": ["n", "m"]}, "uniqueEntries"),
        (columns(n={"exists": "yes"}), "properties.n.exists"),
        (columns(n={"unique": 1}), "properties.n.unique"),
        (columns(n={"errorMessage": 5}), "properties.n.errorMessage"),
        ({"propertys": {"n": {}}}, "propertys"),
        ({"type": "array", "unique_entries": ["n"]}, "unique_entries"),
        ({"items": {"requierd": ["n"]}}, "items.requierd"),
        (columns(n={"minlength": 5}), "properties.n.minlength"),
        ({"items": columns(n={"patern": "x"})}, "items.properties.n.patern"),
    ],
)
def test_what_would_not_be_checked_is_refused_by_its_field(schema: Any, field: str) -> None:
    with pytest.raises(InputError) as found:
        schema_of(schema)
    assert found.value.problems[0].field == field


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"required": ["n"]},
        {"patternProperties": {"^n": {}}, "properties": {"m": {}}},
        {"properties": {"m": {}}, "anyOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": columns(n={})}},
        {"properties": {"m": {}}, "if": {}, "then": columns(n={})},
    ],
)
def test_unique_columns_are_those_that_the_schema_names_anywhere(row: Any) -> None:
    schema = {"items": row, "uniqueEntries": ["n"], **({"$defs": row["$defs"]} if "$defs" in row else {})}
    first, again = refusals(schema, [{"n": "1"}, {"n": "1"}])
    assert (first, again) == (None, "n: found '1' again, first at item 1")


def test_an_unknown_column_that_is_to_be_unique_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no column 'm'; columns are n, k"):
        schema_of({"items": columns(n={}, k={}), "uniqueEntries": ["n", "m"]})


def test_a_reference_to_what_is_no_schema_is_no_crash() -> None:
    for wrong in ({"properties": ["n"]}, {"allOf": 5}, {"type": 5}, 5):
        with suppress(InputError):
            schema_of({"$ref": "#/odd", "odd": wrong})


def test_references_in_a_circle_end() -> None:
    circle = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
    assert refusals({"$ref": "#/$defs/a", "$defs": circle}, ["x"]) == [None]


def test_values_are_told_as_they_are_and_not_longer_than_a_line() -> None:
    (large, long, hard) = refusals(
        columns(n={"type": "number"}, t={"pattern": r"^(?:a|a|aa)*(?!b)\w(x+x+)+y$"}),
        [{"n": "1e999"}, {"n": "x" * 10_000}, {"t": "a" * 40 + "b"}],
    )
    assert large == "n: found '1e999', expected number"
    assert long is not None
    assert len(long) < 300
    assert hard is not None
    assert hard.endswith("on which the pattern takes too long")


def test_an_empty_name_is_not_no_schema(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(TEMPLATE)
    with pytest.raises(expander.UsageError, match="items_schema: found ''"):
        expander.plan(str(tmp_path / "job.yaml"), ["a"], items_schema="")
    (tmp_path / "job.yaml").write_text("# expander: items-schema=\n" + TEMPLATE)
    with pytest.raises(InputError, match="no value for 'items-schema'"):
        expander.plan(str(tmp_path / "job.yaml"), ["a"])


def test_words_of_other_readers_of_the_schema_are_no_slips_of_keywords() -> None:
    words = """title description default example nullable xml externalDocs fa_icon help_text mimetype hidden meta
    markdownDescription defaultSnippets enumDescriptions patternErrorMessage deprecationMessage transform comment
    note notes label unit units option schema tags order group placeholder widget enumNames x-hint"""
    assert refusals(columns(n=dict.fromkeys(words.split(), "x")), [{"n": "1"}]) == [None]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (columns(n={"const": 3}), "n: found 'x', expected 3"),
        (columns(n={"format": "date"}), "n: found 'x', expected date"),
        (columns(n={"not": {"pattern": "x"}}), "n: found 'x', which the schema excludes"),
        (columns(n=False), "n: found 'x', which the schema excludes"),
        (columns(n={"oneOf": [{"const": 3}, {"minLength": 2}]}), "n: found 'x', expected 3, or "),
        (
            {"anyOf": [{"required": ["k"]}, columns(n={"const": 3})]},
            "k: missing, or n: found 'x', expected 3",
        ),
        (columns(n={"oneOf": [{}, {}]}), "n: found 'x', which fits more than one schema of oneOf"),
        ({"propertyNames": {"pattern": "^k"}}, "name of a column: found 'n', expected text that matches ^k"),
        ({**columns(k={}), "unevaluatedProperties": False}, "n: unknown column"),
    ],
)
def test_what_a_keyword_refuses_is_told_by_value_and_column(schema: Any, words: str) -> None:
    (found,) = refusals(schema, [{"n": "x"}])
    assert found is not None
    assert words in found


@pytest.mark.parametrize("reference", ["http://127.0.0.1:1/x.json", "other.json"])
def test_a_reference_out_of_the_file_is_refused_and_not_fetched(reference: str) -> None:
    with pytest.raises(InputError, match=rf"refers to '{reference}', and nothing is fetched"):
        schema_of({"$ref": reference})
