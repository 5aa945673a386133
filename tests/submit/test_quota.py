"""What a quota says."""

import json
from fractions import Fraction
from pathlib import Path

from expander.submit.quota_gate import Excess, parse_excess, room, summarize_quota

ONE = Excess("jobs", {"count/jobs.batch": Fraction(1)})


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
