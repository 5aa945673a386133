"""A group on a cluster: what is read and told of it, over HTTP."""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import StatusError
from expander.client.transport import Transport
from expander.group.cluster.source import ClusterSource
from expander.group.cluster.watch import GroupLister
from expander.group.source import LogOptions
from expander.group.wait import SUCCEEDED_JOB, Waiter, WaitGoal
from expander.kube.objects import Change, Object, Selection
from expander.kube.workloads import JOB, pod_selectors
from tests.cli.cluster import PATIENCE, cluster, until
from tests.cli.groups import create, job
from tests.client.stubs import Response, Stub, stub
from tests.group.local.test_source import names
from tests.local.apiserver.serving import Server
from tests.submit.fake_cluster import JOBS, FakeCluster, encoded, kubeconfig, status

DEFAULT = "/apis/batch/v1/namespaces/default"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cluster(tmp_path_factory.mktemp("source"), "--backoff-base", "50ms") as server:
        yield server


Sources = Callable[[Server, str], ClusterSource]


@pytest.fixture
def source() -> Iterator[Sources]:
    """Makes sources of the Jobs that a selector means."""
    made: list[ClusterSource] = []

    def make(server: Server, selector: str) -> ClusterSource:
        made.append(ClusterSource(Transport(str(server.kubeconfig)), Selection("default", selector)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def is_over(server: Server, name: str, count: int = 1) -> bool:
    status = server.request("GET", f"{DEFAULT}/jobs/{name}").json["status"]
    return bool(status.get("succeeded", 0) + status.get("failed", 0) >= count)


class Told:
    """What a source tells while it is followed, and the state that follows from it."""

    def __init__(self, reader: ClusterSource) -> None:
        self.there: dict[str, Object] = {}
        self.changes: list[Change] = []
        self.listed = 0
        self._over = False
        self._reader = reader
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        for change in self._reader.changes(lambda: self._over):
            if change is None:
                self.listed += 1
                continue
            self.changes.append(change)
            metadata = change.object["metadata"]
            key = f"{change.object['kind']}/{metadata['name']}"
            if change.type == "DELETED":
                self.there.pop(key, None)
            else:
                self.there[key] = change.object

    def pods(self, owner: str) -> list[Object]:
        there = list(self.there.items())
        return [each for key, each in there if key.startswith(f"Pod/{owner}-")]

    def end(self) -> None:
        self._over = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def test_lists_come_in_portions_and_are_whole(served: Server, source: Sources) -> None:
    create(served, *(job(f"many-{number}", group="many", suspend=True) for number in range(7)))
    whole = source(served, "jobgroup=many")
    assert names(whole.jobs()) == [f"many-{number}" for number in range(7)]
    small = GroupLister(whole.client, whole.selection, page=3)
    assert names(small.objects(JOB.row, "jobgroup=many")) == names(whole.jobs())
    first = next(whole.jobs())
    assert (first["apiVersion"], first["kind"]) == ("batch/v1", "Job")


@pytest.mark.parametrize("kinds", [("jobs", "cronjobs", "apis"), ("jobs", "apis")])
def test_lists_that_do_not_need_each_other_are_asked_for_at_once(
    tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    """A server that answers each request late would be waited for that many times."""
    together = threading.Barrier(len(kinds), timeout=PATIENCE)
    empty = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}

    def answer(_: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        kind = path.partition("?")[0].rpartition("/")[2]
        if kind in kinds:
            together.wait()  # fails when one is only asked for after the answer to another
        groups = {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        return 200, encoded(groups if kind == "apis" else empty)

    with stub(answer) as server:
        reader = ClusterSource(Transport(kubeconfig(tmp_path, server.port)), Selection("default", "a=b"))
        listed = reader.jobs() if "cronjobs" in kinds else reader.lister.selected()
        assert list(listed) == []
        reader.close()


def test_pods_belong_to_a_group_by_their_owner_with_and_without_its_labels(
    served: Server, source: Sources
) -> None:
    create(served, job("with", group="owned"), job("without", group="owned", labelled_pods=False))
    stranger = job("stranger", group="others")
    stranger["spec"]["template"]["metadata"] = {"labels": {"jobgroup": "owned"}}
    create(served, stranger)
    until(lambda: all(is_over(served, name) for name in ("with", "without", "stranger")))
    reader = source(served, "jobgroup=owned")
    jobs = list(reader.jobs())
    assert names(iter(jobs)) == ["with", "without"]
    assert [name.rpartition("-")[0] for name in sorted(names(reader.pods()))] == ["with", "without"]
    assert [name.rpartition("-")[0] for name in names(reader.pods([jobs[1]]))] == ["without"]


def test_jobs_of_a_cronjob_belong_to_its_group_also_without_labels(served: Server, source: Sources) -> None:
    cron: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "CronJob"}
    cron["metadata"] = {"name": "nightly", "labels": {"jobgroup": "crons"}}
    bare = job("x", group=None)
    cron["spec"] = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": bare["spec"]}}
    made = served.request("POST", f"{DEFAULT}/cronjobs", cron)
    assert made.code == 201
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "controller": True}
    owner["uid"] = made.json["metadata"]["uid"]
    bare["metadata"] = {"name": "nightly-1", "ownerReferences": [owner]}
    create(served, bare, job("other", group=None))
    reader = source(served, "jobgroup=crons")
    assert names(reader.jobs()) == ["nightly-1"]
    told = Told(reader)
    until(lambda: told.listed > 0)
    told.end()
    assert [key for key in told.there if key.startswith("Job/")] == ["Job/nightly-1"]


def test_changes_tell_what_is_there_what_comes_and_what_goes(served: Server, source: Sources) -> None:
    create(served, job("early", group="told"))
    told = Told(source(served, "jobgroup=told"))
    until(lambda: told.listed > 0)
    assert "Job/early" in told.there
    create(served, job("late", group="told"), job("bare", group="told", labelled_pods=False))
    for name in ("late", "bare"):
        until(lambda name=name: [each["status"]["phase"] for each in told.pods(name)] == ["Succeeded"])  # type: ignore[misc]
    assert served.request("DELETE", f"{DEFAULT}/jobs/early?propagationPolicy=Background").code == 200
    until(lambda: "Job/early" not in told.there and not told.pods("early"))
    told.end()
    assert {change.object["metadata"].get("labels", {}).get("jobgroup") for change in told.changes} <= {
        "told",
        None,
    }


def test_after_a_restart_of_the_server_what_went_meanwhile_is_told_as_deleted(
    source: Sources, tmp_path: Path
) -> None:
    with cluster(tmp_path) as server:
        create(server, job("stays", suspend=True), job("goes", suspend=True))
        told = Told(source(server, "jobgroup=g"))
        until(lambda: told.listed > 0)
        server.stop(signal.SIGTERM)
        server.start()
        assert server.request("DELETE", f"{DEFAULT}/jobs/goes").code == 200
        create(server, job("comes", suspend=True))
        until(lambda: set(told.there) == {"Job/stays", "Job/comes"})
        told.end()


def ended_job(name: str) -> dict[str, Any]:
    conditions = [{"type": "Complete", "status": "True"}]
    return {
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "labels": {"jobgroup": "g"},
            "resourceVersion": "1",
        },
        "spec": {"template": {"spec": {"containers": [{"name": "c"}]}}},
        "status": {"conditions": conditions},
    }


@contextmanager
def watches_refused(folder: Path, code: int, reason: str) -> Iterator[tuple[ClusterSource, Stub]]:
    """A group of a server that lists, but refuses watches."""
    jobs = FakeCluster()

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        return status(code, reason) if "watch=" in path else jobs(method, path, headers, body)

    with stub(respond) as server:
        reader = ClusterSource(Transport(kubeconfig(folder, server.port)), Selection("default", "jobgroup=g"))
        yield reader, server
        reader.close()


def test_a_watch_that_no_seat_was_free_for_goes_on_without_a_list(tmp_path: Path) -> None:
    with watches_refused(tmp_path, 429, "TooManyRequests") as (reader, server):
        told = Told(reader)
        until(lambda: sum("jobs?watch=" in path for _, path, _ in server.asked) >= 3)
        told.end()
    assert sum("/jobs?" in path and "watch=" not in path for _, path, _ in server.asked) == 1


def test_who_may_list_jobs_but_not_watch_them_is_told(tmp_path: Path) -> None:
    told = pytest.raises(StatusError, match=r"does not allow to watch /.*/default/(jobs|pods)$")
    with watches_refused(tmp_path, 403, "Forbidden") as (reader, _), told:
        list(reader.changes(lambda: False))


VOLCANO_JOBS = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs"


@pytest.mark.parametrize("code", [410, 500, 504])
def test_another_kind_that_lists_again_and_again_does_not_stand_for_the_list_of_jobs(
    tmp_path: Path, code: int
) -> None:
    jobs, again = FakeCluster(), threading.Event()
    for name in ("a", "b"):
        jobs("POST", JOBS, {}, encoded(ended_job(name)))
    watched = itertools.count(1)

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if path == "/apis":
            return 200, encoded({"groups": [{"name": "batch"}, {"name": "batch.volcano.sh"}]})
        if path.startswith(VOLCANO_JOBS) and "watch=" in path:
            if next(watched) > 3:
                again.set()
            return status(code, "Expired")
        if path.startswith(f"{JOBS}?") and "watch=" not in path:
            assert again.wait(PATIENCE)
        return jobs(method, path, headers, body)

    with stub(respond) as server:
        reader = ClusterSource(
            Transport(kubeconfig(tmp_path, server.port)), Selection("default", "jobgroup=g")
        )
        waiter = Waiter(reader, WaitGoal(), 0, None, lambda job, became: None)
        assert (waiter.run(lambda: False), waiter.tally.counts[SUCCEEDED_JOB]) == ("reached", 2)
        reader.close()


def test_what_only_a_list_that_broke_off_has_told_of_is_told_as_deleted(tmp_path: Path) -> None:
    """The second list breaks off at its second page; the third is without what its first page had."""
    lists = itertools.count(1)

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if not path.startswith(f"{JOBS}?"):
            return FakeCluster()(method, path, headers, body)
        if "resourceVersion=3&" in path:
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "3"}}}
            return 200, encoded(bookmark) + b"\n"
        if "watch=" in path:
            return status(410, "Expired")
        if "continue=" in path:
            return status(400, "BadRequest")
        found = next(lists)
        more = {"continue": "c"} if found == 2 else {}
        there = [ended_job(name) for name in ("a", "b")][found > 2 :]
        return 200, encoded({"metadata": {"resourceVersion": str(found), **more}, "items": there})

    with stub(respond) as server:
        reader = ClusterSource(
            Transport(kubeconfig(tmp_path, server.port)), Selection("default", "jobgroup=g")
        )
        told = Told(reader)
        until(lambda: set(told.there) == {"Job/b"})
        told.end()
        reader.close()


