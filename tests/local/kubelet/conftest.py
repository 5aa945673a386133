"""Kubelets for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.kubelet.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A kubelet whose containers have mounts of their own."""
    return World(tmp_path, isolates=True)
