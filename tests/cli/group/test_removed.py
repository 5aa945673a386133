"""Jobs that a TTL has deleted: known from the journal of their submission, and never taken for pending."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cluster import cluster, jobs, template, until
from tests.cli.groups import follow, table
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster that has one Job of the group "load", and had two more; the journal is in the state folder."""
    folder = tmp_path_factory.mktemp("removed")
    with pytest.MonkeyPatch.context() as patch, cluster(folder) as server:
        patch.setenv("EXPANDER_STATE", str(folder / "state"))
        config = ("--kubeconfig", str(server.kubeconfig), "-q")
        gone = template(folder, suspend=False)
        assert run("submit", gone, "2", "10", "--ttl", "0s", *config).code == 0
        until(lambda: not jobs(server))
        assert run("submit", template(folder, file="kept.yaml"), "stays", *config).code == 0
        yield server


def test_they_stand_in_the_status_as_removed(served: Server) -> None:
    answer = follow(served, "status", "--group", "load")
    assert answer.code == 0
    assert table(answer.out, "GROUP")["load"][:3] == ["load", "3", "0"]
    states = [line.split()[:2] for line in answer.out.splitlines() if line.startswith("item-")]
    assert states[:3] == [["item-stays", "stays"], ["item-2", "Removed"], ["item-10", "Removed"]]
    assert "item-2 and 1 more: NotFound: no longer in the cluster (ttlSecondsAfterFinished" in answer.out


def test_a_list_of_objects_has_only_what_is_there_and_the_rest_is_said(served: Server) -> None:
    answer = follow(served, "status", "--group", "load", "-o", "json")
    assert [one["metadata"]["name"] for one in json.loads(answer.out)["items"]] == ["item-stays"]
    assert "warning: 2 Jobs no longer in the cluster" in answer.err
    assert "their results are unknown" in answer.err


def test_results_name_them_and_say_that_theirs_are_unknown(served: Server, tmp_path: Path) -> None:
    answer = follow(served, "results", "--group", "load", "-o", "json")
    assert answer.code == 0
    states = [(row["name"], row["state"]) for row in json.loads(answer.out)]
    assert states == [("item-stays", "Suspended"), ("item-2", "Removed"), ("item-10", "Removed")]
    assert "2 Jobs no longer in the cluster" in answer.err
    one = follow(served, "results", "--group", "load", "item-2", "-o", str(tmp_path / "out"))
    assert (one.code, "1 Job no longer in the cluster" in one.err) == (1, True)


def test_a_wait_tells_of_them_and_waits_for_the_others(served: Server) -> None:
    answer = follow(served, "wait", "--group", "load", "--timeout", "1s", "-o", "json")
    assert answer.code == 3
    assert [json.loads(line) for line in answer.out.splitlines()][-1]["summary"] == {"unfinished": 1}
    assert "warning: 2 Jobs no longer in the cluster" in answer.err


def test_a_retry_says_that_they_may_have_failed(served: Server) -> None:
    answer = follow(served, "retry", "--group", "load")
    assert answer.code == 0
    assert "2 Jobs no longer in the cluster" in answer.err
    assert "nothing to retry: 2 Removed, 1 Suspended" in answer.err
    named = follow(served, "retry", "--group", "load", "job/item-2", "--dry-run", "-o", "json")
    assert named.code == 1
    first, last = map(json.loads, named.out.splitlines())
    assert (first["name"], first["outcome"], first["reason"]) == ("item-2", "refused", "NotFound")
    assert last["summary"] == {"refused": 1}
    assert "submit it again to run it again" in named.err


def test_of_another_namespace_or_label_they_are_not_told(served: Server) -> None:
    assert "no Jobs of" in follow(served, "status", "--group", "load", "-l", "never=seen").err
    assert "no Jobs of" in follow(served, "status", "--group", "load", "-n", "kube-public").err


def test_a_group_of_which_nothing_is_left_is_known_until_it_is_cleaned_up(
    served: Server, tmp_path: Path
) -> None:
    def told(*arguments: str) -> Answer:
        return follow(served, *arguments, "--group", "over")

    file = template(tmp_path, suspend=False).replace("load", "over")
    config = ("--kubeconfig", str(served.kubeconfig), "-q")
    assert run("submit", file, "once", "--group", "over", "--ttl", "0s", *config).code == 0
    until(lambda: all(each["metadata"]["name"] != "item-once" for each in jobs(served)))
    assert "item-once" in told("status").out
    waited = told("wait", "-q")
    assert (waited.code, "1 Job: 0 complete, 0 failed, 1 removed" in waited.err) == (1, True)
    logs = told("logs")
    assert (logs.code, "hint: 1 Job of it removed (ttlSecondsAfterFinished" in logs.err) == (2, True)
    assert told("cleanup", "--yes").code == 0
    assert told("status").code == 2
