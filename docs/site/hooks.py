"""What mkdocs calls while it builds the site: generated pages, pages from elsewhere, links."""

from __future__ import annotations

from typing import Any

from command_pages import command_pages, page_name
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from python_pages import TITLES, python_pages
from repository import ROOT, for_site, outside_files

COMMANDS, PYTHON = "reference/commands", "reference/python"


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
    generated = page.file.src_uri.startswith((COMMANDS, PYTHON))
    return markdown if generated else for_site(markdown, page.file.src_uri)
