"""`expander.expand` and what stands behind it."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.base.errors import InputError, ItemError, Problem, SourceLocation, UsageError
from expander.batch.request import BatchRequest
from expander.batch.unique_names import UniqueNames
from expander.batch.write import FileNames
from expander.items.block import ItemBlock
from expander.items.item import Item
from expander.manifests.manifest import Manifest
from expander.render.compile import Rules
from expander.render.compiled import RenderedBlock
from expander.render.item_template import ItemTemplate
from expander.render.template_file import TemplateFile
from tests.render.batch import JOB, results


def template(text: str = JOB) -> TemplateFile:
    return TemplateFile.of(text, "t.yaml")


def test_manifests_come_one_by_one_from_any_iterable() -> None:
    endless = expander.expand(template(), (f"i{number}" for number in count()))
    found = list(islice(endless, 3))
    assert [manifest.name for manifest in found] == ["job-i0", "job-i1", "job-i2"]
    assert found[0].tree["metadata"]["annotations"]["expander/item"] == "i0"


def test_the_first_bad_item_raises_and_with_a_function_the_others_go_on() -> None:
    counted = template(JOB.replace("spec:\n", "spec:\n  parallelism: $ITEM\n", 1))
    with pytest.raises(ItemError, match="expected an integer"):
        list(expander.expand(counted, ["1", "x", "2"]))
    errors: list[ItemError] = []
    found = list(expander.expand(counted, ["1", "x", "2"], on_error=errors.append))
    assert [manifest.name for manifest in found] == ["job-1", "job-2"]
    assert len(errors) == 1


COUNTED = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "job-$NAME"}
spec:
  backoffLimit: $ITEM
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [echo, "$NAME"]}]}
"""

WRONG = {"rendering": "x", "validation": "-1", "name": "1", "row": "1", "": "1"}
"""What finds an item wrong, and the number that it has for that; nothing is wrong with the last."""


@given(
    st.lists(st.sampled_from([*WRONG]), max_size=40),
    st.sampled_from(["item", "jinja2", "text"]),
    st.sampled_from(["jobs", "chunks=3"]),
    st.booleans(),
)
def test_what_is_wrong_is_told_in_the_order_of_the_items_whatever_finds_it(
    kinds: list[str], engine: Any, shape: str, whole: bool
) -> None:
    text = COUNTED
    for name, written in (("n", "$ITEM"), ("name", "$NAME")):
        text = text.replace(written, f"{{{{ {name} }}}}" if engine == "jinja2" else f"${{ITEM.{name}}}")
    items = [Item({"n": "1", "name": "first"}, 1, "<test>")]
    for number, kind in enumerate(kinds, 2):
        problem = Problem("bad row", item=f"item {number}") if kind == "row" else None
        row = {"n": WRONG[kind], "name": "first" if kind == "name" else f"n{number}"}
        items.append(Item(row, number, "<test>", problem=problem))
    wrong = [number for number, kind in enumerate(kinds, 2) if kind and (shape == "jobs" or kind != "name")]
    told: list[ItemError] = []
    request = BatchRequest(
        batch=template(text), items=items, engine=engine, shape=shape, key="name" if whole else None
    )
    made = [*request.manifests(told.append)]
    assert [error.number for error in told] == wrong
    if shape == "jobs":
        assert len(made) == len(items) - len(wrong)


def test_a_problem_in_words_of_its_own_is_told_in_the_order_of_the_items() -> None:
    def rows() -> Iterator[Item]:
        yield Item("a", 1, "<test>")
        yield Item("b", 2, "<test>", problem=Problem("bad row", item="row 7"))
        yield Item("a", 3, "<test>")

    told: list[ItemError] = []
    list(BatchRequest(batch=template(), items=rows()).manifests(told.append))
    assert [error.number for error in told] == [2, 3]


def test_what_is_wrong_is_told_before_the_error_that_ends_the_reading() -> None:
    def rows() -> Iterator[Item]:
        yield Item("a", 1, "<test>")
        yield Item("b", 2, "<test>", problem=Problem("bad row", item="item 2"))
        raise InputError("cannot read on")

    told: list[ItemError] = []
    with pytest.raises(InputError, match="cannot read on"):
        list(BatchRequest(batch=template(), items=rows()).manifests(told.append))
    assert [error.item for error in told] == ["item 2"]


def test_a_template_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "my jobs.yaml"
    path.write_text(JOB)
    (manifest,) = expander.expand(path, [{"item": "a"}], labels={"x": "y"}, ttl=5)
    assert manifest.tree["metadata"]["labels"] == {"item": "a", "jobgroup": "my-jobs", "x": "y"}
    assert manifest.tree["spec"]["ttlSecondsAfterFinished"] == 5
    with pytest.raises(InputError, match="cannot read the template"):
        list(expander.expand(tmp_path / "none.yaml", ["a"]))


def test_a_jinja2_template_may_bring_its_own_parameters_and_others_may_not() -> None:
    own = template("{% for n in [1, 2] %}---\n" + JOB.replace("$ITEM", "n{{ n }}") + "{% endfor %}")
    assert [m.name for m in expander.expand(own, engine="jinja2")] == ["job-n1", "job-n2"]
    with pytest.raises(UsageError, match="no items"):
        list(expander.expand(template()))


