"""``expander diff``: what a change of a template, or of manifests, changes in the batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from expander.base.text import counted
from expander.cli.options.batch import request_of, template_options
from expander.cli.options.items import check_standard_input, item_options, spec_of
from expander.cli.options.params import output_option
from expander.cli.output.changes import listed, one_line, shown_values, who_of
from expander.cli.output.streams import ItemErrors, Output, say
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.diff.comparison import Comparison

_PLACE = ("namespace", "local", "state", "kubeconfig", "context", "group_label")

EXAMPLES = """
\b
Examples:
  expander diff old.yaml new.yaml -i samples.csv
  git show HEAD:job.yaml | expander diff - job.yaml apple banana
  expander diff jobs/ job.yaml -i samples.csv
  expander diff group/align align.yaml -i samples.csv
  expander diff group/align align.yaml -i samples.csv --local -o json

\b
Exit codes: 0 no difference, 1 some, 2 wrong usage or input, also an item that makes no manifest.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("old")
@click.argument("new")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@item_options
@output_option("By field, or JSON Lines with an object for each one that differs.")
@click.option(
    "--show", type=click.IntRange(1), default=10, show_default=True, help="Maximum values and names shown."
)
@template_options
@click.option("--local", is_flag=True, help="Find groups among runs on this machine.")
@click.option("--state", metavar="DIR", help="State folder; implies --local.")
@click.option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file.  [default: as kubectl]")
@click.option("--context", metavar="NAME", help="Kubeconfig context to use.")
def command(old: str, new: str, items: tuple[str, ...], **flags: Any) -> int:
    """Compare two batches by item and field: templates, manifests or the Jobs of a group.

    OLD and NEW are templates, files or folders of manifests, - (a template on standard input), or group/NAME
    for the Jobs of a group in the cluster or, with --local, on this machine. Templates get the same items.
    Defaults that an API server fills in are no difference.
    """
    from expander.diff.sides import compare_sides, sides_of, template_of
    from expander.group.open import GroupSelector

    for side in (old, new):
        check_standard_input(side, spec_of(items, flags))
    sides = sides_of(old, new, "text" if flags["text"] else flags["engine"])
    template = template_of(sides, has_items=bool(items or flags["sources"] or flags["include"]))
    path = new if template is None else template.path
    request = request_of((path, *items), {**flags, "command": ()}, template=template or False)
    where = GroupSelector(**{name: flags[name] for name in _PLACE})
    errors = ItemErrors()
    found = compare_sides(*sides, request, where, errors)
    out = Output()
    if flags["output"] == "json":
        _put_json(out, found)
    else:
        _put_text(out, found, flags["show"])
    out.finish()
    if found.skipped:
        say(f"{counted(found.skipped, 'object')} not compared: of a group only Jobs are")
    errors.finish()
    return 2 if errors.count else 0 if found.equal else 1


def _put_json(out: Output, found: Comparison) -> None:
    for each in found.changed:
        changes = [change._asdict() for change in each.fields]
        record = {"item": each.title, "kind": each.kind, "name": each.name, "changes": changes}
        out.put(json.dumps(record, ensure_ascii=False) + "\n")
    for only, titles in (("new", found.added), ("old", found.removed)):
        for title in titles:
            out.put(json.dumps({"item": title, "only": only}, ensure_ascii=False) + "\n")


def _put_text(out: Output, found: Comparison, show: int) -> None:
    only = [(words, titles) for words, titles in (("new", found.added), ("old", found.removed)) if titles]
    for path, values in found.by_field().items():
        count = sum(len(titles) for _, _, titles in values)
        if len(values) == 1:
            old, new, titles = values[0]
            who = who_of(titles, found.compared)
            out.put(f"{one_line(path)}: {' -> '.join(shown_values(old, new))} ({who})\n")
            continue
        out.put(f"{one_line(path)} ({counted(count, 'object')})\n")
        for old, new, titles in values[:show]:
            out.put(f"  {who_of(titles, found.compared)}: {' -> '.join(shown_values(old, new))}\n")
        if len(values) > show:
            out.put(f"  and {counted(len(values) - show, 'more change')}\n")
    for words, titles in only:
        out.put(f"only in the {words}: {listed(titles, show)}\n")
    counts = "".join(f", {len(titles):,} only in the {words}" for words, titles in only)
    out.put(f"{counted(found.compared, 'object')} compared: {len(found.changed):,} changed{counts}\n")
