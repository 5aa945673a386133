"""Quotas and limit ranges as a cluster tells them."""

from typing import Any, cast

from expander.client.client import Asking, ClusterError, Refused
from expander.client.quotas import capacity_of


class Answers:
    """Answers by path; an error is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        found = self.answers[path.rsplit("/", 1)[1]]
        if isinstance(found, Exception):
            raise found
        return {"items": found}


def asking(**answers: Any) -> Asking:
    return cast(Asking, Answers(**answers))


def test_both_kinds_are_read_with_one_request_each() -> None:
    source = Answers(resourcequotas=[{"kind": "ResourceQuota"}], limitranges=[])
    found = capacity_of(cast(Asking, source), "batch")
    assert (len(found.quotas), found.ranges, found.unknown) == (1, (), "")
    assert source.asked == [
        "/api/v1/namespaces/batch/resourcequotas",
        "/api/v1/namespaces/batch/limitranges",
    ]


def test_no_right_to_read_and_no_answer_are_told_apart_and_nothing_is_raised() -> None:
    forbidden = capacity_of(asking(resourcequotas=[], limitranges=Refused(403, "forbidden")), "n")
    assert (forbidden.silent, forbidden.quotas) == (False, ())
    assert "limitranges of n cannot be read: forbidden" in forbidden.unknown
    silent = capacity_of(asking(resourcequotas=ClusterError("does not answer")), "n")
    assert (silent.silent, silent.unknown) == (True, "does not answer")
