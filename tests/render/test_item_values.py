"""Values without a text (null, lists, mappings), parts of values, and values as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from expander.base.errors import InputError, ItemError
from expander.manifests.manifest import Manifest
from tests.render.batch import JOB, results, trees

TEMPLATE = JOB.replace("job-$ITEM", "job-$INDEX").replace("$ITEM", "${ITEM.p}")


def word(result: Any) -> str:
    (tree,) = trees([result])
    return str(tree["spec"]["template"]["spec"]["containers"][0]["command"][1])


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "no value (null)"), ([1, None], "a list"), ({"q": 1}, "a mapping"), ([], "a list")],
)
def test_a_value_without_a_text_is_refused_where_it_stands_and_others_go_on(
    output: str, value: Any, words: str
) -> None:
    for rows in ([{"p": value}, {"p": "x"}], [{"p": "x"}, {"p": value}], [{"p": value}]):
        for row, result in zip(rows, results(TEMPLATE, *rows, output=output), strict=True):
            assert isinstance(result, ItemError) is (row["p"] is value)
            if isinstance(result, ItemError):
                assert words in str(result)
                assert "spec.template.spec.containers[0].command[1]" in str(result)
                assert "hint: " in str(result)
                assert "${ITEM.column|json}" in str(result)


@pytest.mark.parametrize("value", [None, [1, "a: b", None], {"q": {"r": "'"}}, "text", 7, True, "é"])
def test_any_value_can_be_written_as_json_text(value: Any) -> None:
    (result,) = results(TEMPLATE.replace("${ITEM.p}", "${ITEM.p|json}"), {"p": value}, shell="allow")
    assert word(result) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (whole,) = results(TEMPLATE.replace("${ITEM.p}", "${ITEM|json}"), {"p": value, "z": 1})
    assert json.loads(word(whole)) == {"p": value, "z": 1}


def test_a_plain_null_can_be_written_as_json_text() -> None:
    (result,) = results(TEMPLATE.replace("${ITEM.p}", "${ITEM|json}"), None)
    assert word(result) == "null"
    assert isinstance(results(TEMPLATE.replace("${ITEM.p}", "$ITEM"), None)[0], ItemError)


def test_parts_of_a_value_are_named_with_dots() -> None:
    row = {"p": {"q": {"r": "deep"}, "l": ["zero", {"x": "one"}]}}
    for name, wanted in [("p.q.r", "deep"), ("p.l.0", "zero"), ("p.l.1.x", "one")]:
        (result,) = results(TEMPLATE.replace("${ITEM.p}", f"${{ITEM.{name}}}"), row)
        assert word(result) == wanted
    (dotted,) = results(TEMPLATE.replace("${ITEM.p}", "${ITEM.p.q}"), {**row, "p.q": "a column"})
    assert word(dotted) == "a column"
    (constant,) = results(
        TEMPLATE.replace("${ITEM.p}", "${ITEM.c.d}"), {"p": 1}, values={"c": {"d": "given"}}
    )
    assert word(constant) == "given"


def test_an_item_that_lacks_a_part_is_refused_and_others_go_on() -> None:
    template = TEMPLATE.replace("${ITEM.p}", "${ITEM.p.q}")
    found = results(template, {"p": {"q": "x"}}, {"p": {"qq": "y"}}, {"p": "z"})
    assert [isinstance(result, Manifest) for result in found] == [True, False, False]
    assert "the item has no 'p.q'" in str(found[1])
    assert "did you mean p.qq?" in str(found[1])


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_row_that_lacks_a_column_is_refused_and_the_run_goes_on(output: str) -> None:
    found = results(TEMPLATE, {"p": "x", "z": 1}, {"z": 2}, {"p": "y", "z": 3}, output=output)
    assert [isinstance(result, Manifest) for result in found] == [True, False, True]
    assert "unknown column 'p'" in str(found[1])
    assert "item 2" in str(found[1])
    with pytest.raises(InputError, match="unknown column 'p'"):
        results(TEMPLATE, {"z": 1}, {"z": 2}, output=output)


def test_a_literal_reference_stays_and_an_unknown_form_is_an_error() -> None:
    (result,) = results(
        TEMPLATE.replace('"${ITEM.p}"', '"$${ITEM.p|json}"').replace("--x=${ITEM.p}", "x"), {"p": "v"}
    )
    assert word(result) == "${ITEM.p|json}"
    with pytest.raises(InputError, match="unknown column"):
        results(TEMPLATE.replace("${ITEM.p}", "${ITEM.p|yaml}"), {"p": "v"})
