"""Items in blocks: the same bytes and errors as items one by one."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.base.errors import ExpanderError, ItemError
from expander.batch.request import BatchRequest
from expander.batch.write import StreamFormat, Targets, write
from expander.items.item import Item
from expander.items.load import ItemSpec, items
from expander.items.source_spec import parse_source
from expander.manifests.manifest import Manifest
from expander.render import compiled
from expander.render.template_file import TemplateFile
from tests.render.batch import JOB, results
from tests.render.templates import Writer

VALUES = [
    "a",
    "b",
    "A",
    "x.y",
    "-",
    "a b",
    "é",
    "x" * 70,
    "\t",
    "yes",
    "1e3",
    "'",
    "$(A)",
    "\x07",
    "007",
    "%s",
    "\\",
]


def written(template: str, given: Iterator[Item], form: StreamFormat) -> tuple[bytes, list[str]]:
    """What is written, and the errors."""
    errors: list[ItemError] = []
    stream = io.BytesIO()
    request = BatchRequest(batch=TemplateFile.of(template, "t.yaml"), items=given, validate=False)
    try:
        expansion = request.expansion(errors.append, "json" if form == "json" else "yaml")
        write(expansion, Targets(form), stream)
    except ExpanderError as error:
        return stream.getvalue(), [str(error)]
    return stream.getvalue(), list(map(str, errors))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 32),
    values=st.lists(st.sampled_from(VALUES), max_size=20),
    plain=st.booleans(),
    form=st.sampled_from(["yaml", "json"]),
)
def test_a_block_is_written_as_its_items_are(
    seed: int, values: list[str], plain: bool, form: StreamFormat, tmp_path_factory: pytest.TempPathFactory
) -> None:
    template = JOB if plain else Writer(Random(seed)).template()
    path = tmp_path_factory.mktemp("items") / "v.nul"
    path.write_text("".join(f"{value}\0" for value in values))
    spec = ItemSpec(sources=(str(path),))
    together = written(template, items(spec), form)
    assert written(template, iter([*items(spec)]), form) == together
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled.CompiledTemplate, "_copy", lambda *_: None)
        assert written(template, items(spec), form) == together


PLAIN = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: j-$INDEX
  labels: {flow: %s}
  annotations:
    note: %s
    both: ${ITEM.a}%s${ITEM.b}
spec:
  completions: ${ITEM.n}
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: %s
        resources:
          limits:
            memory: %s
"""
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
ALIKE = [
    st.integers(0, 200) | st.sampled_from([0, 7, 10**9, -1]),
    st.from_regex(r"[0-9]{1,12}(\.[0-9])?", fullmatch=True),
    st.sampled_from(
        ["tru", "fals", "nul", "y", "n", "o", "of", "ye", "e", "on", "true", "No", "x", "ab/c.d-e"]
    ),
    st.sampled_from(
        [*VALUES, "", "~", ".", "e", "E", "Ki", "i", "5e", "_1", "1_0", "0x1", "0b", "2001-01-01"]
    ),
]


@settings(max_examples=200)
@given(data=st.data(), form=st.sampled_from(["yaml", "json"]))
def test_plain_scalars_are_written_for_a_block_as_for_each_item(data: st.DataObject, form: str) -> None:
    before = st.sampled_from(["", "", "", "-", "o", "t", "tr", "x-", "/", "_", "1", "0", "1.", "é", "--a="])
    behind = st.sampled_from(["", "", "", "Mi", "k", "e", "ue", "f", "l", ".5", ".5.5", "e3", "-x", "é", "%"])
    between = st.sampled_from(["", "", ".", "-", "u", "e"])
    scalars = [f"{data.draw(before)}$ITEM.{data.draw(st.sampled_from('ab'))}"]
    scalars += [
        f"{data.draw(before)}${{ITEM.{name}}}{data.draw(behind)}"
        for name in data.draw(st.permutations("aab"))
    ]
    scalars.insert(2, data.draw(between))
    alike = {name: data.draw(st.sampled_from(ALIKE)) for name in "ab"}
    rows = data.draw(
        st.lists(st.fixed_dictionaries({**alike, "n": st.integers(0, 9)}), min_size=1, max_size=6)
    )

    def made() -> list[tuple[str, str]]:
        found = results(PLAIN % tuple(scalars), *rows, output=form)
        return [
            (str(each), "") if isinstance(each, ItemError) else (each.yaml(), each.json()) for each in found
        ]

    together = made()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled.CompiledTemplate, "_copy", lambda *_: None)
        assert made() == together


