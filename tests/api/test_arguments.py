"""Arguments that cannot be used: one error that names them, and nothing is left behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas  # type: ignore[import-untyped]
import pytest

import expander
from expander import UsageError
from tests.api.batches import TEMPLATE, ran, template


def test_a_run_that_could_not_begin_gives_the_state_folder_back(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match=r"the command of the image busybox: .*: No closing quotation"):
            ran(tmp_path, ["good"], image_commands={"busybox": "echo 'a"})
    assert ran(tmp_path, ["good"], image_commands={"busybox": "echo a"}).counts["succeeded"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": ["a=b"]}, "labels: found ['a=b'], expected a mapping"),
        ({"overrides": 3}, "overrides: found 3, expected a mapping"),
        (
            {"memory": 8},
            "memory: found 8, expected a whole number of bytes from 1048576\n  hint: 8 GiB are 8 << 30",
        ),
        ({"env": ["A=b"]}, "env: found ['A=b'], expected a mapping"),
        ({"images": ["app"]}, "images: found ['app'], expected a mapping"),
        ({"group": 5}, "group: found 5, expected text"),
        ({"version": 1.33}, "version: found 1.33, expected text"),
        ({"shape": 3}, "shape: found 3, expected text"),
        ({"on_output": 3}, "on_output: found 3, expected a function"),
    ],
)
def test_an_argument_of_another_kind_is_refused_by_name(tmp_path: Path, options: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ran(tmp_path, ["good"], **options)
    assert str(caught.value) == words
    assert not [*tmp_path.iterdir()]


def test_the_text_of_a_template_is_not_taken_for_its_path() -> None:
    with pytest.raises(UsageError, match=r"expected a path\n  hint: use expander\.TemplateFile\.of"):
        next(expander.expand(TEMPLATE, ["a"]))


def test_a_request_takes_any_items_and_can_be_used_again(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    for items in (["a", "b"], tmp_path / "words.txt"):
        request = expander.BatchRequest(batch=template(TEMPLATE), items=items)  # type: ignore[arg-type]
        for _ in range(2):
            assert [manifest.name for manifest in expander.expand(request)] == ["w-a", "w-b"]


def test_a_named_index_of_a_data_frame_is_warned_of_since_it_is_no_column() -> None:
    text = TEMPLATE.replace("value: $ITEM", "value: x").replace("$ITEM", "${ITEM.city}")
    frame = pandas.DataFrame({"city": ["a"], "n": [1]})
    assert next(expander.expand(template(text), frame)).name == "w-a"
    with pytest.warns(UserWarning, match=r"the index 'city' .* is no column: reset_index\(\)") as told:
        found = next(expander.expand(template(text.replace("city", "n")), frame.set_index("city")))
    assert found.name == "w-1"
    assert told[0].filename == __file__


def test_one_name_may_stand_for_a_list_and_an_item_is_asked_for_by_its_key(tmp_path: Path) -> None:
    batch = ran(tmp_path, [1, "good"])
    assert (
        [line.text for line in batch.logs(wrong([1]))] == [line.text for line in batch.logs("1")] == ["got 1"]
    )
    assert [one.output for one in batch.results("good", column="output")] == ["got good\n"]
    with pytest.raises(UsageError, match=r"items: found .*\n  hint: key of a result or status"):
        batch.results(wrong([{"item": "good"}]))


def test_a_time_to_live_that_is_no_number_is_told_as_the_argument() -> None:
    with pytest.raises(UsageError, match="ttl: found '1h', expected a whole number of seconds"):
        list(expander.expand(expander.TemplateFile.of(TEMPLATE, "t"), ["a"], ttl=wrong("1h")))


def test_numbers_and_orders_of_calls_that_follow_are_checked(tmp_path: Path) -> None:
    batch = expander.group("words", state=tmp_path)
    calls: dict[str, Callable[[], object]] = {
        "timeout: found '1s', expected seconds, 0 or more": lambda: batch.wait(timeout=wrong("1s")),
        "timeout: found -1, expected seconds, 0 or more": lambda: batch.wait(timeout=-1),
        "tail: found -1, expected a whole number from 0": lambda: next(batch.logs(tail=-1)),
        "sort_by: 'x' is not one of input, name": lambda: batch.status(sort_by=wrong("x")),
    }
    for words, call in calls.items():
        with pytest.raises(UsageError, match=re.escape(words)):
            call()
    unknown: dict[str, Callable[..., object]] = {
        "status": batch.status,
        "results": batch.results,
        "wait": batch.wait,
        "resume": batch.resume,
        "group": partial(expander.group, "words"),
    }
    for name, call in unknown.items():
        words = f"expander.{name}() got an unexpected keyword argument 'colour'"
        with pytest.raises(TypeError, match=re.escape(words)):
            call(colour=1)


def wrong(value: Any) -> Any:
    """What a type checker would refuse."""
    return value


def test_a_complete_item_that_has_changed_is_kept_with_a_warning_at_the_line_of_the_call(
    tmp_path: Path,
) -> None:
    text = TEMPLATE.replace("$ITEM", "${ITEM.item}").replace("value: ${ITEM.item}", "value: '${ITEM.size}'")
    ran(tmp_path, [{"item": "a", "size": 1}], text)
    with pytest.warns(
        UserWarning, match="1 complete Job kept although changed; rerun='changed' runs it again"
    ) as caught:
        ran(tmp_path, [{"item": "a", "size": 2}], text)
    assert caught[0].filename == ran.__code__.co_filename


@pytest.mark.parametrize("name", ["max_active", "qps", "max_in_flight", "retry_budget"])
def test_a_text_is_no_number_for_a_submission(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: found '5', expected a number"):
        expander.submit(template(), ["a"], dry_run="client", **wrong({name: "5"}))
