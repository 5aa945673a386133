"""Clusters on one and the same database, one after the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from expander.local.store.database import open_database
from expander.local.store.encoding import PackedConnection
from tests.local.controllers.cluster import Cluster


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], PackedConnection]]:
    """Opens one and the same database; what was opened is closed in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_database(tmp_path / "state.db")))


@pytest.fixture
def boot(connect: Callable[[], PackedConnection]) -> Callable[..., Cluster]:
    """Makes a cluster of what is in the database; the one before is as if it had been killed."""

    def start(**options: Any) -> Cluster:
        return Cluster(connect(), **options)

    return start


@pytest.fixture
def cluster(boot: Callable[..., Cluster]) -> Cluster:
    return boot()
