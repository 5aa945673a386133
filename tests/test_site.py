"""The documentation site: it is built without a warning, needs no network, and its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

import expander
from expander.cli.main import program
from expander.cli.pages.reference import references
from tests.console import steps_of
from tests.group.browser import Browser

ROOT = Path(__file__).resolve().parents[1]
LOADED = {"src", "srcset", "data", "poster"}
"""Attributes with what a browser fetches by itself; of a ``link`` it is href, unless it names a relation."""


class Links(HTMLParser):
    """The links, the anchors and what a browser fetches of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {"", "__top"}
        self.fetched: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name == "href" and tag != "link":
                self.links.add(value or "")
            elif name in LOADED or (name == "href" and dict(attrs).get("rel") in ("stylesheet", "icon")):
                self.fetched.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as strictly as mkdocs can."""
    target = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}


def targets(page: Path, links: set[str]) -> Iterator[tuple[Path, str]]:
    """The files and anchors that relative links lead to."""
    for link in links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            path = page.parent / unquote(parts.path) if parts.path else page
            yield path.resolve() / "index.html" if path.is_dir() else path.resolve(), unquote(parts.fragment)


def test_every_link_leads_to_a_page_and_an_anchor(site: Path, pages: dict[Path, Links]) -> None:
    assert len(pages) > 60
    lost = [
        f"{page.relative_to(site)}: {target.name}#{anchor}"
        for page, found in pages.items()
        for target, anchor in targets(page, found.links)
        if not target.is_file() or (target in pages and anchor not in pages[target].anchors)
    ]
    assert lost == []


def test_a_browser_fetches_nothing_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    for page, found in pages.items():
        assert found.fetched
        assert [each for each in found.fetched if urlsplit(each).netloc or urlsplit(each).scheme] == []
        assert all(target.is_file() for target, _ in targets(page, found.fetched))
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"url\(\s*['\"]?(?:https?:)?//[^)]*\)", styles) == []


def test_every_command_has_a_page_with_all_its_options(site: Path) -> None:
    for reference in references(program, "expander"):
        name = "-".join(reference.name.split()[:2])
        page = (site / "reference" / "commands" / f"{name}.html").read_text()
        words = unescape(re.sub(r"<[^>]+>", "", page))
        forms = [form for records in reference.options.values() for form, _ in records]
        assert [form for form in forms if form not in words] == []


def test_every_public_name_of_python_has_a_place(site: Path) -> None:
    anchors = set[str]()
    for page in (site / "reference" / "python").glob("*.html"):
        anchors |= Links(page).anchors
    assert {name.lower() for name in expander.__all__ if name != "__version__"} <= anchors


def test_every_page_can_be_searched(site: Path, pages: dict[Path, Links]) -> None:
    found = {
        entry["location"].partition("#")[0]
        for entry in json.loads((site / "search" / "search_index.json").read_text())["docs"]
    }
    assert {path.relative_to(site).as_posix() for path in pages} <= {each or "index.html" for each in found}


def test_no_mark_of_markdown_is_left_in_the_text_of_a_page(pages: dict[Path, Links]) -> None:
    for page in pages:
        text = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", page.read_text(), flags=re.DOTALL)
        text = re.sub(r"<[^>]+>", "", text)
        assert not re.search(r"\]\(|\*\*\w|`|^\|", text, re.MULTILINE), page.name


@pytest.mark.parametrize("page", ["tutorial", "templates", "running", "examples/01-expansion/README"])
def test_what_is_copied_of_a_console_session_are_its_commands(site: Path, page: str) -> None:
    source = ROOT / f"{page}.md" if page.startswith("examples") else ROOT / "docs" / f"{page}.md"
    text = (site / f"{page.replace('README', 'index')}.html").read_text()
    copied = [unescape(found) for found in re.findall(r'data-copy="([^"]*)"', text)]
    assert copied
    assert "\n".join(copied) == "\n".join(step.command for step in steps_of(source.read_text()))


@pytest.fixture(scope="module")
def searched(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """What gives the page that the site's search lists first."""
    handler = partial(Quiet, directory=str(site))
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        Browser(tmp_path_factory.mktemp("b")) as browser,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        browser.open(
            f"http://127.0.0.1:{server.server_port}/index.html",
            "document.querySelector('input[name=query]') !== null",
        )
        browser.evaluate("document.getElementById('__search').click()")

        def first(words: str) -> str:
            for typed, state in (("", "=== null"), (words, "!== null")):
                browser.evaluate(TYPE.replace("WORDS", json.dumps(typed)))
                browser.until(f"{FIRST} {state}")
            return str(browser.evaluate(f"{FIRST}.pathname"))

        yield first
        server.shutdown()


TYPE = """(box => {
  box.focus();
  box.value = WORDS;
  box.dispatchEvent(new Event("keyup", { bubbles: true }));
})(document.querySelector("input[name=query]"))"""
FIRST = "document.querySelector('.md-search-result__item a')"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        pass


def test_a_search_for_a_command_or_an_option_lists_its_reference_first(
    searched: Callable[[str], str],
) -> None:
    commands = [each.name for each in references(program, "expander") if each.name.count(" ") == 1]
    for name in commands:
        assert searched(name) == f"/reference/commands/{name.replace(' ', '-')}.html"
    for option in ("--on-oom", "--max-in-flight", "--items-schema", "--keep-order", "retry-budget"):
        assert searched(option).startswith("/reference/commands/"), option
    assert searched("EXPANDER_STATE") == "/topics/environment.html"
