"""What documents point at is there: files, and commands of the program."""

import re
from pathlib import Path

import pytest

from expander.cli.main import COMMANDS
from tests.cli.program import run

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "examples/*.md", "examples/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
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
