"""``expander plan``: preview a submission."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import InputError, ItemError, UsageError
from expander.cli.expand import command as expand
from expander.cli.options.batch import request_of
from expander.cli.options.command import BatchPage
from expander.cli.options.params import output_option
from expander.cli.output.streams import ItemErrors, Output, say, warn
from expander.cli.submit import command as submit

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.manifests.manifest import Manifest
    from expander.plan.plan import Plan
    from expander.shapes.shape import Shape

CHUNKED_JOBS = 100
"""Jobs to aim for in the comparison of the shape chunks=N."""


def shapes_of(
    request: BatchRequest, on_error: Callable[[ItemError], None]
) -> Iterator[tuple[str, Iterator[Manifest]]]:
    """The batch in the shape asked for, then in each other shape, with the names of the shapes.

    The items are read once and kept. ``on_error`` is told of items of the first shape only. Raises UsageError
    when there is no template.
    """
    from expander.render.template_file import TemplateFile

    if not isinstance(request.batch, TemplateFile):
        raise UsageError("--compare requires a template and items, not manifests")
    known = None if request.items is None else list(request.items)
    for number, shape in enumerate(_candidates(request.parsed_shape, None if known is None else len(known))):
        tell = on_error if number == 0 else _ignore
        yield str(shape), replace(request, items=known, shape=shape).manifests(tell)


def _candidates(asked: Shape, count: int | None) -> list[Shape]:
    """The shape asked for, and one of each other kind that fits so many items."""
    chunk = 10 if count is None else max(2, ceil(count / CHUNKED_JOBS))
    plain = replace(asked, chunk=0, broker=None)
    others = [
        replace(plain, kind="jobs"),
        replace(plain, kind="indexed"),
        replace(plain, kind="chunks", chunk=chunk),
        replace(plain, kind="queue", broker="redis", secret="broker"),
    ]
    return [asked, *[shape for shape in others if shape.kind != asked.kind]]


def _ignore(_: object) -> None:
    """Errors and warnings of the other shapes are not shown."""


EXAMPLES = """
\b
Examples:
  expander plan job-tmpl.yaml apple banana cherry
  expander plan render.yaml -i frames.csv --context prod --qps 50
  expander plan jobs/ --quota quota.yaml
  expander plan render.yaml -i frames.csv --compare
  expander plan render.yaml -i frames.csv -o name | wc -l

\b
Accepts every command line of `submit`; options that do not change the plan are not listed. Sizes are those
of the JSON of each new object with its defaults and metadata; etcd stores shorter protobuf. Times are
estimated with --qps, else with 300 objects per second, for requests only: with a quota or --max-active the
rest waits for Jobs to finish.

\b
Exit codes: 0 everything can be sent, 1 some items cannot, 2 wrong usage or input.
"""

PLAN_OPTIONS = frozenset(
    ["burst", "context", "kubeconfig", "max_active", "on_quota", "qps", "queue", "selector"]
)
"""Options of ``submit`` that change a plan; the others are accepted but not listed."""


@click.command(cls=BatchPage, epilog=EXAMPLES)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="FILE",
    help="Read ResourceQuotas and LimitRanges from FILE instead of the cluster or --policies.",
)
@click.option("--offline", is_flag=True, help="Do not contact a cluster.")
@output_option("A report, a JSON object with all names, or only the names.", "text|json|name")
@click.option("--compare", is_flag=True, help="Compare with the other shapes (--as).")
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Preview a submission: what `submit` with the same arguments would create. Sends nothing.

    Shows names, counts, concurrent and total pods, their requests, bytes in etcd, the time to send, what fits
    into the quotas of the namespaces, and the limits of clusters that the batch approaches.
    """
    from expander.cli.output.plan import report_of
    from expander.cli.output.slow_server import SlowServer
    from expander.plan.capacity import capacity_source
    from expander.plan.plan import Rate
    from expander.plan.survey import Survey

    if flags["burst"] is not None and flags["qps"] is None:
        raise UsageError("--burst requires --qps")
    request, errors = request_of(arguments, flags), ItemErrors()
    slow = SlowServer()
    policies = request.loaded_policies()
    request = replace(request, policies=policies)
    limits = capacity_source(
        flags["kubeconfig"], flags["context"], flags["quotas"], flags["offline"], policies
    )
    slow.transport = getattr(limits, "transport", None)
    report = report_of(flags["output"], Output(), flags["on_quota"])
    if flags["compare"]:
        if flags["selector"]:
            raise UsageError("--compare cannot be used with --selector")
        batches = shapes_of(request, errors)
    else:
        batches = iter([(flags["shape"], request.manifests(errors, warn))])
    plans: list[Plan] = []
    for shape, manifests in batches:
        survey = Survey(
            rate=Rate(flags["qps"], flags["burst"], flags["max_active"]),
            namespace=limits.namespace,
            group_label=flags["group_label"],
            capacity=limits.of,
            on_error=errors,
            shape=shape,
            release=request.release,
        )
        try:
            for name in survey.names(manifests):
                if not plans:
                    report.add(name)
        except InputError as error:
            if not plans:
                raise
            say(f"--as {shape} is impossible: {error.problems[0]}")
            continue
        plan = survey.plan()
        plan.failed = errors.count
        plan.asked = limits.asked
        plan.unknown = [*limits.unknown(), *plan.unknown]
        if flags["queue"]:
            plan.suspended = plan.objects.get("Job", 0)
        plans.append(plan)
    report.finish(plans)
    errors.finish()
    return 1 if errors.count else 0


def _of_submit() -> list[click.Parameter]:
    """The parameters of ``submit`` that are not this command's own."""
    own = {param.name for param in command.params}
    listed = PLAN_OPTIONS | {param.name for param in expand.params} - {"dry_run"}
    found = [copy.copy(param) for param in submit.params if param.name not in own]
    for param in found:
        if isinstance(param, click.Option) and param.name not in listed:
            param.hidden = True
    return found


command.params = [*_of_submit(), *command.params]
