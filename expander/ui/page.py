"""The live page: the report's page with a bar above it, whose parts come from the server as they change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from expander.base.data_files import folder
from expander.group.report_data import script_data, summarize
from expander.group.report_page import json_in_html, page_environment, page_values, script_text, style_text
from expander.version import __version__

PARTS: Final = ("head", "tiles", "failed", "timeline_text", "durations", "reasons", "slowest", "costs")
"""The blocks of the report's template that the page gets anew."""


class Page:
    """What the page is made of."""

    def __init__(self) -> None:
        self._environment = page_environment()

    @cached_property
    def html(self) -> str:
        """The page before it has any items."""
        from markupsafe import Markup

        nothing = summarize((), 0.0)
        return self._environment.get_template("ui/page.html").render(
            page_values(nothing, "expander", "", (), ()),
            version=f" {__version__}",
            data=Markup(json_in_html(script_data(nothing))),
        )

    @cached_property
    def style(self) -> str:
        """Its style sheet."""
        return style_text() + _own("live.css")

    @cached_property
    def script(self) -> str:
        """Its script."""
        return script_text() + "".join(_own(name) for name in ("connection.js", "groups.js", "live.js"))

    @cached_property
    def icon(self) -> str:
        """Its icon (SVG)."""
        return _own("icon.svg")

    def parts(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The HTML of each part, and the page's title, for what `page_values` tells."""
        template = self._environment.get_template("report/page.html")
        context = template.new_context(dict(values))
        found = {name: "".join(template.blocks[name](context)) for name in PARTS}
        return {**found, "title": f"{values['title']}: {values['verdict']}"}


def _own(name: str) -> str:
    return (folder("templates") / "ui" / name).read_text(encoding="utf-8")
