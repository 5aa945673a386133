"""What commands about groups remember."""

from pathlib import Path

import pytest


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is remembered of groups is kept."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("EXPANDER_STATE", str(folder))
    return folder
