"""What mkdocs calls while it builds the site: generated pages, pages from elsewhere, links."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any, Final

from command_pages import command_pages, page_name
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from python_pages import TITLES, python_pages
from repository import ROOT, for_site, outside_files

from expander.base.regex import regex

COMMANDS, PYTHON = "reference/commands", "reference/python"

BOOSTS: Final = {COMMANDS: 40.0, "topics/": 20.0, "CHANGELOG": 0.1, "examples/": 0.5}
"""How much more a page counts in a search, by how its path begins."""

CONSOLE: Final = regex(
    r'<div class="highlight">(<pre><span></span><code><span class="gp">.*?)</div>', re.DOTALL
)
"""A console session as HTML."""

TAG: Final = regex(r"<[^>]*>")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages where the navigation names their folders."""
    config.nav = _filled(config.nav)
    return config


def _filled(nav: Any) -> Any:
    if isinstance(nav, list):
        return [_filled(each) for each in nav]
    if isinstance(nav, dict):
        return {title: _filled(each) for title, each in nav.items()}
    if nav == COMMANDS:
        names = (name.removeprefix("expander ") for name in command_pages())
        return [
            {name: f"{COMMANDS}/{page_name(name if name == 'expander' else f'expander {name}')}"}
            for name in names
        ]
    return [{title: f"{PYTHON}/{file}"} for file, title in TITLES.items()] if nav == PYTHON else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not below docs."""
    for path in outside_files():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for name, text in command_pages().items():
        files.append(File.generated(config, f"{COMMANDS}/{page_name(name)}", content=text))
    for file, text in python_pages().items():
        files.append(File.generated(config, f"{PYTHON}/{file}", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links lead to the site's pages."""
    page.meta["search"] = {
        "boost": next((boost for path, boost in BOOSTS.items() if page.file.src_uri.startswith(path)), 1.0)
    }
    generated = page.file.src_uri.startswith((COMMANDS, PYTHON))
    return markdown if generated else for_site(markdown, page.file.src_uri)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the button beside a console session copy its commands only."""
    return CONSOLE.sub(lambda found: found[0].replace(">", f' data-copy="{_commands(found[1])}">', 1), html)


def _commands(html: str) -> str:
    """The commands of a session, without prompts and output, as the value of an attribute."""
    lines = unescape(TAG.sub("", html)).splitlines()
    return escape("\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")) or line == ">"))
