"""What documents point at is there, files and commands; and their console sessions print what they say."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from expander.cli.main import COMMANDS
from tests.cli.program import run
from tests.console import play, steps_of

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "examples/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
PLAYED = [
    path for path in DOCUMENTS if path.parts[0] != "examples" and "```console" in (ROOT / path).read_text()
]
"""Documents with console sessions; those of examples have their files beside them: tests/test_examples.py."""

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`]+`", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"(?<![\w./-])expander ((?:[a-z]+ ?)+)")


def found_in(document: Path) -> str:
    return (ROOT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = [link for link in _LINK.findall(found_in(document)) if not re.match(r"[a-z]+:|#", link)]
    missing = [link for link in links if not (ROOT / document.parent / link.partition("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_file_of_the_project_that_a_document_names_is_there(document: Path) -> None:
    named = re.findall(
        r"(?<![\w/.-])((?:tests|expander|schemas|benchmarks)/[\w./-]*\w\.py)", found_in(document)
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def anchors(text: str) -> set[str]:
    """The names that GitHub gives the headings of a document."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_anchor_of_a_link_is_a_heading(document: Path) -> None:
    missing = []
    for link in _LINK.findall(found_in(document)):
        target, hash_sign, anchor = link.partition("#")
        if hash_sign and not re.match(r"[a-z]+:", link):
            path = (ROOT / document.parent / target) if target else ROOT / document
            if anchor not in anchors(path.read_text()):
                missing.append(link)
    assert not missing


@pytest.mark.parametrize("document", PLAYED, ids=str)
def test_every_console_session_prints_what_it_says(document: Path, tmp_path: Path) -> None:
    assert play(ROOT / document, tmp_path) == len(steps_of(found_in(document)))


def test_every_message_of_troubleshooting_is_one_of_the_programs() -> None:
    """Its parts, between names and values, stand in the program's own texts or are the system's."""
    texts = "\n".join(path.read_text() for path in (ROOT / "expander").rglob("*.py"))
    rows = re.findall(r"^\| (`.*?) \|", found_in(Path("docs/troubleshooting.md")), re.MULTILINE)
    codes = [code for row in rows for code in re.findall("`([^`]+)`", row)]
    parts = {part.strip(" :'\"?") for code in codes for part in code.split("...")}
    assert len(parts) > 40
    assert {part for part in parts if part not in texts} == {"No space left on device"}


@pytest.mark.parametrize(
    "picture", sorted((ROOT / "docs" / "pictures").iterdir()), ids=lambda path: path.name
)
def test_a_picture_is_whole_and_shows_commands_there_are(picture: Path) -> None:
    root = ElementTree.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert [each.tag for each in root.iter() if each.tag.endswith("}script")] == []
    links = [value for each in root.iter() for name, value in each.items() if name.endswith(("href", "src"))]
    assert [link for link in links if not link.startswith(("data:", "#"))] == []
    called = re.findall(r"expander\s([a-z]+)", "".join(root.itertext()))
    assert set(called) <= set(COMMANDS)
    assert called or picture.stem == "report"


def test_the_readme_is_played() -> None:
    assert Path("README.md") in PLAYED


def test_the_index_of_documents_names_each() -> None:
    linked = set(_LINK.findall(found_in(Path("docs/README.md"))))
    there = {path.relative_to("docs").as_posix() for path in DOCUMENTS if path.parts[0] == "docs"}
    assert there - linked == {"README.md"}


def test_every_command_that_documents_name_is_there() -> None:
    queue_commands = set(re.findall(r"^  ([a-z]+) ", run("queue", "--help").out, re.MULTILINE))
    called = set()
    for document in DOCUMENTS:
        for code in _CODE.findall(found_in(document)):
            called |= {tuple(words.split()[:2]) for words in _CALL.findall(code)}
    assert called
    unknown = {words for words in called if words[0] not in COMMANDS}
    assert not unknown
    of_queues = {words[1] for words in called if words[0] == "queue" and len(words) > 1}
    assert of_queues
    assert of_queues <= queue_commands
