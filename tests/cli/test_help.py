"""The help pages of all commands."""

import click
import pytest
from click.testing import CliRunner

from expander.cli.main import COMMANDS, program

NAMES = [name for name in COMMANDS if name not in ("config", "crds", "image", "queue")]


def page(name: str) -> str:
    answer = CliRunner().invoke(program, [name, "--help"], prog_name="expander")
    assert answer.exit_code == 0
    return answer.output


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_a_summary_its_own_options_first_examples_and_what_matters_around_it(name: str) -> None:
    text = page(name)
    assert text.startswith(f"Usage: expander {name} ")
    assert f"\nExamples:\n  expander {name} " in text
    assert text.index("Options:") < text.index("Examples:")
    assert "Exit codes: 0" in " ".join(text.split())
    if "--state" in text:
        assert "\nEnvironment:\n" in text


def test_commands_are_listed_by_stage() -> None:
    text = CliRunner().invoke(program, ["--help"], prog_name="expander").output
    places = [text.index(f"\n{stage}:") for stage in ("Prepare", "Run", "Follow", "Finish")]
    assert places == sorted(places)
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_options_of_one_kind_are_worded_the_same_in_all_commands_that_follow_a_group() -> None:
    worded: dict[str, set[str | None]] = {}
    context = click.Context(program)
    for name in ("status", "wait", "logs", "results", "report", "retry", "cleanup"):
        command = program.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name in (
                "group",
                "selector",
                "namespace",
                "everywhere",
                "local",
                "state",
                "kubeconfig",
                "context",
                "group_label",
            ):
                worded.setdefault(str(parameter.name), set()).add(parameter.help)
    assert len(worded) == 9
    assert {name: words for name, words in worded.items() if len(words) > 1} == {}


def test_the_options_of_a_command_are_not_below_that_heading_where_none_is_taken() -> None:
    assert "Command (-- CMD):" in page("run")
    assert all("Command (-- CMD):" not in page(name) for name in ("serve", "retry"))


def test_every_command_for_images_names_the_variable_of_their_folder() -> None:
    for name in ("import", "list", "rm"):
        answer = CliRunner().invoke(program, ["image", name, "--help"], prog_name="expander")
        assert "\n  EXPANDER_IMAGES " in answer.output
