"""What options of a submission exclude each other is known in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import UsageError
from expander.base.option_names import command_line
from expander.submit.options import SubmitOptions


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"burst": 5}, "burst requires qps"),
        ({"force_conflicts": True}, "force_conflicts requires server_side"),
        ({"results": "out"}, "results requires delete_finished"),
        ({"delete_finished": True, "dry_run": "server"}, "delete_finished cannot be used with dry_run"),
        ({"server_side": True, "on_exists": "replace"}, "on_exists replace cannot be used with server_side"),
        (
            {"server_side": True, "on_exists": "recreate"},
            "on_exists recreate cannot be used with server_side",
        ),
        ({"queue": "a b"}, "queue: 'a b' is not a valid queue name"),
        ({"queue": ""}, "queue: '' is not a valid queue name"),
        ({"max_in_flight": 0}, "max_in_flight must be between 1 and 256"),
        ({"qps": 0}, "qps must be greater than 0"),
        ({"on_exists": "Skip"}, "on_exists: 'Skip' is not one of fail, skip, replace, recreate"),
        ({"on_quota": "no"}, "on_quota: 'no' is not one of wait, fail, skip"),
        ({"dry_run": True}, "dry_run: True is not one of none, client, server"),
    ],
)
def test_what_does_not_fit_together_is_said_with_the_names_of_the_caller(
    given: dict[str, Any], message: str
) -> None:
    options = SubmitOptions(**given)
    with pytest.raises(UsageError) as caught:
        options.check()
    assert str(caught.value) == message
    with command_line(), pytest.raises(UsageError, match=r"^--"):
        options.check()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"qps": 5, "burst": 5},
        {"server_side": True, "force_conflicts": True, "on_exists": "skip"},
        {"delete_finished": True, "results": "out"},
        {"queue": "team-a"},
    ],
)
def test_what_fits_passes(given: dict[str, Any]) -> None:
    SubmitOptions(**given).check()


def test_only_what_changes_a_cluster_is_written_into_a_journal(tmp_path: Path) -> None:
    assert SubmitOptions(state=tmp_path).journals == tmp_path / "submit"
    assert SubmitOptions(state=tmp_path, journal=False).journals is None
    assert SubmitOptions(state=tmp_path, dry_run="client").journals is None
    assert SubmitOptions(state=tmp_path, dry_run="server").journals is None