def test_events_come_oldest_first_and_warnings_alone_when_asked(served: Server, source: Sources) -> None:
    create(served, job("noisy", "exit 1", group="noisy"))
    until(lambda: is_over(served, "noisy"))
    reader = source(served, "jobgroup=noisy")

    def reasons(**options: bool) -> list[str]:
        return [
            str(each["reason"])
            for each in reader.events(**options)
            if each["involvedObject"]["name"] == "noisy"
        ]

    until(lambda: reasons()[-1:] == ["BackoffLimitExceeded"])
    assert reasons() == ["SuccessfulCreate", "BackoffLimitExceeded"]
    assert reasons(warnings=True) == ["BackoffLimitExceeded"]


def test_a_log_is_given_whole_or_its_end_and_with_times(served: Server, source: Sources) -> None:
    create(served, job("talks", "printf 'one\\n\\ntwo\\nthree'", group="talks"))
    until(lambda: is_over(served, "talks"))
    reader = source(served, "jobgroup=talks")
    (pod,) = reader.pods()
    assert b"".join(reader.log(pod, "main")) == b"one\n\ntwo\nthree"
    assert b"".join(reader.log(pod, "main", LogOptions(tail=2))) == b"two\nthree"
    assert b"".join(reader.log(pod, "main", LogOptions(follow=True))) == b"one\n\ntwo\nthree"
    stamped = b"".join(reader.log(pod, "main", LogOptions(timestamps=True))).splitlines()
    assert [line.partition(b" ")[2] for line in stamped] == [b"one", b"", b"two", b"three"]


