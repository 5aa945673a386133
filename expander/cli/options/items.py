"""Options that name the items of a batch, and those items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.once import Once
from expander.cli.options.params import all_of
from expander.cli.output.streams import say, warn

if TYPE_CHECKING:
    from expander.items.item import Item
    from expander.items.load import ItemSpec
    from expander.render.template_file import TemplateFile

item_options = all_of(
    click.option(
        "-i",
        "--items",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Read items from a source: a file (.txt, .csv, .tsv, .json, .jsonl, .yaml, .parquet, .arrow, "
        ".feather), FORMAT:FILE with lines, nul, csv, tsv, json, jsonl, yaml, parquet or arrow, "
        "a URL of one, - for standard input, a range 0-99:5, 'rows 1..1000 by 100', a pattern '*.png' "
        "(columns path, dir, name, stem, ext), or NAME=A,B,C (list:A for one). NAME=SOURCE names its column. "
        "Repeat to combine sources.",
    ),
    click.option(
        "--delimiter",
        cls=Once,
        noun="character",
        metavar="CHAR",
        help="Column separator of -i, such as ';' or '\\t'.",
    ),
    click.option(
        "--no-header", is_flag=True, help="Treat the first row of a table as an item; columns are 1, 2, ..."
    ),
    click.option(
        "--columns",
        cls=Once,
        noun="list of columns",
        joined=True,
        metavar="A,B,...",
        help="Column names of a table without a header.",
    ),
    click.option(
        "--items-schema",
        cls=Once,
        noun="file",
        metavar="FILE",
        help="Refuse items that do not match a JSON Schema.  [default: the one that the template names]",
    ),
    click.option("--unique", is_flag=True, help="Drop repeated items, keeping the first."),
    click.option(
        "--combine",
        type=click.Choice(["product", "zip", "chain"]),
        default="product",
        show_default=True,
        help="How to combine several sources.",
    ),
    click.option(
        "--include", multiple=True, metavar="K=V,...", help="Add or extend combinations, as CI matrices do."
    ),
    click.option("--exclude", multiple=True, metavar="K=V,...", help="Remove matching combinations."),
    click.option(
        "--slice",
        cls=Once,
        noun="slice",
        metavar="START:STOP[:STEP]",
        help="Use only these items, counted from 0.",
    ),
    click.option(
        "--limit",
        cls=Once,
        noun="number",
        type=click.IntRange(0),
        metavar="N",
        help="Use at most N items.",
    ),
)
"""Options of the items."""


def spec_of(arguments: tuple[str, ...], flags: Mapping[str, Any]) -> ItemSpec | None:
    """The items asked for; None when no option or argument is about items."""
    from expander.items.load import ItemSpec

    spec = ItemSpec(
        arguments=arguments,
        sources=flags["sources"],
        combine=flags["combine"],
        include=flags["include"],
        exclude=flags["exclude"],
        slice=flags["slice"],
        limit=flags["limit"],
        unique=flags["unique"],
        delimiter=flags["delimiter"],
        no_header=flags["no_header"],
        columns=tuple(flags["columns"].split(",")) if flags["columns"] else (),
    )
    return spec if spec.arguments or spec.sources or spec.include else None


def items_of(spec: ItemSpec, template: TemplateFile) -> Iterator[Item]:
    """The items, with a warning where an item, or a row, is probably meant for something else."""
    from expander.base.urls import without_credentials
    from expander.items.load import items
    from expander.items.source_spec import as_range, holds_items
    from expander.render.placeholder import COMMAND_SOURCE

    if len(spec.arguments) == 1 and not spec.sources:
        only = spec.arguments[0]
        if wanted := as_range(only):
            warn(f"{only!r} is the only item; -i {wanted} makes an item of each number")
        elif template.source != COMMAND_SOURCE and holds_items(only):
            shown = without_credentials(only)
            warn(f"{shown!r} is the only item; -i {shown} reads the items in the file")

    def on_header(source: str, names: list[str]) -> None:
        if len(names) == 1 and names[0] not in template.text:
            warn(f"{source}: the first row, {names[0]!r}, names the column; --no-header makes it an item")

    empty: set[str] = set()

    def on_empty(source: str) -> None:
        if source not in empty:  # a product reads a source again and again
            empty.add(source)
            warn(f"{source}: no items")

    return items(
        spec,
        on_header=on_header,
        on_dropped=lambda count: say(f"{counted(count, 'repeated item')} dropped"),
        on_empty=on_empty,
    )


def check_standard_input(template: str, spec: ItemSpec | None) -> None:
    """Raise UsageError when both the template and the items are to be read from standard input."""
    if template == "-" and spec is not None and reads_standard_input(spec.sources):
        raise UsageError("cannot read both the template and the items from standard input")


def reads_standard_input(sources: Iterable[str]) -> bool:
    """Whether one of the sources is standard input."""
    return "-" in {source.rpartition(":")[2].rpartition("=")[2] for source in sources}
