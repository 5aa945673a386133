"""The items that the page shows: what a reader puts together is what there is."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expander.group.records import ItemRecord, records
from expander.group.report_data import script_data, summarize
from expander.manifests.rerun import INDEX
from expander.ui.live_items import Cursor, LiveItems, key_of
from tests.group.fakes import BEGIN, FakeReader, job, pod

STATES = ("Complete", "Failed", "Active", "Pending")


class Reader:
    """What the page's script keeps of the messages."""

    def __init__(self, items: LiveItems) -> None:
        self._items = items
        self._cursor = Cursor()
        self.data: dict[str, Any] = {}

    def look(self, now: float) -> None:
        message = self._items.news(self._cursor, now)
        if message is None:
            return
        message = json.loads(message)
        if "snapshot" in message:
            self.data = message["snapshot"]
            return
        self.data["texts"] += message["texts"]
        for number, item in message["items"]:
            if number == len(self.data["items"]):
                self.data["items"].append(item)
            else:
                self.data["items"][number] = item

    @property
    def shown(self) -> list[list[Any]]:
        """The items in the order of their labels, with their texts in place of numbers."""
        return texts_of(self.data)


def texts_of(data: dict[str, Any]) -> list[list[Any]]:
    """The items of a page's data without what depends on its begin or the order of its texts."""
    found = []
    for item in data["items"]:
        if item is not None:
            reason, message, node = (data["texts"][item[place]] for place in (3, 4, 9))
            times = [None if at is None else at + data["begin"] for at in item[6:9]]
            found.append([item[0], item[1], item[2], reason, message, item[5], times, node, item[13]])
    return sorted(found)


def record_of(name: str, state: str, item: str) -> ItemRecord:
    one = job(name, state, item=item)
    return next(records(FakeReader([one], [pod(one, {"Complete": 0, "Failed": 3}.get(state))])))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "gone", "reset", "look"]),
        st.sampled_from("abc"),
        st.sampled_from(STATES),
        st.sampled_from(["x", '{"lens":"35"}', '{"lens":"50","scene":"end"}']),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_what_a_reader_puts_together_is_what_a_report_would_hold(
    steps: list[tuple[str, str, str, str]],
) -> None:
    items, there, now = LiveItems(), dict[str, ItemRecord](), BEGIN + 50
    items.reset([], now)
    early, late = Reader(items), Reader(items)
    for step, name, state, item in steps:
        if step == "put":
            there[name] = record_of(name, state, item)
            items.put([there[name]], (), now)
        elif step == "gone" and name in there:
            items.put((), [key_of(there.pop(name))], now)
        elif step == "reset":
            items.reset(there.values(), now)
        else:
            early.look(now)
    early.look(now)
    late.look(now)
    wanted = texts_of(script_data(summarize(there.values(), now)))
    for reader in (early, late):
        assert [item[:-1] for item in reader.shown] == [item[:-1] for item in wanted]
        columns = reader.data["columns"]  # those of items that are gone may be there still
        own = [dict(zip(columns, item[-1], strict=True)) for item in reader.shown]
        assert [{name: value for name, value in each.items() if value} for each in own] == [
            dict(there[name].columns) for name in sorted(there, key=lambda name: there[name].label)
        ]


def test_what_has_not_changed_is_not_told_again() -> None:
    items, reader = LiveItems(), Cursor()
    first, second = record_of("a", "Active", "x"), record_of("b", "Active", "y")
    items.reset([first, second], BEGIN + 50)
    assert items.news(reader, BEGIN + 50) is not None
    assert not items.put([first], (), BEGIN + 50)
    assert items.news(reader, BEGIN + 50) is None
    assert items.put([record_of("b", "Complete", "y")], (), BEGIN + 51)
    told = items.news(reader, BEGIN + 51)
    assert told is not None
    assert [number for number, _ in json.loads(told)["items"]] == [1]


def test_an_item_whose_job_was_made_again_under_its_name_stays() -> None:
    items = LiveItems()
    items.reset([record_of("a", "Failed", "a")], BEGIN)
    reader = Reader(items)
    reader.look(BEGIN)
    again = record_of("a", "Complete", "a")
    assert items.put([again], [key_of(again)], BEGIN)
    reader.look(BEGIN)
    assert [shown[1:4] for shown in reader.shown] == [["a", 0, ""]]


def test_an_index_that_gets_a_job_of_its_own_stays_one_item() -> None:
    frames = job("frames", "Failed", completionMode="Indexed", completions=2)
    frames["metadata"]["annotations"] = {"expander/item-count": "2", "expander/items": '["a","b"]'}
    frames["status"] |= {"completedIndexes": "0", "failedIndexes": "1"}
    pods = [pod(frames, 0, index=0), pod(frames, 3, index=1)]
    items = LiveItems()
    items.reset(records(FakeReader([frames], pods)), BEGIN)
    frames["metadata"]["annotations"]["expander/retried-indexes"] = "1"
    own = job("frames-1", item="b", template={"metadata": {"labels": {INDEX: "1"}}})
    own["metadata"]["annotations"] |= {"expander/retry-of": "frames", "expander/attempt": "2"}
    items.put(records(FakeReader([frames, own], [*pods, pod(own, 0)])), (), BEGIN)
    shown = [record for _, record in items.shown()[1]]
    assert sorted((one.label, one.state, len(one.attempts)) for one in shown) == [
        ("a", "Complete", 1),
        ("b", "Complete", 2),
    ]
