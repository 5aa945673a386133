"""Supervisors for the tests of runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.local.runtime import bubblewrap
from expander.local.runtime.sandbox import SandboxRuntime
from tests.local.runtime.running import Bench, bench


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Bench]:
    """Containers are plain processes."""
    with bench(tmp_path) as made:
        yield made


@pytest.fixture
def wrap() -> bubblewrap.Bubblewrap:
    """A bubblewrap that works."""
    found = bubblewrap.find_bubblewrap()
    if isinstance(found, str):
        pytest.fail(f"this test needs bubblewrap ('kube-expander[test]' brings it on Linux): {found}")
    return found


@pytest.fixture
def boxed(tmp_path: Path, wrap: bubblewrap.Bubblewrap) -> Iterator[Bench]:
    """Containers are sandboxes."""
    with bench(tmp_path, SandboxRuntime(wrap)) as made:
        yield made
