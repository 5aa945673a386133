"""Jobs of several items each: one container runs the command of each item in turn.

An item that fails does not stop the others. When all have run, those that failed are tried again, as often
and after as long as the Job controller would; the container's exit code is 0 when every item has succeeded.
What became of each item is in the log, on standard error: ``[expander] index 7 exit 0: "apple"``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from expander.base.errors import InputError
from expander.base.option_names import option
from expander.base.written_numbers import dumps
from expander.kube.expansion import literal
from expander.manifests.manifest import Manifest
from expander.shapes.containers import Containers, only_container
from expander.shapes.indexed import DEFAULT_BACKOFF_LIMIT
from expander.shapes.job_template import (
    Row,
    Rows,
    Tree,
    begin,
    container_at,
    job_name,
    manifest,
    require,
    rewrite,
)
from expander.shapes.shape import Shape
from expander.shapes.shell import cleaning

MAX_NUMBER_CHARS = 7
"""Characters kept free for the number of the Job behind its name."""
MAX_ARGUMENT_BYTES = (128 << 10) - 1
"""Bytes of one argument of a program (Linux: MAX_ARG_STRLEN, with an end)."""
MAX_ITEMS_BYTES = 1 << 20
"""Bytes of all items of a Job as JSON; etcd takes objects of 1.5 MiB."""
FAILED_EXIT_CODE = 1
"""The exit code of the container when items have failed for good: the Job is not to run them all again."""

ONE_ITEM = {
    "completions": (1,),
    "parallelism": (1,),
    "completionMode": ("NonIndexed",),
    "activeDeadlineSeconds": (),
    "podFailurePolicy": (),
    "backoffLimitPerIndex": (),
    "maxFailedIndexes": (),
    "successPolicy": (),
}

MAX_LABEL_CHARS = 200
"""Characters of an item in the log."""

RUNNER = """\
expander_first=$1 expander_limit=$2 expander_wait=${EXPANDER_BACKOFF_BASE-10} expander_left=all
shift 2
expander_child= expander_end=
trap 'expander_end=143; kill -TERM $expander_child 2>/dev/null' TERM
expander_await() {
  expander_child=$!
  [ -z "$expander_end" ] || kill -TERM $expander_child 2>/dev/null
  wait $expander_child; expander_code=$?
  [ -z "$expander_end" ] || { wait $expander_child; set -- $?; [ $1 = 127 ] || expander_code=$1; }
}
while :; do
  expander_failed=' ' expander_index=$expander_first
  for expander_item in "$@"; do
    case $expander_left in all | *" $expander_index "*)
      [ -z "$expander_end" ] || exit $expander_end
      (eval "$expander_item"; CLEAN; exec "$@") &
      expander_await
      expander_item=${expander_item%%
*}
      printf '[expander] index %s exit %s: %s\\n' $expander_index $expander_code "${expander_item#?}" >&2
      [ $expander_code = 0 ] || expander_failed="$expander_failed$expander_index "
    esac
    expander_index=$((expander_index + 1))
  done
  [ "$expander_failed" != ' ' ] || exit 0
  [ -z "$expander_end" ] || exit $expander_end
  [ $expander_limit != 0 ] || exit FAILED
  sleep $expander_wait &
  expander_await
  expander_wait=$((expander_wait < 300 ? expander_wait * 2 : 600))
  expander_limit=$((expander_limit - 1)) expander_left=$expander_failed
done
"""


LOOKAHEAD_ITEMS = 20_000
"""Items that are looked at before the first Job is given, so that what no Job can be is seen before."""


def build(rows: Rows, stream: Iterator[Row], shape: Shape, warnings: list[str]) -> Iterator[list[Manifest]]:
    """The Jobs, as soon as their items are there; each companion with the first Job that follows it."""
    first = number = told = 0
    ahead = list(islice(stream, LOOKAHEAD_ITEMS))
    rows.require_job()
    stream = chain(ahead, stream)
    while items := list(islice(stream, shape.chunk)):
        others = rows.others()[told:]
        told += len(others)
        yield [*others, chunk(rows, items, shape, first, number, warnings)]
        first += len(items)
        number += 1
    if len(rows.others()) > told:
        yield rows.others()[told:]


def chunk(
    rows: Rows, items: Sequence[Row], shape: Shape, first: int, number: int, warnings: list[str]
) -> Manifest:
    """Job ``number``, of ``items``, of which the first has the index ``first`` in the batch.

    Raises InputError for what such a Job cannot be, and for items that are too large for one.
    """
    assert rows.common is not None
    assert rows.first is not None
    require(rows, shape, ONE_ITEM, {})
    containers = Containers(rows.common, rows.first, shape)
    place = only_container(rows, containers, items, shape, warnings)
    name = f"{job_name(rows, shape, MAX_NUMBER_CHARS)}-{number}"
    tree = begin(rows, name, items)
    spec = tree["spec"]
    limit = spec.get("backoffLimit")
    difference = containers.difference(items, place, argv=True)
    container = container_at(tree, place)
    texts = [
        f"#{dumps(row.value, ensure_ascii=False)[:MAX_LABEL_CHARS]}\n{script}"
        for row, script in zip(items, difference.scripts, strict=True)
    ]
    _check_sizes(items, texts)
    runner = RUNNER.replace("CLEAN", cleaning(container.get("env") or ())).replace(
        "FAILED", str(FAILED_EXIT_CODE)
    )
    words = [str(first), str(DEFAULT_BACKOFF_LIMIT if limit is None else limit), *texts]
    rewrite(
        container,
        command=["/bin/sh", "-c", literal(runner), "sh"],
        args=[literal(word) for word in words],
        env=difference.native_env or None,
    )
    _fail_once(spec, container["name"], warnings)
    return manifest(tree, rows)


def _fail_once(spec: Tree, container: str, warnings: list[str]) -> None:
    """Keep the Job from running all items again because some have failed for good."""
    rule = {
        "action": "FailJob",
        "onExitCodes": {"containerName": container, "operator": "In", "values": [FAILED_EXIT_CODE]},
    }
    spec["podFailurePolicy"] = {"rules": [rule]}
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") != "Never":
        pod["restartPolicy"] = "Never"
        message = "restartPolicy becomes Never: items that failed are tried again by the container itself"
        if message not in warnings:
            warnings.append(message)


def _check_sizes(items: Sequence[Row], texts: Sequence[str]) -> None:
    total = 0
    for row, text in zip(items, texts, strict=True):
        size = len(text.encode())
        if size > MAX_ARGUMENT_BYTES:
            raise InputError(
                f"{size:,} bytes of command line and variables, and one argument has {MAX_ARGUMENT_BYTES:,}",
                item=row.label,
                hint=f"use {option('--as indexed')} or {option('--as jobs')}",
            )
        total += len(json.dumps(text, ensure_ascii=False).encode())
    if total > MAX_ITEMS_BYTES:
        fewer = max(1, len(items) * MAX_ITEMS_BYTES // total * 9 // 10)
        raise InputError(
            f"{len(items):,} items take {total:,} bytes of one Job, which holds {MAX_ITEMS_BYTES:,}",
            hint=f"use fewer a Job: {option(f'--as chunks={fewer}')}",
        )
