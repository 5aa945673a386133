"""``expander expand``: expand a template and items into manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ItemError
from expander.base.text import counted
from expander.cli.options.batch import request_of, template_options
from expander.cli.options.command import BatchPage, command_options
from expander.cli.options.items import item_options
from expander.cli.options.params import check_folder
from expander.cli.options.shape import into_file
from expander.cli.output.changes import listed
from expander.cli.output.streams import ItemErrors, Output, say_on_terminal, warn

if TYPE_CHECKING:
    from expander.batch.expand import Expansion
    from expander.batch.write import Targets

MAX_KEPT = 10
"""Names of edited files that are shown."""


def preview(expansion: Expansion, targets: Targets, show: int) -> None:
    """Print the first ``show`` names of the batch and the counts, on standard output."""
    out = Output()
    shown = 0
    counts: dict[str, int] = {}
    size = 0
    for manifests in expansion:
        files = targets.names.of(manifests) if targets.directory else None
        for number, manifest in enumerate(manifests):
            counts[manifest.kind] = counts.get(manifest.kind, 0) + 1
            if shown < show:
                shown += 1
                place = f"  -> {targets.directory}/{files[number]}" if files else ""
                where = f" -n {manifest.namespace}" if manifest.namespace else ""
                out.put(f"{manifest.kind.lower()}/{manifest.name}{where}{place}\n")
            size += len(manifest.json())
    total = sum(counts.values())
    if total > shown:
        out.put(f"... and {total - shown:,} more\n")
    kinds = ", ".join(counted(count, kind) for kind, count in sorted(counts.items()))
    failed = f", {expansion.failed:,} failed" if expansion.failed else ""
    out.put(
        f"{counted(total, 'manifest')} ({kinds or 'none'}; {size:,} bytes as JSON){failed}; nothing written\n"
    )
    out.finish()


EXAMPLES = """
\b
Examples:
  expander expand job-tmpl.yaml apple banana cherry -o jobs
  expander expand job.yaml.jinja2 | kubectl apply -f -
  expander expand job-tmpl.yaml -i samples.csv -o json > jobs.jsonl
  ls *.png | expander expand render.yaml -i - --group pngs -o jobs
  expander expand sweep.yaml -i rate=0.1,0.01 -i seed=1-10 --dry-run
  expander expand render.yaml -i frames.csv --as indexed --parallelism 50
  expander expand --image busybox -i names.txt -- echo hello {}
  expander expand render.yaml -i frames.csv --as queue=redis --queue-url redis://redis -o jobs

\b
Sources (-i): a file (.txt .csv .tsv .json .jsonl .yaml .nul, also with .gz), - (standard input),
a range (0-99, 0-99:5), row chunks ("rows 1..1000000 by 1000"), a glob ("img/*.png").
FORMAT:PATH sets the format, NAME=SOURCE names the column.

\b
Exit codes: 0 all items were expanded, 1 some items failed, 2 wrong usage or input.
"""


@click.command(cls=BatchPage, epilog=EXAMPLES)
@click.argument("arguments", metavar="TEMPLATE [ITEM]... | [ITEM]... -- CMD", nargs=-1)
@command_options
@item_options
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="yaml|kyaml|json|DIR",
    help="YAML (default), KYAML or JSON Lines on standard output, or files in DIR; both may be given.",
)
@click.option(
    "--filename",
    metavar="PATTERN",
    help="File names in DIR: {kind} {name} {namespace} {item} {index}.  [default: {kind}-{item}.yaml]",
)
@click.option(
    "--prune", is_flag=True, help="Remove files in DIR that an earlier run wrote and this one did not."
)
@template_options
@click.option("--dry-run", is_flag=True, help="Print the first names and the counts; write nothing.")
@click.option(
    "--show", type=click.IntRange(0), default=10, show_default=True, help="Maximum names shown by --dry-run."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first failed item.")
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Expand TEMPLATE once per ITEM into Kubernetes manifests.

    In TEMPLATE, $ITEM is the item and ${ITEM.column} a column of it. A file named *.jinja2 or *.j2 is a
    Jinja2 template with the variables `item`, `index` and the columns, or with parameters of its own.
    With -- CMD [ARG]... and --image the template is a Job that runs CMD, as for `run`; --print-template
    prints it.
    """
    from expander.batch.write import STREAMS, Targets, write

    for each in filter(None, flags["outputs"]):
        check_folder(each, STREAMS)
    targets = Targets.of(flags["outputs"], flags["filename"], flags["prune"])
    on_queue = None if flags["dry_run"] else into_file(flags, targets.directory)
    request = request_of(arguments, flags, on_queue, template=True)
    errors = ItemErrors()

    def on_error(error: ItemError) -> None:
        if flags["fail_fast"]:
            raise error
        errors(error)

    expansion = request.expansion(on_error, targets.rendered)
    if flags["dry_run"]:
        preview(expansion, targets, flags["show"])
    else:
        written = write(expansion, targets)
        say_on_terminal(written.summary)
        if written.kept:
            warn(f"--prune keeps what was edited: {listed(written.kept, MAX_KEPT)}")
    for warning in expansion.warnings:
        warn(warning)
    errors.finish()
    return 1 if errors.count else 0
