"""Completion of words: names of groups, items, namespaces, contexts, and files.

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

if TYPE_CHECKING:
    from expander.client.client import ApiClient

TIMEOUT_SECONDS: Final = 2.0
"""Time after which the names found so far are offered, unless `TIMEOUT_VARIABLE` is set."""

TIMEOUT_VARIABLE: Final = "EXPANDER_COMPLETION_TIMEOUT"
"""The environment variable with that time, in seconds."""

MAX_OBJECTS: Final = 1000
"""Objects read for names."""

FILES: Final = 0
NO_FILES: Final = 4
"""Directives of cobra's completion: what kubectl does when nothing is offered."""

Find = Callable[[click.Context], Iterable[str]]


def attach(command: click.Command) -> None:
    """Let the parameters of a command offer what they can be."""
    for parameter in command.params:
        find = BY_NAME.get(parameter.name or "")
        if find is not None and (parameter.name != "jobs" or isinstance(parameter, click.Argument)):
            vars(parameter)["shell_complete"] = partial(_offer, find)
        elif (kind := _path_kind(parameter)) is not None:
            vars(parameter)["shell_complete"] = partial(_path, kind)


def kubectl(program: click.Command, arguments: list[str]) -> Iterator[str]:
    """The lines by which a ``kubectl_complete-NAME`` program answers kubectl; the last word is begun."""
    *words, last = arguments or [""]
    directive = NO_FILES
    for item in ShellComplete(program, {}, "kubectl expander", "").get_completions(words, last):
        if item.type == "plain":
            yield f"{item.value}\t{item.help}" if item.help else str(item.value)
        else:
            directive = FILES
    yield f":{directive}"


def _path_kind(parameter: click.Parameter) -> str | None:
    metavar = parameter.metavar or ""
    if parameter.name in ("template", "paths", "arguments") or metavar == "FILE":
        return "file"
    return "dir" if metavar == "DIR" else None


def _path(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type=kind)]


def _offer(find: Find, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """What ``find`` gives within `TIMEOUT_SECONDS`; of a list ``a,b`` the last part is completed."""
    before, comma, last = incomplete.rpartition(",")
    found: dict[str, None] = {}

    def work() -> None:
        try:
            for name in find(ctx):
                found[name] = None
        except Exception:
            return  # no cluster, no such group, no rights: there is nothing to offer

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_timeout())
    names = sorted([*found])  # a copy: the thread may still be at work
    return [CompletionItem(before + comma + name) for name in names if name.startswith(last)]


def _timeout() -> float:
    try:
        return float(os.environ.get(TIMEOUT_VARIABLE, TIMEOUT_SECONDS))
    except ValueError:
        return TIMEOUT_SECONDS


def _groups(ctx: click.Context) -> Iterator[str]:
    from expander.base.state_dir import state_folder
    from expander.group.cluster_watch import GroupLister
    from expander.group.local_watch import GroupFolders
    from expander.kube.objects import Selection

    flags = ctx.params
    yield from GroupFolders(state_folder("any", flags.get("state")).parent, None).known()
    if flags.get("local") or flags.get("state"):
        return
    label = flags.get("group_label") or "jobgroup"
    asking, namespace = _cluster(flags)
    lister = GroupLister(asking, Selection(None if flags.get("everywhere") else namespace, label))
    yield from (job["metadata"]["labels"][label] for job in lister.selected(lister.workloads))


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

    default = os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    for path in (ctx.params.get("kubeconfig") or default).split(os.pathsep):
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


BY_NAME: Final[dict[str, Find]] = {
    "group": _groups,
    "items": _items,
    "names": _items,
    "jobs": _items,
    "namespace": _namespaces,
    "context": _contexts,
}
"""By the name of a parameter: what it can be."""