def test_a_container_that_has_not_started_and_one_that_never_restarted_have_no_log(
    served: Server, source: Sources
) -> None:
    missing = {"envFrom": [{"configMapRef": {"name": "nope"}}]}
    create(served, job("mute", group="mute", container=missing), job("once", group="mute"))
    until(lambda: is_over(served, "once"))
    reader = source(served, "jobgroup=mute")
    until(lambda: len(list(reader.pods())) == 2)
    pods = {each["metadata"]["name"].rpartition("-")[0]: each for each in reader.pods()}
    assert list(reader.log(pods["mute"], "main")) == []
    assert list(reader.log(pods["once"], "main", LogOptions(previous=True))) == []


def test_a_log_is_followed_to_the_end_of_its_container(
    served: Server, source: Sources, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"echo before; until test -e {gate}; do sleep 0.1; done; echo after"
    create(served, job("slow", script, group="slow"))
    reader = source(served, "jobgroup=slow")
    until(lambda: any(list(reader.log(pod, "main")) for pod in reader.pods()))
    (pod,) = reader.pods()
    pieces = reader.log(pod, "main", LogOptions(follow=True))
    assert next(pieces) == b"before\n"
    gate.touch()
    assert b"".join(pieces) == b"after\n"


def test_pods_are_asked_for_by_uid_in_portions_that_fit_into_a_request() -> None:
    label = "batch.kubernetes.io/controller-uid"
    uids = [f"{number:036}" for number in range(200)]
    jobs: list[dict[str, Any]] = [
        {"metadata": {"uid": uid}, "spec": {"selector": {"matchLabels": {label: uid}}}} for uid in uids
    ]
    own = {"metadata": {"uid": "own"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}}
    found = list(pod_selectors([*jobs, own]))
    assert found[0] == "app=x"
    assert all(len(text) < 4000 for text in found)
    assert sorted(uid for text in found[1:] for uid in text.partition("(")[2].rstrip(")").split(",")) == uids
