"""``expander validate``: manifests -> the API server's verdict, offline."""

from __future__ import annotations

import click

from expander.cli.help import Page
from expander.cli.log_options import verbosity
from expander.cli.output import Output
from expander.cli.params import LabelKey
from expander.cli.validate_reports import FORMATS, report_of

EXAMPLES = """
\b
Examples:
  expander validate jobs/
  expander expand job.yaml -i items.csv | expander validate -
  expander validate -R manifests -o sarif > findings.sarif
  expander validate jobs.jsonl --kubernetes-version 1.31 --quota quota.yaml

\b
Exit codes: 0 everything is valid (or skipped), 1 something is invalid or unreadable, or there are
warnings and --strict-warnings, 2 wrong usage or a path that is not there.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("paths", metavar="PATH...|-", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True, help="Format.")
@click.option("-R", "--recursive", is_flag=True, help="Look into folders below those named too.")
@click.option(
    "--kubernetes-version", metavar="1.xx", help="The server's version.  [default: the newest known]"
)
@click.option(
    "--group-label",
    type=LabelKey(),
    default="jobgroup",
    show_default=True,
    metavar="KEY",
    help="The batch's label.",
)
@click.option(
    "--quota", multiple=True, metavar="FILE", help="ResourceQuotas that the whole batch is held against."
)
@click.option("--strict-warnings", is_flag=True, help="Warnings make the exit code 1.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes for large batches.  [default: all cores]",
)
def command(
    paths: tuple[str, ...],
    output: str,
    recursive: bool,
    kubernetes_version: str | None,
    group_label: str,
    quota: tuple[str, ...],
    strict_warnings: bool,
    workers: int | None,
) -> int:
    """Say what a Kubernetes API server would say to manifests, without one.

    PATH is a file, a folder (its .yaml, .yml, .json, .jsonl and .ndjson files) or - for standard input;
    files may hold many documents. A kind that no schema is known for is skipped, never called valid.
    """
    from expander.batch.validation import Validation, quotas_in
    from expander.kube.versions import known

    validation = Validation(
        paths,
        release=known(kubernetes_version),
        recursive=recursive,
        group_label=group_label,
        quota=quotas_in(quota),
        workers=workers,
    )
    out = Output()
    report = report_of(output, out.put, **({"verbose": bool(verbosity())} if output == "text" else {}))
    for verdict in validation:
        report.add(verdict)
    report.finish(validation)
    out.finish()
    counts = validation.counts
    failed = counts["invalid"] or counts["error"] or (strict_warnings and validation.warned)
    return 1 if failed else 0
