"""Arguments that cannot be used: one error that names them, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from expander import UsageError
from tests.api.batches import ran


def test_a_run_that_could_not_begin_gives_the_state_folder_back(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match=r"the command of the image busybox: .*: No closing quotation"):
            ran(tmp_path, ["good"], image_commands={"busybox": "echo 'a"})
    assert ran(tmp_path, ["good"], image_commands={"busybox": "echo a"}).counts["succeeded"] == 1
