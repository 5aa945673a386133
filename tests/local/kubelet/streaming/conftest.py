"""A server in each runtime that can stream."""

from collections.abc import Iterator

import pytest

from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module", params=["process", "sandbox"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served") / "state"
    started = Server(folder, ("--runtime", request.param)).start()
    yield started
    assert started.stop() == 0
