"""The command that installs what an installation lacks."""

import json
from pathlib import Path

from expander.base.extras import install_command, source_of


def test_a_checkout_is_what_its_extras_are_installed_from() -> None:
    here = Path(__file__).parents[2]
    assert install_command("queue") == f"pip install '{here}[queue]'"
    assert install_command("remote", "s3fs") == f"pip install '{here}[remote]' s3fs"


def test_a_folder_that_was_installed_is_named_while_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "my checkout"
    told = json.dumps({"url": folder.as_uri(), "dir_info": {}})
    assert source_of(told) == "kube-expander"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    assert source_of(told) == str(folder)


def test_what_came_from_an_index_or_an_archive_has_its_name() -> None:
    archive = json.dumps({"url": "file:///tmp/kube_expander-1-py3-none-any.whl", "archive_info": {}})
    assert {source_of(None), source_of(""), source_of(archive)} == {"kube-expander"}
