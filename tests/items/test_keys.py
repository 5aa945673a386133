"""The key of an item, and how a batch chooses it."""

import json
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.base.errors import InputError, UsageError
from expander.base.option_names import command_line
from expander.batch.request import BatchRequest
from expander.items.item import Item
from expander.items.keys import READ_AHEAD, KeyChoice, item_key
from expander.items.load import ItemSpec, items
from expander.render.template_file import TemplateFile
from tests.render.batch import JOB


def rows(*values: Any) -> Iterator[Item]:
    return (Item(value, number, "<test>") for number, value in enumerate(values, 1))


def chosen(*values: Any, wanted: Sequence[str] = ()) -> str | None:
    choice = KeyChoice(wanted)
    assert [item.value for item in choice.read(rows(*values))] == list(values)
    return choice.annotation


def test_a_plain_value_is_its_own_key_and_columns_give_the_first_one() -> None:
    assert item_key("my dog.jpg") == "my dog.jpg"
    assert item_key('{"scene":"intro","frames":120}') == "intro"
    assert item_key('{"frames":120,"scene":"intro"}') == "120"
    assert item_key("{no json") == "{no json"


def test_the_annotation_names_other_columns() -> None:
    text = '{"lr":0.1,"batch":32,"odd,name":"x"}'
    assert item_key(text, "batch") == "32"
    assert item_key(text, '["lr", "batch"]') == "lr=0.1,batch=32"
    assert item_key(text, "odd,name") == "x"
    assert item_key(text, "gone") == text


@given(st.text(), st.text())
def test_a_key_is_never_an_error(text: str, columns: str) -> None:
    assert isinstance(item_key(text, columns), str)


def test_the_first_unique_column_is_the_key_and_goes_without_saying_when_it_is_the_first() -> None:
    assert chosen({"n": "a", "w": 1}, {"n": "b", "w": 1}) is None
    assert chosen({"w": 1, "n": "a"}, {"w": 1, "n": "b"}) == "n"
    assert chosen("plain", "values") is None
    assert chosen({"w": 1, "n": "a"}) is None


def test_without_a_unique_column_all_of_them_are_the_key() -> None:
    product = [{"lr": lr, "batch": batch} for lr in (0.1, 0.2) for batch in (32, 64)]
    assert json.loads(chosen(*product) or "") == ["lr", "batch"]


@pytest.mark.parametrize("reads", [(9, 8, 7), ("9", "-8.5", "1e3")])
def test_numbers_that_are_unique_by_chance_are_no_key_where_the_columns_before_are_one(
    reads: tuple[Any, ...],
) -> None:
    sheet = [
        {"sample": sample, "lane": lane, "by": "me", "reads": number}
        for sample, lane, number in zip("abb", (1, 1, 2), reads, strict=True)
    ]
    assert json.loads(chosen(*sheet) or "") == ["sample", "lane"]
    assert chosen(*[row | {"lane": 1} for row in sheet]) == "reads"
    assert chosen(*[{"n": row["reads"]} | row for row in sheet]) is None
    assert chosen(*[row | {"reads": f"r{row['reads']}"} for row in sheet]) == "reads"


def test_a_wanted_column_must_be_there() -> None:
    assert chosen({"a": 1, "b": 1}, {"a": 2, "b": 1}, wanted=["b"]) == "b"
    assert chosen({"a": 1, "b": 1}, wanted=["a"]) is None
    with pytest.raises(UsageError, match="key='frame': no such column; columns are frames, b"):
        chosen({"frames": 1, "b": 1}, wanted=["frame"])
    with pytest.raises(UsageError, match="other code points"):
        chosen({"e\u0301": 1, "b": 1}, wanted=["\xe9"])
    with pytest.raises(UsageError, match="these are plain values"):
        chosen("a", wanted=["b"])


def test_a_part_of_a_column_is_a_key() -> None:
    nested = [{"sample": {"id": name, "lanes": [1, 2]}, "reads": 7} for name in ("HG1", "HG2")]
    assert (key := chosen(*nested, wanted=["sample.id"])) == "sample.id"
    assert [item_key(json.dumps(row), key) for row in nested] == ["HG1", "HG2"]
    assert item_key(json.dumps(nested[0]), "sample.lanes.1") == "2"
    assert item_key(json.dumps({"sample.id": "own", "sample": {"id": "part"}}), "sample.id") == "own"
    for wanted in ("sample.ids", "sample.lanes.2", "reads.id"):
        with pytest.raises(UsageError, match="no such column"):
            chosen(*nested, wanted=[wanted])
    with pytest.raises(UsageError) as told:
        chosen(*nested, wanted=["sample.idd"])
    assert "did you mean sample.id?" in str(told.value)


def test_several_wanted_columns_are_the_key_together() -> None:
    lanes = [{"sample": "S1", "lane": 1, "path": "a"}, {"sample": "S1", "lane": 2, "path": "b"}]
    assert json.loads(chosen(*lanes, wanted=["sample", "lane"]) or "") == ["sample", "lane"]
    assert chosen(*lanes, wanted=["lane", "lane"]) == "lane"
    with pytest.raises(UsageError, match="key='lne': no such column"):
        chosen(*lanes, wanted=["sample", "lne"])


@pytest.mark.parametrize("key", ["n", ["n"], ["w", "n"], ("w", "n")])
def test_a_call_takes_one_column_or_several_as_key(key: Any) -> None:
    template = TemplateFile.of(JOB.replace("$ITEM", "${ITEM.n}"))
    (made,) = expander.expand(template, [{"w": 1, "n": "a"}], key=key)
    annotation = made.tree["metadata"]["annotations"]["expander/key"]
    assert annotation == ("n" if len(key) == 1 else '["w", "n"]')


