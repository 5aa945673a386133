from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.base import data_files
from expander.base.errors import ExpanderError


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    data_files._place.cache_clear()


def test_schemas_and_templates_are_found() -> None:
    assert (data_files.folder("schemas") / "definitions.jsonl").is_file()
    assert data_files.folder("templates").is_dir()


def test_the_folder_inside_an_installed_package_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "expander" / "schemas").mkdir(parents=True)
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(data_files, "PACKAGE", str(tmp_path / "expander"))
    data_files._place.cache_clear()
    assert data_files.folder("schemas") == tmp_path / "expander" / "schemas"


def test_a_missing_folder_says_the_installation_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "PACKAGE", str(tmp_path / "expander"))
    data_files._place.cache_clear()
    with pytest.raises(ExpanderError, match="missing from this installation"):
        data_files.folder("schemas")