@given(
    st.lists(
        st.fixed_dictionaries(
            {"a%s": JSON_VALUES, 'b"': JSON_VALUES, "c": st.text() | st.sampled_from(VALUES)}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_rows_are_kept_in_their_annotation_as_json(rows: list[dict[str, Any]]) -> None:
    text = JOB.replace("$ITEM", "x").replace("job-x", "j-$INDEX")
    for row, each in zip(rows, results(text, *rows, output="yaml"), strict=True):
        assert isinstance(each, Manifest)
        kept = each.tree["metadata"]["annotations"]["expander/item"]
        assert kept == json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        assert yaml.safe_load(each.yaml()) == each.tree


def test_a_word_that_the_text_around_an_item_completes_is_quoted() -> None:
    rows = [{"a": start, "b": end, "n": 1} for start, end in (("tru", "ll"), ("fals", "ll"))]
    found = results(PLAIN % ("x", "${ITEM.a}e", "", "nu${ITEM.b}", "1Mi"), *rows, output="yaml")
    lines = [line for each in found for line in each.yaml().split("\n") if "note" in line or "image" in line]  # type: ignore[union-attr]
    assert [line.split(": ")[1] for line in lines] == ['"true"', '"null"', '"false"', '"null"']


@pytest.mark.parametrize("pattern", [None, "{item}-{index}.json"])
@pytest.mark.parametrize("source", ["1-9", "v.nul"])
def test_files_of_a_block_are_named_and_filled_as_those_of_its_items(
    source: str, pattern: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v.nul").write_text("".join(f"{value}\0" for value in VALUES))
    found: list[dict[str, bytes]] = []
    for each in (items(ItemSpec(sources=(source,))), iter([*items(ItemSpec(sources=(source,)))])):
        targets = Targets.of([f"jobs{len(found)}"], pattern, prune=False)
        request = BatchRequest(batch=TemplateFile.of(JOB, "t.yaml"), items=each, validate=False)
        write(request.expansion(lambda _: None, targets.rendered), targets)
        found.append({path.name: path.read_bytes() for path in Path(f"jobs{len(found)}").glob("[!.]*")})
    assert found[0] == found[1]
    assert len(found[0]) >= 9


def test_the_line_about_a_folder_counts_what_earlier_runs_have_left(tmp_path: Path) -> None:
    def summary(values: list[str], *, prune: bool = False) -> str:
        targets = Targets.of([str(tmp_path)], None, prune)
        listed = [Item(value, number, "items") for number, value in enumerate(values, 1)]
        request = BatchRequest(batch=TemplateFile.of(JOB, "t.yaml"), items=listed, validate=False)
        return write(request.expansion(lambda _: None, targets.rendered), targets).summary.partition("/: ")[2]

    assert summary(["a", "b", "c"]) == "3 created"
    assert summary(["a"]) == "1 unchanged, 2 left of earlier runs (--prune removes them)"
    assert summary(["a"], prune=True) == "1 unchanged, 2 removed"
    assert summary(["a"]) == "1 unchanged"


@pytest.mark.parametrize("spec", ["0-40000", "40000-0:7", "08-12", "-5-3", "list:3,1,2", "v.txt"])
def test_a_block_has_the_items_that_it_gives_one_by_one(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v.txt").write_text("a\n\n b\r\n \t\nc\n" * 9000 + "\u2003\nlast")
    source = parse_source(spec)
    each = list(source.read())
    blocks = list(items(ItemSpec(sources=(spec,))).blocks)  # type: ignore[attr-defined]
    assert [item for block in blocks for item in block] == each
    assert [block[place] for block in blocks for place in range(len(block))] == each
    assert [item for block in blocks for item in block[1:5]] == [
        item for block in blocks for item in [*block][1:5]
    ]
    assert [number for block in blocks for number in block.numbers] == [item.number for item in each]


def test_a_range_without_an_end_in_sight_starts_at_once() -> None:
    found = items(ItemSpec(sources=(f"1-{10**29}",)))
    assert [next(found).value for _ in range(3)] == [1, 2, 3]
