"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.reference.packing import unpack

# Tests start the program hundreds of times. Where bytecode may not be kept, each process compiles all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A slow machine must not add lines of progress to the messages that tests compare.
os.environ["EXPANDER_PROGRESS"] = "never"
# Images that somebody imported on this machine are none of the tests' business.
os.environ["EXPANDER_IMAGES"] = "/nonexistent/images"
# Nor must it fail a property.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def folder_stays() -> Iterator[None]:
    """Fail the test that leaves this process in another folder, where the tests after it would run."""
    before = os.getcwd()
    yield
    after = os.getcwd()
    os.chdir(before)
    assert after == before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where the test is; what the program remembers is below it, in ``state``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded answers of a real control plane as plain files; see ``tests/reference/README.md``."""
    folder = tmp_path_factory.mktemp("reference")
    unpack(folder)
    return folder


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The path of a real kubectl: the one beside this Python (the ``test`` extra brings it), else on PATH."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.fail("this test needs kubectl: pip install 'kube-expander[test]' brings it")
    return found
