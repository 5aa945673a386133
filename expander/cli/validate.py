"""``expander validate``: validate manifests offline, as the API server would."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from expander.cli.options.log import verbosity
from expander.cli.options.params import (
    Namespace,
    crds_option,
    group_label_option,
    output_option,
    policies_option,
)
from expander.cli.output.streams import Output, say
from expander.cli.output.validate import FORMATS, Report, report_of, template_hint
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.batch.validation import Validation

EXAMPLES = """
\b
Examples:
  expander validate jobs/
  expander expand job.yaml -i items.csv | expander validate -
  expander validate -R manifests -o sarif > findings.sarif
  expander validate -R manifests -o github
  expander validate jobs.jsonl --kubernetes-version 1.31 --quota quota.yaml
  expander validate queues/ --crds kueue-crds.yaml
  expander validate jobs/ --policies policies/ -n team-a

\b
Exit codes: 0 all manifests are valid or skipped, 1 some are invalid or unreadable, have rules that could not
be checked, or have warnings under --strict-warnings, 2 wrong usage or a missing path.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("paths", metavar="PATH...|-", nargs=-1, required=True)
@output_option("Output format.", "|".join(FORMATS))
@click.option("-R", "--recursive", is_flag=True, help="Descend into subfolders.")
@click.option("--kubernetes-version", metavar="1.xx", help="Kubernetes version.  [default: the newest known]")
@crds_option
@policies_option
@click.option(
    "-n",
    "--namespace",
    type=Namespace(),
    metavar="NAME",
    help="Namespace of manifests that name none, for --policies.  [default: default]",
)
@group_label_option("Label key of the group.")
@click.option(
    "--quota", multiple=True, metavar="FILE", help="Check the whole batch against these ResourceQuotas."
)
@click.option("--strict-warnings", is_flag=True, help="Treat warnings as failures (exit code 1).")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Worker processes for large batches.  [default: all cores]",
)
def command(
    paths: tuple[str, ...],
    output: str,
    recursive: bool,
    kubernetes_version: str | None,
    crds: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str | None,
    group_label: str,
    quota: tuple[str, ...],
    strict_warnings: bool,
    workers: int | None,
) -> int:
    """Validate manifests offline, as the Kubernetes API server would.

    PATH is a file, a folder (its .yaml, .yml, .json, .jsonl and .ndjson files) or - for standard input;
    a file may hold many documents. Kinds without a schema are skipped, never reported as valid; --crds
    gives schema and rules of custom resources, --policies what admission would refuse. With -v, valid and
    skipped manifests are listed too.
    """
    from expander.batch.validation import Validation, quotas_in
    from expander.batch.verdict import Cluster
    from expander.kube.versions import known

    definitions = None
    if crds:
        from expander.batch.crds import load_crds

        definitions = load_crds(*crds)
    found = None
    if policies:
        from expander.batch.policies import load_policies

        found = load_policies(*policies, crds=definitions)
    release = known(kubernetes_version)
    if release.caveat:
        say(f"warning: {release.caveat}")
    validation = Validation(
        paths,
        cluster=Cluster(release, definitions, found, namespace),
        recursive=recursive,
        group_label=group_label,
        quota=quotas_in(quota),
        workers=workers,
    )
    out = Output()
    report = report_of(output, out.put, **({"verbose": bool(verbosity())} if output == "text" else {}))
    templates = _fill(report, validation)
    out.finish()
    if validation.counts["invalid"] or validation.counts["error"]:
        _tell_templates(paths, templates, told=output == "github" or (output == "text" and not verbosity()))
    counts = validation.counts
    failed = (
        counts["invalid"]
        or counts["error"]
        or validation.unchecked
        or (strict_warnings and validation.warned > validation.noted)
    )
    return 1 if failed else 0


def _fill(report: Report, validation: Validation) -> dict[str, None]:
    """Report every verdict; gives the files that are templates, in order."""
    templates: dict[str, None] = {}
    for verdict in validation:
        report.add(verdict)
        if verdict.is_template:
            templates[verdict.source] = None
    report.finish(validation)
    return templates


def _tell_templates(paths: tuple[str, ...], found: dict[str, None], *, told: bool) -> None:
    """Say how templates are validated: those ``found`` unless they are ``told``, and others given."""
    from expander.batch.load import refers_to_item
    from expander.render.template_file import TemplateFile

    given = [path for path in filter(os.path.isfile, paths) if path not in found]
    given = [path for path in given if TemplateFile.is_jinja(path) or refers_to_item(path)]
    for path in [*([] if told else found), *given]:
        say(f"hint: {path} is {template_hint(path)}")
