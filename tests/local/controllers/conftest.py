"""Clusters on one and the same database, one after the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from expander.local.store.database import open_database
from tests.local.controllers.cluster import Cluster


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Makes a cluster of what is in the database; the one before is as if it had been killed."""
    with ExitStack() as stack:

        def start(**options: Any) -> Cluster:
            database = stack.enter_context(closing(open_database(tmp_path / "state.db")))
            return Cluster(database, **options)

        yield start


@pytest.fixture
def cluster(boot: Callable[..., Cluster]) -> Cluster:
    return boot()
