"""What a journal remembers of the command line."""

import click
import pytest

from expander.cli.options.resumption import run_of
from expander.cli.pages.page import ARGUMENTS


def remembered(*words: str, notify: tuple[str, ...] = ()) -> list[str]:
    """The words that are kept of a command line."""
    context = click.Context(click.Command("submit"))
    context.meta[ARGUMENTS] = list(words)
    with context:
        flags = {"queue_url": "given", "sources": (), "value_files": (), "resume": False, "notify": notify}
        found: list[str] = run_of(flags, ())["arguments"]
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


def test_a_webhook_is_not_remembered() -> None:
    url = "https://chat.example/T0/s3cr3t"
    assert remembered("job.yaml", "--notify", url, "-q", notify=(url,)) == ["job.yaml", "-q"]
    assert remembered("job.yaml", f"--notify={url}", "a", notify=(url,)) == ["job.yaml", "a"]
