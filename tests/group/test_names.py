"""Items by name, their order, and their times."""

from expander.group.names import ItemNames, NameSelection, job_order
from expander.group.records import records
from expander.group.table import numbered, record_row, sorted_by
from expander.kube.generated_names import created_at, new_uid
from expander.kube.time import api_time, micro_time, precise_time, unix
from expander.manifests.rerun import SUBMITTED_ANNOTATION, items_text, rerun
from tests.group.fakes import BEGIN, FakeReader, job, pod


def test_names_and_globs_are_matched_and_those_that_match_nothing_are_told() -> None:
    names = NameSelection(["a", "frame-1*", "[odd]", "none"])
    group = [ItemNames((key,)) for key in ("a", "b", "o", "frame-1", "frame-12", "frame-2", "[odd]")]
    names.decide(group)
    assert [each.keys[0] for each in group if names.matches(each)] == ["a", "frame-1", "frame-12", "[odd]"]
    assert names.unknown == ["none"]


def test_a_name_means_a_key_before_a_job_before_an_index_before_a_glob() -> None:
    group = [
        ItemNames.of("frame-*", "frame-*", "j-1"),
        ItemNames.of("frame-1", "frame-1", "j-2"),
        ItemNames.of("j-1", "j-1", "j-3"),
        ItemNames.of("x", "x", "w", 0),
        ItemNames.of("w/0", "w/0", "j-4"),
        ItemNames.of("job/j-2", "job/j-2", "j-5"),
    ]

    def meant(wanted: str) -> list[int]:
        names = NameSelection([wanted])
        names.decide(group)
        found = [number for number, each in enumerate(group) if names.matches(each)]
        assert names.unknown == []
        return found

    assert [meant(name) for name in ("frame-*", "j-1", "j-2", "w/0", "x/0", "job/j-2", "job/j-3")] == [
        [0],
        [2],
        [1],
        [4],
        [3],
        [5],
        [2],
    ]
    assert meant("frame-?") == [0, 1]
    assert meant("*") == [0, 1, 2, 3, 4, 5]


def test_a_name_that_has_matched_keeps_its_meaning_when_the_group_grows() -> None:
    names = NameSelection(["a*"])
    names.decide([ItemNames(("ab",))])
    assert names.matches(ItemNames(("ab",)))
    names.decide([ItemNames(("a*",))])
    assert names.matches(ItemNames(("a*",)))
    assert names.matches(ItemNames(("ac",)))


def test_jobs_come_in_the_order_they_were_created_and_a_retry_keeps_its_place() -> None:
    jobs = [job("z", template={"spec": {}}), job("item-10"), job("item-9")]
    jobs[0]["metadata"]["creationTimestamp"] = api_time(BEGIN - 5)
    found = sorted(jobs, key=job_order)
    assert [each["metadata"]["name"] for each in found] == ["z", "item-9", "item-10"]
    again = job("z")
    again["metadata"] |= rerun(jobs[0])["metadata"] | {"creationTimestamp": api_time(BEGIN + 99)}
    assert job_order(again) == job_order(jobs[0])
    assert [row["index"] for row in numbered(map(record_row, records(FakeReader(jobs, []))))] == [0, 1, 2]
    by_name = sorted_by(numbered(map(record_row, records(FakeReader(jobs, [])))), "name")
    assert [(row["name"], row["index"]) for row in by_name] == [("item-9", 1), ("item-10", 2), ("z", 0)]


def test_jobs_come_in_the_order_their_items_were_submitted_whichever_arrived_first() -> None:
    jobs = [job(name) for name in ("a", "b", "c")]
    for place, (each, arrived) in enumerate(zip(jobs, (2, 1, 0), strict=True)):
        note = {SUBMITTED_ANNOTATION: micro_time(BEGIN + (place - 9) / 1000)}
        each["metadata"] |= {"creationTimestamp": api_time(BEGIN + arrived), "annotations": note}
    arrived_last_first = jobs[::-1]
    assert sorted(arrived_last_first, key=job_order) == jobs
    rows = numbered(map(record_row, records(FakeReader(arrived_last_first, []))))
    assert [row["name"] for row in rows] == ["a", "b", "c"]


def test_uids_are_made_in_order_and_tell_when() -> None:
    uids = [new_uid() for _ in range(200)]
    found = [
        created_at({"uid": uid, "creationTimestamp": api_time(int(uid[:8] + uid[9:13], 16) / 1000)})
        for uid in uids
    ]
    assert None not in found
    assert found == sorted(found)  # type: ignore[type-var]
    begun = api_time(int(uids[0][:8] + uids[0][9:13], 16) / 1000 - 3)
    assert created_at({"uid": uids[0], "creationTimestamp": begun}) == found[0]
    assert created_at({"uid": uids[0], "creationTimestamp": "2020-01-01T00:00:00Z"}) == unix(
        "2020-01-01T00:00:00Z"
    )


def test_times_have_milliseconds_where_they_are_known() -> None:
    assert precise_time(BEGIN) == api_time(BEGIN)
    assert precise_time(BEGIN + 0.25).endswith(".250Z")
    assert abs(unix(precise_time(1795961073.936)) - 1795961073.936) < 0.001
    assert micro_time(BEGIN).endswith(".000000Z")


def test_an_item_begins_with_its_first_container_and_not_with_its_job() -> None:
    done = job("a")
    own = pod(done, number=3)
    own["status"]["containerStatuses"][0]["state"]["terminated"] |= {
        "startedAt": precise_time(BEGIN + 3.25),
        "finishedAt": precise_time(BEGIN + 3.5),
    }
    (record,) = records(FakeReader([done], [own]))
    assert (record.started, record.seconds) == (BEGIN + 3.25, 0.25)


def test_the_items_of_an_indexed_job_have_keys_and_other_indexes_the_name_of_the_job() -> None:
    part = job("w", completionMode="Indexed", completions=2)
    part["status"]["completedIndexes"] = "0-1"
    assert [one.label for one in records(FakeReader([part], []))] == ["w/0", "w/1"]
    part["metadata"]["annotations"] = {
        "expander/item": "2 items",
        "expander/item-count": "2",
        "expander/items": items_text([{"w": 1, "n": "a"}, {"w": 1, "n": "b"}]),
        "expander/key": "n",
    }
    found = list(records(FakeReader([part], [])))
    assert [one.label for one in found] == ["a", "b"]
    assert found[1].names == (
        ("b", '{"w":1,"n":"b"}'),
        ItemNames.of("", "", "w").jobs,
        ("b/1", '{"w":1,"n":"b"}/1', "w/1"),
    )
