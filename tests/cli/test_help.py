"""The help pages of all commands."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import expander
from expander.cli.main import COMMANDS, program
from expander.cli.pages.manual import manual_name
from expander.cli.pages.notes import notes
from expander.cli.pages.reference import references
from expander.cli.pages.topic import plain_text, title_of, topics
from tests.cli.program import run

PACKAGE = Path(expander.__file__).parent
CONTAINERS = {"EXPANDER_MOUNT_EXPANDER_ITEMS"}
"""What one shape's own script reads."""

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


def shown(*names: str) -> str:
    """What ``expander help NAMES`` prints."""
    answer = CliRunner().invoke(program, ["help", *names], prog_name="expander")
    assert answer.exit_code == 0
    return answer.output


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


def test_a_topic_is_the_page_of_the_documents_without_its_marks() -> None:
    text = shown("exit-codes")
    assert text.startswith("EXIT CODES\n\nCODE   MEANING ")
    assert "the reader of standard output is" in text
    assert "(| head)" in text
    assert not set("`[]") & set(text)


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("topic", topics())
def test_every_topic_fits_into_the_terminal(topic: str, width: int) -> None:
    path = topics()[topic]
    lines = plain_text(path.read_text(), width).splitlines()
    assert lines[0] == title_of(path).upper()
    assert [line for line in lines if len(line) > max(width, 58)] == []


def test_topics_are_listed_and_none_is_hidden_by_a_command() -> None:
    listed = shown()
    assert all(f"\n  {topic} " in listed for topic in topics())
    assert set(topics()) & set(COMMANDS) == set()


def test_the_help_of_a_command_is_what_its_option_prints() -> None:
    fill = CliRunner().invoke(program, ["queue", "fill", "--help"], prog_name="expander").output
    assert shown("queue", "fill") == fill
    assert shown("run") == page("run")


def test_an_unknown_topic_names_the_nearest() -> None:
    answer = run("help", "exitcodes")
    assert answer.code == 2
    assert answer.err == ("error: unknown command or topic 'exitcodes'\n  hint: did you mean exit-codes?\n")


def test_an_empty_folder_and_what_is_below_no_group_of_commands_are_refused(tmp_path: Path) -> None:
    answer = run("help", "--man", "", cwd=tmp_path)
    assert (answer.code, [*tmp_path.iterdir()]) == (2, [])
    assert answer.err.startswith("error: --man: found '', expected a folder\n")
    assert run("help", "run", "run").err == "error: expander run has no commands; found 'run'\n"


def test_a_part_of_a_name_or_a_word_of_a_page_leads_to_it() -> None:
    assert "hint: did you mean exit-codes?" in run("help", "exit").err
    assert "hint: about batches: expander help groups" in run("help", "batches").err
    assert "hint: did you mean loops?" in run("help", "loop").err
    assert "hint: about convert: expander help loops" in run("help", "convert").err
    for nothing in ("zzz", "", "s"):
        assert "hint: expander help lists the topics, " in run("help", nothing).err


def test_a_command_in_place_of_the_folder_of_manual_pages_is_refused(tmp_path: Path) -> None:
    answer = run("help", "--man", "run", cwd=tmp_path)
    assert (answer.code, [*tmp_path.iterdir()]) == (2, [])
    assert answer.err.startswith("error: --man: found the command 'run', expected a folder\n")
    assert run("help", "--man", "./run", cwd=tmp_path).code == 0
    assert run("help", "--man", "run", cwd=tmp_path).code == 0  # it is there now


@pytest.mark.parametrize("width", [70, 80])
def test_the_help_of_every_command_fits_into_the_terminal(width: int) -> None:
    for reference in references(program, "expander"):
        words = [*reference.name.split()[1:], "--help"]
        answer = CliRunner().invoke(program, words, prog_name="expander", terminal_width=width)
        assert [line for line in answer.output.splitlines() if len(line) > width] == [], reference.name


def test_an_example_that_is_broken_is_still_the_same_command() -> None:
    written = "  expander run j.yaml --with 'a  b' --set \"c d\" --all && expander wait -q -- sh -c '{}'"
    [[note]] = notes(f"Examples:\n{written}")
    lines = [*note.lines(30)][1:]
    assert len(lines) > 2
    assert max(map(len, lines)) <= 30
    assert " ".join(line.removesuffix("\\").strip() for line in lines).split() == written.split()


def test_every_variable_that_the_program_reads_is_in_the_topic() -> None:
    text = topics()["environment"].read_text()
    sources = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r'"(EXPANDER_[A-Z]+(?:_[A-Z]+)*)"', sources)) - CONTAINERS
    assert read
    assert {name for name in read if f"`{name}`" not in text} == set()


def test_every_command_has_a_manual_page_with_all_its_options(tmp_path: Path) -> None:
    answer = run("help", "--man", str(tmp_path / "man1"))
    names = [reference.name.replace(" ", "-") for reference in references(program, "expander")]
    assert answer.err == f"wrote {len(names)} manual pages to {tmp_path / 'man1'}\n"
    assert {path.name for path in (tmp_path / "man1").iterdir()} == {f"{name}.1" for name in names}
    for reference in references(program, "expander"):
        text = (tmp_path / "man1" / manual_name(reference)).read_text()
        assert text.startswith(f'.TH "{reference.name.replace(" ", "-").upper()}" "1" ')
        plain = text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`")
        for form, _ in (record for records in reference.options.values() for record in records):
            assert f"\n.TP\n\\fB{form}\\fR\n" in plain
        assert not re.search(r"^[.'](?!(TH|SH|SS|TP|PP|nf|fi)\b)", text, re.MULTILINE)


def test_manual_pages_name_the_folder_that_cannot_be_made() -> None:
    answer = run("help", "--man", "/dev/null/man")
    assert answer.code == 2
    assert answer.err.startswith("error: cannot make the folder /dev/null/man: ")
    assert run("help", "--man", ".", "items").code == 2
