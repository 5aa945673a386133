"""``expander expand``: template and items -> manifests in a folder or on standard output."""

from __future__ import annotations

from typing import Any

import click

from expander.base.errors import ItemError, UsageError
from expander.cli.messages import ItemErrors, say, say_on_terminal
from expander.cli.parameters import Duration, KeyValue, LabelKey, read_values, unique

EXAMPLES = """
\b
Examples:
  expander expand job-tmpl.yaml apple banana cherry -o jobs
  expander expand job.yaml.jinja2 | kubectl apply -f -
  expander expand job-tmpl.yaml -i samples.csv -o json > jobs.jsonl
  ls *.png | expander expand render.yaml -i - --group pngs -o jobs
  expander expand sweep.yaml -i rate=0.1,0.01 -i seed=1-10 --dry-run

\b
Sources (-i): a file (.txt .csv .tsv .json .jsonl .yaml .nul, also with .gz), - (standard input),
a range (0-99, 0-99:5), row chunks ("rows 1..1000000 by 1000"), a glob ("img/*.png").
FORMAT:PATH names the format, NAME=SOURCE the column.
"""


@click.command(epilog=EXAMPLES)
@click.argument("template")
@click.argument("arguments", metavar="[ITEM]...", nargs=-1)
@click.option(
    "-i",
    "--items",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Items from a source (repeat to combine).",
)
@click.option(
    "--combine",
    type=click.Choice(["product", "zip", "chain"]),
    default="product",
    show_default=True,
    help="How several sources become one.",
)
@click.option(
    "--include", multiple=True, metavar="K=V,...", help="Add or extend combinations, as CI matrices do."
)
@click.option("--exclude", multiple=True, metavar="K=V,...", help="Drop combinations that match.")
@click.option("--slice", metavar="START:STOP[:STEP]", help="Only these items, counted from 0.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="At most N items.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="yaml|json|DIR",
    help="Standard output as YAML (default) or JSON Lines, or files in DIR. Give one of each for both.",
)
@click.option(
    "--filename",
    metavar="PATTERN",
    help="Names of files in DIR: {kind} {name} {namespace} {item} {index}.  [default: {kind}-{item}.yaml]",
)
@click.option(
    "--prune", is_flag=True, help="Remove files in DIR that an earlier run wrote and this one does not."
)
@click.option("--group", metavar="NAME", help="The batch's name, a label on each Job and its pods.")
@click.option(
    "--group-label",
    type=LabelKey(),
    default="jobgroup",
    show_default=True,
    metavar="KEY",
    help="The key of that label.",
)
@click.option(
    "--label", "labels", multiple=True, type=KeyValue("label"), help="A label for every object and pod."
)
@click.option(
    "--annotation", "annotations", multiple=True, type=KeyValue("annotation"), help="An annotation likewise."
)
@click.option("--overwrite", is_flag=True, help="--label and --annotation replace what the template has.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    type=KeyValue("value"),
    help="A text for the template; wins over columns.",
)
@click.option(
    "--values", "value_files", multiple=True, metavar="FILE", help="Values for the template, YAML or JSON."
)
@click.option("--ttl", type=Duration(), help="Delete finished Jobs after this time: ttlSecondsAfterFinished.")
@click.option("-n", "--namespace", metavar="NAME", help="The namespace of every object.")
@click.option(
    "--engine",
    type=click.Choice(["item", "jinja2", "text"]),
    help="How to read TEMPLATE; else its name says.",
)
@click.option(
    "--text", is_flag=True, help="Substitute in plain text (--engine text), for templates that are not YAML."
)
@click.option("--allow-shell", is_flag=True, help="Let items put anything into shell scripts.")
@click.option("--no-validate", is_flag=True, help="Do not check manifests as an API server would.")
@click.option(
    "--kubernetes-version", metavar="1.xx", help="That server's version.  [default: the newest known]"
)
@click.option("--dry-run", is_flag=True, help="Show the first names and the counts, write nothing.")
@click.option(
    "--show", type=click.IntRange(0), default=10, show_default=True, help="So many names with --dry-run."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first item that fails.")
def command(**flags: Any) -> int:
    """Expand TEMPLATE once per ITEM into Kubernetes manifests.

    In TEMPLATE, $ITEM is the item and ${ITEM.column} a column of it; a file named *.jinja2 or *.j2 is a
    Jinja2 template, in which `item` and the columns are variables, or which brings its own parameters.
    """
    from expander.items import ItemSpec, items
    from expander.manifests.edits import Edits
    from expander.pipeline.expand import checked_group, prepare
    from expander.pipeline.templates import TemplateFile
    from expander.pipeline.write import Targets, write

    if flags["text"] and flags["engine"] not in (None, "text"):
        raise UsageError(f"--text means --engine text, not {flags['engine']}")
    targets = Targets.of(flags["outputs"], flags["filename"], flags["prune"])
    spec = ItemSpec(
        arguments=flags["arguments"],
        sources=flags["sources"],
        combine=flags["combine"],
        include=flags["include"],
        exclude=flags["exclude"],
        slice=flags["slice"],
        limit=flags["limit"],
    )
    if flags["template"] == "-" and "-" in {
        source.rpartition(":")[2].rpartition("=")[2] for source in spec.sources
    }:
        raise UsageError("the template and the items cannot both come from standard input")
    given = bool(spec.arguments or spec.sources or spec.include)
    file = TemplateFile(flags["template"])
    stream = items(spec) if given else None
    errors = ItemErrors()

    def on_error(error: ItemError) -> None:
        if flags["fail_fast"]:
            raise error
        errors(error)

    expansion = prepare(
        file,
        stream,
        engine="text" if flags["text"] else flags["engine"],
        output=targets.rendered,
        on_error=on_error,
        values=read_values(flags["value_files"]),
        overrides=unique(flags["overrides"], "--set"),
        edits=Edits(
            group=checked_group(flags["group"]),
            group_label=flags["group_label"],
            labels=unique(flags["labels"], "--label"),
            annotations=unique(flags["annotations"], "--annotation"),
            overwrite=flags["overwrite"],
            ttl=flags["ttl"],
            namespace=flags["namespace"],
        ),
        allow_shell=flags["allow_shell"],
        validate=not flags["no_validate"],
        version=flags["kubernetes_version"],
    )
    if flags["dry_run"]:
        from expander.cli.preview import preview

        preview(expansion, targets, flags["show"])
    else:
        summary = write(expansion, targets)
        say_on_terminal(summary)
    for warning in expansion.warnings:
        say(f"warning: {warning}")
    errors.finish()
    return 1 if errors.count else 0
