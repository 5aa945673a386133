"""A submission to a namespace that is not there, or goes away meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from expander.base.errors import ClusterError, SourceLocation
from expander.manifests.manifest import Manifest
from expander.submit.options import SubmitOptions
from expander.submit.submit import Submitter
from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import FakeCluster, kubeconfig, status

MISSING = 404, 'namespaces "lost" not found'
TERMINATING = (
    403,
    'jobs.batch "a" is forbidden: unable to create new content in namespace lost because it is being terminated',
)


def job(number: int, namespace: str = "lost") -> Manifest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"item-{number}", "namespace": namespace, "labels": {"jobgroup": "g"}},
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
        },
    }
    return Manifest(tree, SourceLocation("job.yaml"))


class Losing(FakeCluster):
    """Has the namespace ``lost`` for so many Jobs, and then answers creations there with ``refusal``."""

    def __init__(self, jobs: int, refusal: tuple[int, str]) -> None:
        super().__init__()
        self.left = jobs
        self.refused = 0
        self._refusal = refusal

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method != "POST" or "/namespaces/lost/" not in path:
            return super().__call__(method, path, headers, body)
        self.left -= 1
        if self.left >= 0:
            code, kept, *_ = super().__call__(method, path.replace("lost", "default"), headers, body)
            found = json.loads(kept)
            found["metadata"]["namespace"] = "lost"
            return code, json.dumps(found).encode()
        self.refused += 1
        code, message = self._refusal
        return status(code, "NotFound" if code == 404 else "Forbidden", message)


@pytest.mark.parametrize("refusal", [MISSING, TERMINATING])
@pytest.mark.parametrize("before", [0, 150])
def test_it_ends_with_the_first_refusals_when_nothing_can_be_created_any_more(
    tmp_path: Path, refusal: tuple[int, str], before: int
) -> None:
    cluster = Losing(before, refusal)
    with stub(cluster) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
        with pytest.raises(ClusterError) as caught:
            list(submitter.outcomes(map(job, range(3000))))
        submitter.close()
    assert str(caught.value).startswith(refusal[1])
    assert 0 < cluster.refused < 1000


@pytest.mark.parametrize("refusal", [MISSING, TERMINATING])
def test_items_of_other_namespaces_go_on(tmp_path: Path, refusal: tuple[int, str]) -> None:
    cluster = Losing(0, refusal)
    with stub(cluster) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
        jobs = (job(number, "lost" if number % 7 == 3 else "default") for number in range(700))
        found = list(submitter.outcomes(jobs))
        submitter.close()
    assert (len(cluster.created), cluster.refused, len(found)) == (600, 100, 700)


def test_one_item_is_refused_and_that_is_all(tmp_path: Path) -> None:
    cluster = Losing(0, MISSING)
    with stub(cluster) as server:
        options = SubmitOptions(kubeconfig=kubeconfig(tmp_path, server.port), state=str(tmp_path))
        submitter = Submitter(options, lambda error: pytest.fail(str(error)), lambda _: None)
        (outcome,) = submitter.outcomes([job(1)])
        submitter.close()
    assert outcome.result.outcome == "refused"
    assert "`kubectl create namespace lost` creates it" in outcome.result.message
