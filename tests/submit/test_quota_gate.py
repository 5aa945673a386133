"""Items wait for quota."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import SourceLocation
from expander.client.client import Resource
from expander.manifests.manifest import Manifest
from expander.submit.delivery import QuotaExceeded
from expander.submit.dispatcher import Dispatcher
from expander.submit.options import SubmitOptions
from expander.submit.quota_gate import (
    PROBE_SECONDS,
    QUOTA_LAG_SECONDS,
    UNREADABLE_PROBE_SECONDS,
    Excess,
    QuotaGate,
    parse_excess,
    room,
    summarize_quota,
)
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request_builder import RequestBuilder

ONE = Excess("jobs", {"count/jobs.batch": Fraction(1)})
CPU = Excess("cores", {"cpu": Fraction(2)})


def quotas(used: int, hard: int = 10, **more: Any) -> dict[str, dict[str, Any]]:
    status = {"hard": {"count/jobs.batch": str(hard)}, "used": {"count/jobs.batch": str(used)}}
    return {"jobs": {"metadata": {"name": "jobs"}, "status": status}, **more}


A, B, *REST = (letter for letter in "abcdef")


def line(*items: str) -> QuotaGate[str]:
    """A gate with a place ``p`` that was closed at 0, in which ``items`` wait."""
    gate: QuotaGate[str] = QuotaGate()
    gate.refuse("p", ONE, 0.0)
    for item in items:
        gate.enqueue("p", item)
    return gate


def released(gate: QuotaGate[str], now: float) -> list[str]:
    found = []
    while (item := gate.release("p", now)) is not None:
        found.append(item)
    return found


def test_no_more_go_than_there_is_room_for() -> None:
    gate = line(A, B, *REST)
    assert released(gate, 1.0) == []
    gate.update_quota("p", quotas(used=8), 1.0, listed=True)
    assert released(gate, 1.0) == ["a", "b"]
    gate.update_quota("p", quotas(used=8), 2.0, listed=True)
    assert released(gate, 2.0) == [], "two are under way and may not be counted yet"


def test_news_that_comes_right_after_an_answer_may_not_count_it_yet() -> None:
    gate = line(A, B, *REST)
    gate.update_quota("p", quotas(used=8), 1.0, listed=False)
    assert released(gate, 1.0) == ["a", "b"]
    for item in (A, B):
        gate.release_done("p", item, 1.1, created=True)
    gate.update_quota("p", quotas(used=9), 1.2, listed=False)
    assert released(gate, 1.2) == [], "the one that is left was taken by the second"
    assert released(gate, 1.2 + QUOTA_LAG_SECONDS) == ["c"], (
        "no other news came in between, so it was counted"
    )


def test_what_became_no_object_takes_no_room() -> None:
    gate = line(A, B, *REST)
    gate.update_quota("p", quotas(used=9), 1.0, listed=True)
    assert released(gate, 1.0) == ["a"]
    gate.release_done("p", A, 1.1, created=False)
    assert released(gate, 1.1) == ["b"]


def test_every_quota_that_refused_must_have_room() -> None:
    gate = line(A, B, *REST)
    gate.refuse("p", CPU, 0.5)
    status = {"hard": {"cpu": "9"}, "used": {"cpu": "6"}}
    cores = {"metadata": {"name": "cores"}, "status": status}
    gate.update_quota("p", quotas(used=5, cores=cores), 1.0, listed=True)
    assert released(gate, 1.0) == ["a"]


def test_all_go_when_the_quota_is_gone() -> None:
    gate = line(A, B)
    gate.update_quota("p", {}, 1.0, listed=True)
    assert released(gate, 1.0) == ["a", "b"]


def test_a_refusal_is_doubted_until_quotas_are_read_after_it() -> None:
    gate = line(A)
    assert not gate.is_doubted("p", QUOTA_LAG_SECONDS / 2)
    assert gate.is_doubted("p", QUOTA_LAG_SECONDS)
    gate.update_quota("p", quotas(used=10), QUOTA_LAG_SECONDS, listed=False)
    assert gate.is_doubted("p", QUOTA_LAG_SECONDS), "it may be older than the refusal"
    gate.update_quota("p", quotas(used=10), QUOTA_LAG_SECONDS, listed=True)
    assert not gate.is_doubted("p", 2 * QUOTA_LAG_SECONDS)


def test_one_item_probes_now_and_then_without_room() -> None:
    gate = line(A, B)
    assert [gate.release("p", PROBE_SECONDS), gate.release("p", PROBE_SECONDS)] == ["a", None]
    gate.release_done("p", A, PROBE_SECONDS, created=False)
    assert [gate.release("p", PROBE_SECONDS + 1), gate.release("p", 2 * PROBE_SECONDS)] == [None, "b"]


def test_where_quotas_cannot_be_read_every_success_lets_two_more_go() -> None:
    gate = line(A, B, *REST)
    gate.mark_unreadable("p")
    assert released(gate, UNREADABLE_PROBE_SECONDS) == ["a"]
    gate.release_done("p", A, UNREADABLE_PROBE_SECONDS, created=True)
    assert released(gate, UNREADABLE_PROBE_SECONDS) == ["b", "c"]
    gate.release_done("p", B, UNREADABLE_PROBE_SECONDS, created=True)
    gate.refuse("p", ONE, UNREADABLE_PROBE_SECONDS)
    assert released(gate, UNREADABLE_PROBE_SECONDS) == []


def test_a_place_opens_when_its_line_is_through() -> None:
    gate = line(A)
    gate.update_quota("p", quotas(used=0), 1.0, listed=True)
    assert released(gate, 1.0) == ["a"]
    assert gate.is_closed("p"), "its answer may be another refusal"
    gate.release_done("p", A, 1.0, created=True)
    assert released(gate, 1.0) == []
    assert not gate.is_closed("p")


def test_a_place_stays_closed_without_items_until_there_is_room() -> None:
    gate = line()
    assert released(gate, 1.0) == []
    assert gate.is_closed("p"), "whoever was refused may still be on the way into the line"
    gate.update_quota("p", quotas(used=0), 1.0, listed=True)
    assert released(gate, 1.0) == []
    assert not gate.is_closed("p")


def test_items_held_too_long_are_taken_out() -> None:
    gate = line(A, B)
    held = {id(A): 1.0, id(B): 5.0}
    assert gate.expire(3.0, held) == ["a"]
    assert len(gate) == 1


def test_a_recorded_refusal_says_what_was_requested_of_which_quota(reference: Path) -> None:
    answers = json.loads((reference / "http-responses.json").read_text())
    assert parse_excess(json.loads(answers["quota-403"]["body"])["message"]) == ONE
    said = summarize_quota(json.loads(answers["quota-403"]["body"])["message"])
    assert said.startswith("quota jobs is full: count/jobs.batch ")
    assert parse_excess(json.loads(answers["rbac-forbidden-403"]["body"])["message"]) is None


def test_room_is_counted_in_whole_objects_by_the_scarcest_amount() -> None:
    excess = parse_excess(
        "exceeded quota: q, requested: cpu=500m,memory=1Gi, used: cpu=1,memory=0, limited: cpu=1,memory=9Gi"
    )
    assert excess is not None
    status = {"hard": {"cpu": "3", "memory": "3Gi"}, "used": {"cpu": "1", "memory": "512Mi"}}
    assert room(excess, {"metadata": {"name": "q"}, "status": status}) == 2
    assert room(excess, {"metadata": {"name": "q"}, "status": {"hard": {"pods": "3"}}}) is None


@pytest.mark.parametrize("resource", ["count/jobs.batch", "pods"])
@pytest.mark.parametrize("deletes", [False, True])
def test_who_waits_for_a_quota_of_jobs_hears_that_finished_jobs_count(resource: str, deletes: bool) -> None:
    dispatcher = Dispatcher(AdaptiveRateLimiter(4), SubmitOptions(delete_finished=deletes))
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}
    resource_of_jobs = Resource("/apis/batch/v1", "jobs", namespaced=True)
    dispatcher.add(RequestBuilder("ns").prepare(Manifest(job, SourceLocation("job")), resource_of_jobs))
    task = dispatcher.take(0.0)
    assert task is not None
    refusal = f"exceeded quota: q, requested: {resource}=1, used: {resource}=5, limited: {resource}=5"
    excess = parse_excess(refusal)
    assert excess is not None
    dispatcher.handle(task, QuotaExceeded(excess, refusal), None, 0.0, 0.0)
    assert dispatcher.why.startswith(f"quota q is full: {resource} 5 of 5")
    told = "finished Jobs count until they are deleted" in dispatcher.why
    assert told is (resource == "count/jobs.batch" and not deletes)
