"""Completion of words: which parameter takes what; names of groups, items, columns, namespaces, contexts.

Names come from local state and from the cluster, within a short time. When that fails nothing is offered:
pressing TAB never prints an error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem, ShellComplete

from expander.cli.options import complete_batch
from expander.cli.options.complete_shells import OPEN

if TYPE_CHECKING:
    from expander.client.client import ApiClient
    from expander.kube.objects import Object

TIMEOUT_SECONDS: Final = 2.0
"""Time after which the names found so far are offered, unless `TIMEOUT_VARIABLE` is set."""

TIMEOUT_VARIABLE: Final = "EXPANDER_COMPLETION_TIMEOUT"
"""The environment variable with that time, in seconds."""

MAX_OBJECTS: Final = 1000
"""Objects read for names."""

FILES: Final = 0
NO_SPACE: Final = 2
NO_FILES: Final = 4
"""Directives of cobra's completion: what kubectl does when nothing is offered, and behind what it inserts."""

Find = Callable[[click.Context], Iterable[str]]


def attach(command: click.Command) -> None:
    """Let the parameters of a command, and of those below it, offer what they can be."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        attach(below)
    for parameter in command.params:
        complete: Any
        if parameter.name == "sources":
            complete = _sources
        elif (find := _find_of(parameter)) is not None:
            complete = partial(_offer, find)
        elif (kind := _path_kind(parameter)) is not None:
            complete = partial(_path, kind)
        elif "|" in (parameter.metavar or ""):
            complete = partial(_words, str(parameter.metavar).split("|"))
        else:
            continue
        vars(parameter)["shell_complete"] = complete


def kubectl(program: click.Command, arguments: list[str]) -> Iterator[str]:
    """The lines by which a ``kubectl_complete-NAME`` program answers kubectl; the last word is begun."""
    *words, last = arguments or [""]
    found = ShellComplete(program, {}, "kubectl expander", "").get_completions(words, last)
    plain = [item for item in found if item.type == "plain"]
    for item in plain:
        yield f"{item.value}\t{item.help}" if item.help else str(item.value)
    directive = NO_FILES if len(plain) == len(found) else FILES
    if plain and all(str(item.value).endswith(OPEN) for item in plain):
        directive |= NO_SPACE
    yield f":{directive}"


def _find_of(parameter: click.Parameter) -> Find | None:
    if isinstance(parameter.type, click.Choice):
        return None
    if isinstance(parameter, click.Argument) and parameter.metavar in BY_METAVAR:
        return BY_METAVAR[parameter.metavar]
    name = parameter.name or ""
    if name in OF_ARGUMENTS and not isinstance(parameter, click.Argument):
        return None
    return BY_NAME.get(name)


def _path_kind(parameter: click.Parameter) -> str | None:
    metavar = parameter.metavar or ""
    if parameter.name in ("template", "paths", "arguments", "old", "new") or metavar in ("FILE", "FILE|DIR"):
        return "file"
    return "dir" if metavar == "DIR" else None


def _path(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type=kind)]


def _words(words: list[str], ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Those of ``yaml|json|count=N|DIR`` that are no names for something else, and folders."""
    begun = [word[: word.find("=") + 1] or word for word in words]
    values = [word for word in begun if word.islower() and word.startswith(incomplete)]
    folders = complete_batch.paths(incomplete, lambda name: False) if "DIR" in words else ()
    return [*map(CompletionItem, values), *map(CompletionItem, folders)]


