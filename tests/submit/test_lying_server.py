"""A server, or a proxy before it, that answers anything: nothing is lost, and nothing is created twice."""

import gzip
import random
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from expander.base.errors import SourceLocation
from expander.client.retry import Retry
from expander.manifests.manifest import Manifest
from expander.submit.options import SubmitOptions
from expander.submit.submit import Submitter
from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import JOBS, FakeCluster, encoded, kubeconfig, status

ITEMS = 60
LIES_IN_A_ROW = 3

BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"true",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b"<html><body>Please sign in</body></html>",
    encoded({"kind": "Status", "status": "Success", "metadata": {}}),
    encoded({"kind": "Job", "metadata": {"name": "another", "namespace": "default", "uid": "u"}}),
    encoded({"kind": "Job", "metadata": None}),
    encoded({"kind": "JobList", "metadata": {"resourceVersion": "1"}, "items": None}),
]
CODES = [
    200,
    201,
    202,
    204,
    206,
    301,
    302,
    304,
    400,
    403,
    404,
    405,
    409,
    410,
    413,
    422,
    429,
    500,
    502,
    503,
    504,
]


class LyingServer(FakeCluster):
    """Every other answer is a lie, told before or after the request has its effect."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self._lies: Counter[str] = Counter()
        self._mutex = threading.Lock()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        with self._mutex:
            lie = self._lie(f"{method} {path} {body!r}")
            late = self._chance.random() < 0.5
        if lie is not None and not late:
            return lie
        truth = super().__call__(method, path, headers, body)
        return truth if lie is None else lie

    def _lie(self, request: str) -> Response | None:
        if self._chance.random() < 0.5 or self._lies[request] >= LIES_IN_A_ROW:
            self._lies[request] = 0
            return None
        self._lies[request] += 1
        code, body = self._chance.choice(CODES), self._chance.choice(BODIES)
        if code in (204, 304):
            return code, b""
        if self._chance.random() < 0.2:
            whole = gzip.compress(body)
            return code, whole[: self._chance.randrange(len(whole))], {"Content-Encoding": "gzip"}
        return code, body


def job(number: int) -> Manifest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"item-{number}", "labels": {"jobgroup": "g"}},
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
        },
    }
    return Manifest(tree, SourceLocation("job.yaml"))


@pytest.mark.parametrize("seed", range(6))
def test_every_item_is_created_once_whatever_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(SubmitOptions, "retry", Retry(base=0.001, cap=0.01, budget=300))
    cluster = LyingServer(seed)
    names = {f"item-{number}" for number in range(ITEMS)}
    with stub(cluster) as server:
        config = kubeconfig(tmp_path, server.port)
        for resume in (False, True):
            options = SubmitOptions(kubeconfig=config, state=str(tmp_path), resume=resume)
            submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
            found = list(submitter.outcomes(job(number) for number in range(ITEMS)))
            assert {outcome.prepared.name for outcome in found} == names
            assert [outcome.result for outcome in found if not outcome.result.passed] == []
            assert cluster.created == dict.fromkeys(names, 1)
            submitter.close()


def test_a_damaged_journal_creates_nothing_twice(tmp_path: Path) -> None:
    cluster, chance = FakeCluster(), random.Random(7)
    names = {f"item-{number}" for number in range(4)}
    with stub(cluster) as server:
        config = kubeconfig(tmp_path, server.port)
        for _ in range(20):
            options = SubmitOptions(kubeconfig=config, state=str(tmp_path), resume=True)
            submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
            found = list(submitter.outcomes(job(number) for number in range(4)))
            submitter.close()
            assert {outcome.result.outcome for outcome in found} <= {"created", "unchanged"}
            assert cluster.created == dict.fromkeys(names, 1)
            (journal,) = tmp_path.rglob("submit-*.jsonl")
            whole = bytearray(journal.read_bytes())
            whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            journal.write_bytes(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)


LISTS = [
    {"metadata": {}, "items": [None, 3, {"metadata": None}, {"metadata": {"name": 7}}, {}]},
    {"metadata": {"continue": "the same"}, "items": []},
    {"metadata": {"continue": ["x"]}, "items": []},
    {"metadata": {}, "items": [{"metadata": {"name": "x"}, "spec": None, "status": []}]},
    {"metadata": {}, "items": [{"metadata": {"name": "x"}, "spec": {"hard": []}}]},
]


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("path", ["/jobs?", "/resourcequotas", "/limitranges", "/events?"])
def test_lists_of_anything_keep_no_item_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
    path: str,
    page: Mapping[str, object],
) -> None:
    monkeypatch.setattr(SubmitOptions, "retry", Retry(base=0.001, cap=0.01, budget=0.2))
    cluster = FakeCluster()

    def respond(method: str, asked: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method == "GET" and path in asked:
            return 200, encoded(page)
        return cluster(method, asked, headers, body)

    with stub(respond) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
        found = list(submitter.outcomes(map(job, range(3))))
        submitter.close()
    assert [each.result.outcome for each in found] == ["created"] * 3
    assert [str(each.message) for each in recwarn if "thread" in str(each.message)] == []


def test_discovery_of_anything_is_an_error_of_the_items(tmp_path: Path) -> None:
    def respond(method: str, asked: str, headers: Mapping[str, str], body: bytes) -> Response:
        if asked == "/apis/batch/v1":
            return 200, encoded(
                {"resources": [{"kind": "Job"}, None, {"name": 1}, {"kind": [], "name": "jobs"}]}
            )
        return FakeCluster()(method, asked, headers, body)

    errors: list[str] = []
    with stub(respond) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: errors.append(str(error)), lambda _: None)
        assert list(submitter.outcomes([job(1)])) == []
        submitter.close()
    assert 'no matches for kind "Job"' in errors[0]


def test_what_is_asked_before_the_first_create_is_asked_for_once(tmp_path: Path) -> None:
    cluster = FakeCluster()

    def respond(method: str, asked: str, headers: Mapping[str, str], body: bytes) -> Response:
        if "watch=" in asked:
            return status(403, "Forbidden")
        return cluster(method, asked, headers, body)

    with stub(respond) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
        found = list(submitter.outcomes(map(job, range(3))))
        submitter.close()
    assert [each.result.outcome for each in found] == ["created"] * 3
    paths = [path.partition("?")[0] for _, path, _ in server.asked if "watch=" not in path]
    namespace = "/api/v1/namespaces/default"
    lists = [f"{namespace}/{each}" for each in ("resourcequotas", "limitranges", "events")]
    wanted = ["/version", "/apis/batch/v1", namespace, *lists]
    assert sorted(paths[: paths.index(JOBS)]) == sorted(wanted)
    assert Counter(paths) == {**dict.fromkeys(wanted, 1), JOBS: 4}  # three are created, the group is listed
