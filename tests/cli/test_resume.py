"""What a journal remembers of the command line."""

import click
import pytest

from expander.cli.options.resumption import run_of
from expander.cli.pages.page import ARGUMENTS


def remembered(*words: str) -> list[str]:
    """The words that are kept of a command line."""
    context = click.Context(click.Command("submit"))
    context.meta[ARGUMENTS] = list(words)
    with context:
        found: list[str] = run_of(
            {"queue_url": "given", "sources": (), "value_files": (), "resume": False}, ()
        )["arguments"]
    return found


@pytest.mark.parametrize(
    "url", ["redis://:s3cr3t@host", "amqp://user:s3cr3t@host:5672/", "redis://host?password=s3cr3t"]
)
def test_the_password_of_a_broker_is_not_remembered(url: str) -> None:
    assert remembered("job.yaml", "--queue-url", url, "-q") == ["job.yaml", "-q"]
    assert remembered("job.yaml", f"--queue-url={url}", "--resume", "-q") == ["job.yaml", "-q"]


def test_a_broker_without_a_password_is_remembered() -> None:
    for words in (["--queue-url", "redis://host"], ["--queue-url=amqp://user@host"]):
        assert remembered("job.yaml", *words) == ["job.yaml", *words]