def _sources(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    try:
        return [*map(CompletionItem, complete_batch.sources(ctx, incomplete))]
    except OSError:  # a folder that is not there, or cannot be read
        return []


def _offer(find: Find, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """What ``find`` gives within `TIMEOUT_SECONDS`; of a list ``a,b`` the last part is completed."""
    from expander.client.ahead import Ahead

    before, comma, last = incomplete.rpartition(",")
    found: dict[str, None] = {}

    def work() -> None:
        for name in find(ctx):
            found[name] = None

    Ahead(work).wait(_timeout())  # without a cluster, a group or rights there is nothing to offer
    names = sorted([*found])  # a copy: the thread may still be at work
    return [CompletionItem(before + comma + name) for name in names if name.startswith(last)]


def _timeout() -> float:
    try:
        seconds = float(os.environ.get(TIMEOUT_VARIABLE, TIMEOUT_SECONDS))
    except ValueError:
        return TIMEOUT_SECONDS
    return seconds if 0 <= seconds <= threading.TIMEOUT_MAX else TIMEOUT_SECONDS


def _topics(ctx: click.Context) -> Iterator[str]:
    from expander.cli.pages.topic import topics

    program = ctx.find_root().command
    assert isinstance(program, click.Group)
    yield from topics()
    yield from program.list_commands(ctx)


def _groups(ctx: click.Context) -> Iterator[str]:
    from expander.base.state_dir import state_folder
    from expander.group.cluster.watch import GroupLister
    from expander.group.local.state import GroupFolders
    from expander.kube.objects import Selection

    flags = ctx.params
    yield from GroupFolders(state_folder("any", flags.get("state")).parent, None).known()
    if flags.get("local") or flags.get("state"):
        return
    label = flags.get("group_label") or "jobgroup"
    asking, namespace = _cluster(flags)
    lister = GroupLister(asking, Selection(None if flags.get("everywhere") else namespace, label))
    yield from (job["metadata"]["labels"][label] for job in lister.selected())


def _items(ctx: click.Context) -> Iterator[str]:
    from expander.cli.options.group import selector_of
    from expander.group.open import open_source
    from expander.group.records import all_records

    jobs = islice(open_source(selector_of(ctx.params)).jobs(), MAX_OBJECTS)
    for record in islice(all_records(jobs, ()), MAX_OBJECTS):
        yield record.job
        if record.key.isprintable() and not set(record.key) & set(" ,:'\"\\"):  # what shells take apart
            yield record.key


def _namespaces(ctx: click.Context) -> Iterator[str]:
    asking, _ = _cluster(ctx.params)
    for page in asking.pages("/api/v1/namespaces", ""):
        yield from (each["metadata"]["name"] for each in page["items"])


def _contexts(ctx: click.Context) -> Iterator[str]:
    from expander.base.yaml import load_documents
    from expander.client.kubeconfig import kubeconfig_files

    for path in kubeconfig_files(ctx.params.get("kubeconfig")).split(os.pathsep):
        with open(path, "rb") as file:
            for document in load_documents(file.read(), path):
                yield from (str(each["name"]) for each in document.data["contexts"])


def _cluster(flags: dict[str, Any]) -> tuple[ApiClient, str]:
    """What asks the cluster, and the namespace that is meant."""
    from expander.client.client import ApiClient
    from expander.client.retry import Retry
    from expander.client.transport import Transport

    transport = Transport(flags.get("kubeconfig"), flags.get("context"))
    namespace = flags.get("namespace") or transport.namespace
    return ApiClient(transport, Retry(budget=_timeout()), lambda: False), namespace


def _first_job(ctx: click.Context) -> Object | None:
    from expander.cli.options.group import selector_of
    from expander.group.open import open_source

    return next(iter(open_source(selector_of(ctx.params)).jobs()), None)


def _columns_of_group(ctx: click.Context) -> Iterator[str]:
    from expander.group.records import all_records

    job = _first_job(ctx)
    for record in islice(all_records([job] if job else (), ()), 1):
        yield from record.columns


def _sort_columns(ctx: click.Context) -> Iterator[str]:
    from expander.group.table import COLUMNS

    yield from ("input", "name", "output", *COLUMNS)
    yield from _columns_of_group(ctx)


def _containers(ctx: click.Context) -> Iterator[str]:
    from expander.kube.workloads import workload_of

    if (job := _first_job(ctx)) is not None:
        for template in workload_of(job).templates(job):
            spec = template["spec"]
            yield from (each["name"] for each in (*spec.get("initContainers", ()), *spec["containers"]))


def _changes(ctx: click.Context) -> Iterator[str]:
    from expander.manifests.set_field import keys_of

    if (job := _first_job(ctx)) is not None:
        yield from (f"{key}=" for key in keys_of(job))


BY_NAME: Final[dict[str, Find]] = {
    "changes": _changes,
    "container": _containers,
    "containers": _containers,
    "context": _contexts,
    "exclude": complete_batch.column_values,
    "group": _groups,
    "images": complete_batch.images,
    "include": complete_batch.column_values,
    "items": _items,
    "jobs": _items,
    "key": complete_batch.columns,
    "kubernetes_version": complete_batch.releases,
    "names": _items,
    "namespace": _namespaces,
    "overrides": complete_batch.values,
    "pattern": complete_batch.starters,
    "queue_url": complete_batch.broker_urls,
    "shape": complete_batch.shapes,
    "shown": _columns_of_group,
    "sort": _sort_columns,
    "url": complete_batch.broker_urls,
}
"""By the name of a parameter: what it can be."""

OF_ARGUMENTS: Final = ("jobs", "images")
"""Names that mean something else where an option has them."""

BY_METAVAR: Final[dict[str | None, Find]] = {
    "KEY|JOB|POD": _items,
    "[COMMAND]": complete_batch.commands,
    "[TOPIC | COMMAND...]": _topics,
}
"""The same for arguments with names that say less."""
