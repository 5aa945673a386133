"""Every shape's containers get exactly the command line and the environment that ``--as jobs`` gives them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.render.template_file import TemplateFile
from tests.shapes.batch import made, seen, template
from tests.shapes.hostile import HOSTILE

EXAMPLES = int(os.environ.get("EXPANDER_SHAPE_EXAMPLES", "4"))

TEXT = st.text(
    st.one_of(
        st.sampled_from("'\"\\$`\n\t (){}[]*?;&|<>#=-~!%"),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=20,
) | st.sampled_from(HOSTILE)


def words() -> st.SearchStrategy[str]:
    """Arguments with the item in them, references to variables and other things with a dollar."""
    part = st.sampled_from(
        [
            "$ITEM",
            "$INDEX",
            "$(FIRST)",
            "$(LAST)",
            "$$(FIRST)",
            "$$",
            "$(NONE)",
            "'",
            '"',
            "`",
            "-",
            "x ",
            "\n",
        ]
    )
    return st.lists(part, max_size=4).map("".join)


@st.composite
def templates(draw: st.DrawFn) -> TemplateFile:
    """Templates with the item anywhere in arguments and variables."""
    names = ["FIRST", "SECOND", "my.var", "IFS", "PWD", "LAST"]
    env = {name: draw(words()) for name in names if draw(st.booleans())}
    return template(draw(st.lists(words(), max_size=3)), env, name="show-$INDEX")


def check(file: TemplateFile, items: Sequence[Any], shapes: Sequence[str], runtime: str = "process") -> None:
    """Each of ``shapes`` shows the same as a Job of each item."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = seen(made(file, items, "jobs"), Path(folder, "jobs"), runtime)
        assert wanted.total() == len(items)
        for shape in shapes:
            assert seen(made(file, items, shape), Path(folder, shape), runtime) == wanted, shape


@settings(max_examples=EXAMPLES, database=None)
@given(file=templates(), items=st.lists(TEXT, min_size=1, max_size=6))
def test_any_item_in_any_place_arrives_the_same_in_every_shape(file: TemplateFile, items: list[str]) -> None:
    check(file, items, ("indexed", "chunks=4"))


@pytest.mark.parametrize("runtime", ["process", "sandbox"])
def test_hostile_items_arrive_the_same_in_every_shape(runtime: str) -> None:
    env = {
        "FIRST": "<$ITEM>",
        "my.var": "$(FIRST)!",
        "IFS": "$ITEM",
        "PWD": "$(IFS)",
        "CONST": "$$(FIRST)$(FIRST)",
    }
    args = ["$ITEM", "a$(FIRST)b", "$(CONST)", "$$ITEM", "$(my.var)", "'$ITEM'"]
    check(template(args, env, name="show-$INDEX"), HOSTILE, ("indexed", "chunks=7"), runtime)


def test_a_container_gets_each_item_byte_for_byte_in_every_shape(tmp_path: Path) -> None:
    items = [*HOSTILE, "$(SECRET)", "a$$b", "$", "$$", "(SECRET)", "$$(SECRET)$"]
    env = {"SECRET": "s", "OWN": "$ITEM", "BOTH": "$(SECRET)$ITEM$(SECRET)"}
    file = template(["$ITEM", "$(SECRET)$ITEM", "$ITEM$(SECRET)"], env, name="show-$INDEX")
    for shape in ("jobs", "indexed", "chunks=7"):
        shown = [json.loads(line) for line in seen(made(file, items, shape), tmp_path / shape)]
        found = sorted((each["argv"], each["env"]["OWN"], each["env"]["BOTH"]) for each in shown)
        assert found == sorted(([i, f"s{i}", f"{i}s"], i, f"s{i}s") for i in items), shape
