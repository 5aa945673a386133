"""What is put is there at once, survives when it was durable, and has a version for every change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ExpanderError
from expander.local.store import object_rows
from expander.local.store.database import open_database
from expander.local.store.encoding import PackedConnection
from expander.local.store.objects import ObjectStore

Opener = Callable[..., ObjectStore]


@pytest.fixture
def opened(connect: Callable[[], PackedConnection]) -> Opener:
    """Opens the same file anew, as after the end of the process that had it."""
    return lambda **options: ObjectStore(connect(), **options)


def config(name: str, uid: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", **more}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": name}}


def names(store: ObjectStore, namespace: str | None = None) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.of_kind("ConfigMap", namespace)]


def test_a_list_begins_anywhere(opened: Opener) -> None:
    store = opened()
    every = [("a", "x"), ("a", "y"), ("a-b", "w"), ("b", "x"), ("b", "z")]
    for place, name in every:
        store.put(config(name, f"{place}-{name}", namespace=place), new=True)
    for namespace in (None, "a", "a-b", "b", "c"):
        for after in [("", ""), ("0", "x"), *every, ("a", "xx"), ("b", "a"), ("d", "")]:
            found = [
                (obj["metadata"]["namespace"], obj["metadata"]["name"])
                for obj in store.of_kind("ConfigMap", namespace, after)
            ]
            assert found == [each for each in every if each > after and namespace in (None, each[0])]
            assert store.count("ConfigMap", namespace, after) == len(found)


def test_an_object_is_found_by_name_and_by_uid_before_and_after_a_commit(opened: Opener) -> None:
    store = opened()
    put = store.put(config("a"), new=True)
    assert store.get("ConfigMap", "default", "a") == put
    store.commit()
    assert store.get("ConfigMap", "default", "a") == store.by_uid("uid-a") == put
    assert store.get("ConfigMap", "other", "a") is None
    assert store.get("Secret", "default", "a") is None


def test_kinds_of_one_name_in_two_groups_do_not_share_names(opened: Opener) -> None:
    store = opened()
    versions = ["batch/v1", "batch.volcano.sh/v1alpha1"]
    for version in versions:
        metadata = {"name": "a", "namespace": "default", "uid": version}
        store.put({"apiVersion": version, "kind": "Job", "metadata": metadata, "spec": {}}, new=True)

    def named(store: ObjectStore, *versions: str) -> list[str]:
        found = (store.get("Job", "default", "a", version) for version in versions)
        return [each["metadata"]["uid"] for each in found if each is not None]

    assert named(store, *versions, "") == [*versions, "batch/v1"]
    store.commit()
    store = opened()
    assert named(store, *versions, "") == [*versions, "batch/v1"]
    assert [each["apiVersion"] for each in store.of_kind("Job")] == versions
    for job in store.of_kind("Job"):
        store.remove(job)
        break
    assert named(store, *versions, "") == versions[1:] * 2


def test_kinds_of_one_name_are_counted_apart_without_a_look_into_objects(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    for number in range(3):
        for api_version in ("batch/v1", "batch.volcano.sh/v1alpha1")[: 1 + (number == 0)]:
            metadata = {"name": f"j{number}", "namespace": "default", "uid": f"{api_version}{number}"}
            store.put({"apiVersion": api_version, "kind": "Job", "metadata": metadata, "spec": {}}, new=True)
    store.commit()
    monkeypatch.setattr(PackedConnection, "unpack", None)
    counts = [store.count("Job", "default", ("", ""), rival) for rival in ("", "batch.volcano.sh", None)]
    assert counts == [3, 1, 4]
    assert store.count("Job", None, ("default", "j0"), "") == 2


def test_every_change_has_a_higher_version_also_after_a_restart(opened: Opener) -> None:
    store = opened()
    first = store.put(config("a"), new=True)
    second = store.put({**first, "data": {}})
    store.remove(second)
    store.commit()
    third = opened().put(config("b"), new=True)
    versions = [int(each["metadata"]["resourceVersion"]) for each in (first, second, third)]
    assert versions == sorted(set(versions))
    assert versions[2] > int(second["metadata"]["resourceVersion"]) + 1


def test_what_was_not_committed_is_gone_after_a_restart(opened: Opener) -> None:
    store = opened()
    store.put(config("a"), new=True)
    store.commit()
    store.put(config("b"), new=True)
    store.flush()
    again = opened()
    assert names(again) == ["a"]


def test_an_object_that_is_put_does_not_change_the_one_given(opened: Opener) -> None:
    given = config("a")
    opened().put(given, new=True)
    assert "resourceVersion" not in given["metadata"]


def test_a_removed_object_is_not_found_and_its_name_is_free(opened: Opener) -> None:
    store = opened()
    store.put(config("a"), new=True)
    store.commit()
    store.remove(store.get("ConfigMap", "default", "a") or {})
    assert store.get("ConfigMap", "default", "a") is None
    assert store.by_uid("uid-a") is None
    assert names(store) == []
    store.put(config("a", "another"), new=True)
    store.commit()
    found = store.get("ConfigMap", "default", "a")
    assert found is not None
    assert found["metadata"]["uid"] == "another"


def test_a_list_shows_changes_that_are_not_committed_and_goes_by_namespace_and_name(opened: Opener) -> None:
    store = opened()
    for name, namespace in (("b", "x"), ("a", "x"), ("c", "default")):
        store.put(config(name, f"{namespace}/{name}", namespace=namespace), new=True)
    assert names(store) == ["c", "a", "b"]
    assert names(store, "x") == ["a", "b"]


def test_a_list_longer_than_a_page_is_whole(opened: Opener) -> None:
    store = opened()
    for number in range(1234):
        store.put(config(f"n{number:04}", namespace=f"s{number % 3}"), new=True)
    assert len(set(names(store))) == 1234
    assert len(names(store, "s1")) == 411


def test_a_change_that_is_not_durable_is_seen_while_the_object_is_held_and_lost_with_the_process(
    opened: Opener,
) -> None:
    store = opened()
    first = store.put(config("a"), new=True)
    store.hold("uid-a")
    store.commit()
    store.put({**first, "data": {"soft": "yes"}}, durable=False)
    store.commit()
    assert (store.by_uid("uid-a") or {})["data"] == {"soft": "yes"}
    assert next(store.of_kind("ConfigMap"))["data"] == {"soft": "yes"}
    assert (opened().by_uid("uid-a") or {})["data"] == {"key": "a"}


def test_a_change_that_may_wait_is_in_the_file_by_then_or_with_the_next(opened: Opener) -> None:
    store = opened()
    for name in ("a", "b", "c"):
        store.put(config(name), new=True)
        store.hold(f"uid-{name}")
    store.commit()
    for name in ("a", "b", "c"):
        store.put({**config(name), "data": {"late": "yes"}}, durable=False, by=5.0)
    store.put(config("b"))
    store.release("uid-c")
    store.write_due(4.9)
    store.commit()
    assert [obj["data"] for obj in opened().of_kind("ConfigMap")] == [
        {"key": "a"},
        {"key": "b"},
        {"late": "yes"},
    ]
    assert store.next_write() == 5.0
    store.write_due(5.0)
    store.commit()
    assert [obj["data"] for obj in opened().of_kind("ConfigMap")] == [
        {"late": "yes"},
        {"key": "b"},
        {"late": "yes"},
    ]


def test_a_new_object_that_may_wait_outlives_the_process_once_it_is_in_the_file(opened: Opener) -> None:
    store = opened()
    for name in ("due", "listed", "saved", "removed"):
        store.put(config(name), new=True, durable=False, by=5.0)
        store.hold(f"uid-{name}")
    store.remove(config("removed"))
    store.save("uid-saved")
    store.commit()
    assert names(opened()) == ["saved"]
    assert [store.is_durable(f"uid-{name}") for name in ("saved", "due", "listed")] == [True, False, False]
    store.write_due(5.0)
    store.commit()
    assert names(opened()) == ["due", "listed", "saved"]
    store.put(config("new"), new=True, durable=False, by=9.0)
    assert names(store) == ["due", "listed", "new", "saved"]
    assert store.count("ConfigMap", "default", ("", "")) == 4
    assert not store.is_durable("uid-new")
    store.commit()
    assert store.is_durable("uid-new")
    assert names(opened()) == ["due", "listed", "new", "saved"]


def test_an_object_that_is_released_is_read_from_the_file_again(opened: Opener) -> None:
    store = opened()
    put = store.put(config("a"), new=True)
    store.hold("uid-a")
    store.release("uid-a")
    assert store.by_uid("uid-a") == put
    store.commit()
    assert store.by_uid("uid-a") is put  # until something else is written
    store.put(config("b"), new=True)
    store.commit()
    assert store.by_uid("uid-a") == put
    assert store.by_uid("uid-a") is not put


def test_dependents_are_found_by_the_uid_of_their_owner(opened: Opener) -> None:
    store = opened()
    for name in ("z", "a"):
        store.put(config(name, ownerReferences=[{"uid": "job", "kind": "Job"}]), new=True)
    store.put(config("other"), new=True)
    assert [obj["metadata"]["name"] for obj in store.owned("job")] == ["z", "a"]


def test_a_note_stays_beside_its_object_and_goes_with_it(opened: Opener) -> None:
    store = opened()
    obj = store.put(config("a"), new=True)
    store.note("uid-a", {"backoff": [1, 2.5]})
    assert store.noted("uid-a") == {"backoff": [1, 2.5]}
    store.commit()
    again = opened()
    assert again.noted("uid-a") == {"backoff": [1, 2.5]}
    assert dict(again.notes()) == {"uid-a": {"backoff": [1, 2.5]}}
    again.remove(obj)
    assert again.noted("uid-a") is None
    again.commit()
    assert opened().noted("uid-a") is None


def test_an_empty_note_is_none(opened: Opener) -> None:
    store = opened()
    store.note("uid-a", {"x": 1})
    store.commit()
    store.note("uid-a", {})
    assert store.noted("uid-a") is None
    store.commit()
    assert dict(store.notes()) == {}


def test_the_last_changes_are_told_and_that_older_ones_are_not_kept(opened: Opener) -> None:
    store = opened(history=3)
    start = store.version
    first = store.put(config("a"), new=True)
    store.put({**first, "data": {}})
    store.remove(first)
    assert [change.type for change in store.since(start) or ()] == ["ADDED", "MODIFIED", "DELETED"]
    store.put(config("b"), new=True)
    assert store.since(start) is None
    assert [change.version for change in store.since(start + 1) or ()] == [start + 2, start + 3, start + 4]
    assert store.since(store.version) == []


def test_without_a_history_only_no_change_at_all_is_told(opened: Opener) -> None:
    store = opened()
    start = store.version
    assert store.since(start) == []
    store.put(config("a"), new=True)
    assert store.since(start) is None
    assert store.since(store.version) == []


def test_states_are_told_without_reading_objects(opened: Opener) -> None:
    store = opened()
    job = {"kind": "Job", "spec": {}, "metadata": {"name": "j", "namespace": "default", "uid": "j"}}
    store.put(job, new=True)
    assert list(store.states("Job")) == [("j", "pending")]


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("something else entirely, and long enough to be looked at" * 20)
    with pytest.raises(ExpanderError, match=r"state\.db cannot be read"):
        open_database(path)


def test_a_file_of_another_layout_is_refused(connect: Callable[[], PackedConnection], tmp_path: Path) -> None:
    connect().execute("PRAGMA user_version=99")
    with pytest.raises(ExpanderError, match="layout 99"):
        open_database(tmp_path / "state.db")


def test_a_list_that_is_remembered_is_that_of_now(opened: Opener) -> None:
    store = opened()

    def same(namespace: str | None) -> bool:
        return [*store.all_of("ConfigMap", namespace)] == [*store.of_kind("ConfigMap", namespace)]

    assert all(map(same, (None, "default")))
    first = store.put(config("a"), new=True)
    assert all(map(same, (None, "default")))
    store.put({**first, "data": {"other": "x"}})
    store.commit()
    assert all(map(same, (None, "default", "other")))
    store.put(config("b", namespace="other"), new=True)
    store.rollback()
    assert all(map(same, (None, "default", "other")))
    store.remove(first)
    assert all(map(same, (None, "default")))
    assert store.all_of("ConfigMap", "default") == ()


def job(name: str, status: dict[str, Any]) -> dict[str, Any]:
    return {**config(name), "apiVersion": "batch/v1", "kind": "Job", "spec": {}, "status": status}


def test_jobs_that_are_read_ahead_stay_in_memory_until_they_are_released_but_for_those_that_have_ended(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened()
    ended = {"conditions": [{"type": "Complete", "status": "True"}]}
    for name, status in (("a", {}), ("b", {}), ("ended", ended), ("gone", {})):
        first.put(job(name, status), new=True)
    first.commit()
    store = opened()
    gone = store.by_uid("uid-gone")
    assert gone is not None
    store.remove(gone)
    store.read_ahead(["uid-a", "uid-ended", "uid-b", "uid-gone", "uid-none"], 1)
    store.put(config("other"), new=True)
    store.commit()
    with monkeypatch.context() as patched:
        patched.setattr(object_rows, "identified", lambda database, uid: None)
        found = [store.by_uid(f"uid-{name}") for name in ("a", "b", "ended", "gone")]
        assert [each and each["metadata"]["name"] for each in found] == ["a", "b", None, None]
        store.release("uid-b")
        assert store.by_uid("uid-b") is None
    put = store.put({**job("a", {}), "data": {"changed": "yes"}})
    store.read_ahead(["uid-a", "uid-b"], 2)
    assert store.by_uid("uid-a") == put