@pytest.mark.parametrize(
    "part", [{"limit": 1}, {"limit": 2}, {"slice": "1:3"}, {"slice": "0::2", "limit": 9}, {}]
)
def test_a_part_of_the_items_has_the_key_of_all(part: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("lr,seed,name\n0.1,1,a\n0.2,2,b\n0.1,1,c\n")
    found = items(ItemSpec(sources=(str(tmp_path / "runs.csv"),), **part))
    template = TemplateFile.of(JOB.replace("$ITEM", "${ITEM.name}"))
    made = BatchRequest(batch=template, items=found).manifests(print)
    assert {each.tree["metadata"]["annotations"]["expander/key"] for each in made} == {"name"}


def test_an_error_in_the_items_is_raised_in_its_place_and_only_if_it_is_reached(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text('{"w":1,"n":"a"}\n{"w":1,"n":"b"}\n{"w":1,"n":"c"}\n{broken\n')

    template = TemplateFile.of(JOB.replace("$ITEM", "${ITEM.n}"))

    def made(limit: int) -> Iterator[str | None]:
        found = items(ItemSpec(sources=(str(tmp_path / "runs.jsonl"),), limit=limit))
        jobs = BatchRequest(batch=template, items=found).manifests(print)
        return (each.tree["metadata"]["annotations"]["expander/key"] for each in jobs)

    assert [*made(3)] == ["n", "n", "n"]
    stream = made(4)
    assert [*islice(stream, 3)] == ["n", "n", "n"]
    with pytest.raises(InputError, match=r"runs\.jsonl:4"):
        next(stream)


def test_an_endless_stream_is_decided_on_its_beginning_and_that_is_said() -> None:
    choice = KeyChoice()
    endless = (Item({"w": 1, "n": number}, number, "<test>") for number in count(1))
    assert len(list(islice(choice.read(endless), 3))) == 3
    assert choice.annotation == "n"
    (note,) = choice.notes
    assert f"unique in the first {READ_AHEAD:,}" in note


def test_what_is_wrong_later_in_the_items_does_not_hide_those_before() -> None:
    def broken() -> Iterator[Item]:
        yield from rows({"a": 1}, {"a": 2})
        raise ValueError("row 3")

    stream = KeyChoice().read(broken())
    assert [item.value for item in islice(stream, 2)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(ValueError, match="row 3"):
        next(stream)


@pytest.mark.parametrize("engine", ["item", "jinja2", "text"])
def test_every_engine_writes_the_annotation_beside_the_item(engine: Any) -> None:
    text = JOB.replace("$ITEM", "{{ n }}" if engine == "jinja2" else "${ITEM.n}")
    items = [{"w": 1, "n": "a"}, {"w": 1, "n": "b"}]
    for made in expander.expand(TemplateFile.of(text, "t.yaml"), items, engine=engine):
        assert made.tree["metadata"]["annotations"]["expander/key"] == "n"
    for made in expander.expand(TemplateFile.of(text, "t.yaml"), items[:1], engine=engine):
        assert list(made.tree["metadata"]["annotations"]) == ["expander/item"]


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
def test_shapes_keep_the_key(shape: str) -> None:
    text = JOB.replace("job-$ITEM", "job").replace("item: $ITEM", "item: x").replace("$ITEM", "${ITEM.n}")
    items = [{"w": 1, "n": "a"}, {"w": 1, "n": "b"}]
    made = list(expander.expand(TemplateFile.of(text, "t.yaml"), items, shape=shape))
    assert made[-1].tree["metadata"]["annotations"]["expander/key"] == "n"


def noted(*values: Any, wanted: Sequence[str]) -> list[str]:
    choice = KeyChoice(wanted)
    assert [item.value for item in choice.read(rows(*values))] == list(values)
    return choice.notes


LANES = [
    {"sample": "a", "lane": 1, "reads": 9, "path": "p"},
    {"sample": "b", "lane": 1, "reads": 9, "path": "q"},
    {"sample": "b", "lane": 2, "reads": 9, "path": "r"},
]


def test_a_wanted_column_that_repeats_is_noted_with_columns_that_do_not() -> None:
    (note,) = noted(*LANES, wanted=["sample"])
    assert note == (
        "key='sample': 'b' names 2 items, and a command given that key acts on all of them; key=['sample', 'lane'] is unique"
    )
    assert noted(*LANES, wanted=["sample", "sample"]) == [note]
    with command_line():
        assert noted(*LANES, wanted=["sample"])[0].endswith("--key sample --key lane is unique")
        (note,) = noted(*LANES, wanted=["reads", "lane"])
    assert note.startswith("--key reads --key lane: 'reads=9,lane=1' names 2 items")
    assert noted(*LANES, wanted=["sample", "lane"]) == noted(*LANES, wanted=["path"]) == []


def test_what_repeats_in_a_long_list_is_counted_as_far_as_it_is_read_ahead() -> None:
    (note,) = noted(
        *({"n": number, "half": number // 2} for number in range(3 * READ_AHEAD)), wanted=["half"]
    )
    assert note == (
        "key='half': '0' names 2 of the first 1,000 items, and a command given that key acts on all of them; "
        "key=['half', 'n'] is unique in these"
    )


def test_of_rows_that_are_alike_no_columns_are_said_to_be_unique() -> None:
    (note,) = noted({"a": 1, "b": 1}, {"a": 1, "b": 1}, wanted=["b"])
    assert note == "key='b': '1' names 2 items, and a command given that key acts on all of them"
