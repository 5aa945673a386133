"""The $ITEM language."""

import pytest

from expander.render.references import Reference, scan

ITEM, INDEX = Reference("$ITEM"), Reference("$INDEX", index=True)


@pytest.mark.parametrize(
    ("text", "columns", "segments"),
    [
        ("$ITEM", None, (ITEM,)),
        ("a-$ITEM-b", None, ("a-", ITEM, "-b")),
        ("${ITEM}s", None, (Reference("${ITEM}"), "s")),
        ("$ITEM.mp4", None, (ITEM, ".mp4")),
        ("$ITEM.mp4", ["name"], (ITEM, ".mp4")),
        ("$ITEM.name", ["name"], (Reference("$ITEM.name", "name"),)),
        ("$ITEM.name-x", ["name"], (Reference("$ITEM.name", "name"), "-x")),
        ("$ITEM.name-x", ["name-x"], (Reference("$ITEM.name-x", "name-x"),)),
        ("${ITEM.first name}", ["first name"], (Reference("${ITEM.first name}", "first name"),)),
        ("$INDEX:$ITEM", None, (INDEX, ":", ITEM)),
        ("${INDEX}0", None, (Reference("${INDEX}", index=True), "0")),
        ("$ITEM$ITEM", None, (ITEM, ITEM)),
        ("$$ITEM", None, ("$ITEM",)),
        ("$${ITEM.x} $$INDEX", None, ("${ITEM.x} $INDEX",)),
        ("$$$ITEM", None, ("$$ITEM",)),
        (
            "$JOB_COMPLETION_INDEX $(VAR) $$(VAR) ${items[0]} $$ $",
            None,
            ("$JOB_COMPLETION_INDEX $(VAR) $$(VAR) ${items[0]} $$ $",),
        ),
        ("$item ${item} $Item", None, ("$item ${item} $Item",)),
        ("", None, ()),
    ],
)
def test_a_text_is_taken_apart(text: str, columns: list[str] | None, segments: tuple[object, ...]) -> None:
    assert scan(text, columns).segments == segments


@pytest.mark.parametrize("text", ["$ITEMS", "$ITEM_ID", "${ITEMS}", "$INDEXES", "$ITEM2"])
def test_a_longer_name_is_left_alone_and_reported(text: str) -> None:
    found = scan(f"x {text} y")
    assert found.segments == (f"x {text} y",)
    assert found.longer == (text,)