def test_a_first_row_that_lacks_a_column_is_refused_and_the_others_go_on() -> None:
    text = JOB.replace("$ITEM", "${ITEM.a}")
    rows: list[dict[str, object]] = [{"b": 1}, {"c": 2}, {"a": "x"}, {"b": 3}, {"a": "y", "b": 4}]
    errors: list[ItemError] = []
    found = list(expander.expand(template(text), rows, on_error=errors.append))
    assert [manifest.name for manifest in found] == ["job-x", "job-y"]
    assert [str(error).partition(": ")[2].partition(" {")[0] for error in errors] == [
        "item 1",
        "item 2",
        "item 4",
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 2000])
def test_a_column_that_no_row_has_is_one_error_of_the_template(count: int) -> None:
    with pytest.raises(InputError, match="unknown column 'a'"):
        list(expander.expand(template(JOB.replace("$ITEM", "${ITEM.a}")), [{"b": 1}] * count))


def test_rows_are_not_read_to_the_end_for_a_column_that_none_has() -> None:
    endless = ({"b": number} for number in count())
    with pytest.raises(InputError, match="unknown column 'a'"):
        list(expander.expand(template(JOB.replace("$ITEM", "${ITEM.a}")), endless))


def test_a_manifest_says_where_it_came_from() -> None:
    (manifest,) = expander.expand(template(), ["a"])
    assert (str(manifest.where), str(manifest.item)) == ("t.yaml:1:1", "item 1 'a' (<python>)")
    assert (manifest.kind, manifest.api_version, manifest.namespace) == ("Job", "batch/v1", None)


def manifests(*names: str) -> list[Manifest]:
    found = results(JOB, *names)
    return [manifest for manifest in found if isinstance(manifest, Manifest)]


@pytest.mark.parametrize("in_memory", [1000, 3, 0])
def test_a_name_that_is_taken_is_found_in_memory_and_on_disk(in_memory: int) -> None:
    taken = UniqueNames(in_memory)
    assert taken.add(manifests("a", "b")) == []
    assert taken.add(manifests("c", "d")) == []
    again = taken.add(manifests("e", "b", "f", "f"))
    assert [(manifest.name, first) for manifest, first in again] == [
        ("job-b", "item 2 'b' (<python>)" if in_memory > 3 else "item 2"),
        ("job-f", "item 3 'f' (<python>)" if in_memory > 6 else "item 3"),
    ]
    assert [manifest.name for manifest, _ in taken.add(manifests("e", "g"))] == ["job-e"]


def named(name: str) -> dict[str, object]:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}


@given(
    st.lists(st.lists(st.integers(0, 120), min_size=1, max_size=9), max_size=12),
    st.booleans(),
    st.sampled_from([0, 7, 30, 1000]),
)
def test_names_in_any_order_are_taken_once(batches: list[list[int]], rising: bool, in_memory: int) -> None:
    if rising:
        numbers = iter(sorted({number for batch in batches for number in batch}))
        batches = [[*islice(numbers, len(batch))] for batch in batches]
    taken, known = UniqueNames(in_memory), set[int]()
    for batch in filter(None, batches):
        made = [Manifest(named(f"job-{number}"), SourceLocation("t")) for number in batch]
        refused = [manifest.name for manifest, _ in taken.add(made)]
        expected = [f"job-{n}" for place, n in enumerate(batch) if n in known or n in batch[:place]]
        assert refused == expected
        known.update(batch)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["manifests", "texts", "range", "other"]), st.integers(0, 9), st.integers(1, 12)
        ),
        max_size=12,
    ),
    st.sampled_from([1, 1, 2, -1]),
    st.sampled_from([0, 7, 30, 1000]),
)
def test_names_of_blocks_are_taken_once(
    batches: list[tuple[str, int, int]], step: int, in_memory: int
) -> None:
    own, other = (ItemTemplate(text, "t.yaml", Rules()) for text in (JOB, JOB.replace("job-", "job-1")))
    taken, known, start = UniqueNames(in_memory), set[str](), 0
    for kind, back, length in batches:
        start = max(start - back if back > 6 else start + back, 0)
        numbers = range(start, start + length)[::step]
        start += length
        values = numbers if kind == "range" else list(map(str, numbers))
        made: Sequence[Any] = (other if kind == "other" else own).render(ItemBlock(values, 1, "t"), "json")
        assert isinstance(made, RenderedBlock)
        if kind == "manifests":
            made = list(made)
        names = [manifest.name for manifest in made]
        refused = [manifest.name for manifest, _ in taken.add(made)]
        assert refused == [name for name in names if name in known]
        known.update(names)


def test_names_of_files_follow_the_item_or_the_name() -> None:
    assert FileNames().of(manifests("apple", "a b")) == ["job-apple.yaml", "job-a-b-278fc8c1.yaml"]
    two = "---\n".join([JOB, JOB.replace("job-", "other-")])
    pair = [found for found in results(two, "x") if isinstance(found, Manifest)]
    assert FileNames().of(pair) == ["job-job-x.yaml", "job-other-x.yaml"]
    columns = [
        m for m in results(JOB.replace("$ITEM", "${ITEM.a}"), {"a": "x", "b": "y"}) if isinstance(m, Manifest)
    ]
    assert FileNames().of(columns) == ["job-job-x.yaml"]
    assert FileNames("{namespace}_{name}").of(columns) == ["default_job-x.yaml"]


@pytest.mark.parametrize("pattern", ["{nope}", "{item!r}", "{item:>3}", "a/{item}", "{", "{0}", "{item.x}"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="file name pattern"):
        FileNames(pattern)
