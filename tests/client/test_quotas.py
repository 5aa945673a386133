"""Quotas and limit ranges as a cluster tells them."""

from typing import Any, cast

from expander.base.errors import ClusterError, StatusError
from expander.client.client import ApiClient
from expander.client.quotas import namespace_limits


class Answers:
    """Answers by path; an error is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        found = self.answers.get(path.rsplit("/", 1)[1], [])
        if isinstance(found, Exception):
            raise found
        return {"items": found}

    get_list = get


def asking(**answers: Any) -> ApiClient:
    return cast(ApiClient, Answers(**answers))


def test_both_kinds_and_the_namespace_are_read_with_one_request_each() -> None:
    source = Answers(resourcequotas=[{"kind": "ResourceQuota"}], limitranges=[])
    found = namespace_limits(cast(ApiClient, source), "batch")
    assert (len(found.quotas), found.ranges, found.unknown) == (1, (), "")
    assert sorted(source.asked) == [
        "/api/v1/namespaces/batch",
        "/api/v1/namespaces/batch/limitranges",
        "/api/v1/namespaces/batch/resourcequotas",
    ]


def test_no_right_to_read_and_no_answer_are_told_apart_and_nothing_is_raised() -> None:
    forbidden = namespace_limits(asking(resourcequotas=[], limitranges=StatusError(403, "forbidden")), "n")
    assert (forbidden.silent, forbidden.quotas) == (False, ())
    assert "cannot read limitranges of namespace n: forbidden" in forbidden.unknown
    silent = namespace_limits(asking(resourcequotas=ClusterError("does not answer")), "n")
    assert (silent.silent, silent.unknown) == (True, "does not answer")


def test_a_namespace_without_limits_that_does_not_exist_is_missing() -> None:
    absent = asking(resourcequotas=[], limitranges=[], n=StatusError(404, 'namespaces "n" not found'))
    assert namespace_limits(absent, "n").missing
    assert "kubectl create namespace n" in namespace_limits(absent, "n").unknown
    assert not namespace_limits(asking(resourcequotas=[], limitranges=[], n={}), "n").missing
