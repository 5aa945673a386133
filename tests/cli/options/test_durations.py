"""Times on the command line."""

import click
import pytest

from expander.cli import run
from expander.cli.group import cleanup, retry, wait
from expander.cli.options.params import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.5s", 0.5), ("200ms", 0.2), ("1.5h", 5400), ("90", 90), ("2m", 120)]
)
def test_a_timeout_may_be_a_fraction_in_every_command_that_has_one(text: str, seconds: float) -> None:
    for command in (cleanup.command, retry.command, run.command, wait.command):
        (option,) = (each for each in command.params if each.name == "timeout")
        assert isinstance(option.type, Duration)
        assert option.type.convert(text, option, click.Context(command)) == pytest.approx(seconds)
