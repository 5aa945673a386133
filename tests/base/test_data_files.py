from __future__ import annotations

from pathlib import Path

import pytest

from expander.base import data_files
from expander.base.errors import ExpanderError


def test_schemas_and_templates_are_found() -> None:
    assert (data_files.folder("schemas") / "definitions.jsonl").is_file()
    assert data_files.folder("templates").is_dir()


def test_the_folder_inside_an_installed_package_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "expander" / "schemas").mkdir(parents=True)
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(data_files, "PACKAGE", tmp_path / "expander")
    assert data_files.folder.__wrapped__("schemas") == tmp_path / "expander" / "schemas"


def test_a_missing_folder_says_the_installation_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "PACKAGE", tmp_path / "expander")
    with pytest.raises(ExpanderError, match="missing from this installation"):
        data_files.folder.__wrapped__("schemas")
